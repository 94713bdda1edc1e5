import ConfigFile
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import Policy
import Runtime
import Store

/// A gateway's configuration, policy and credentials, read and checked as a whole: either all of it holds or nothing of it
/// is used.
public struct LoadedGateway: Sendable {
    /// gateway.yaml.
    public var configuration: GatewayConfiguration
    /// policy.yaml, compiled.
    public var policy: PolicyEngine
    /// What the engine is given.
    public var engine: IKEConfiguration
    /// Keys of the issuing CAs that are ours, by SHA-256 of their public key.
    public var ownRoots: Set<SPKIFingerprint>

    /// policy.yaml as it was read.
    let document: PolicyDocument
    let signers: [KeyID: LocalKeyOracle.Signer]
    let preSharedKeys: [KeyID: SecretBytes]
    let ppks: [KeyID: SecretBytes]
    let trust: [String: CertificateAuthenticator.Trust]
    /// The gateway's own EAP server.
    let eap: LocalEAPDesk.Server?
    let eapAnchors: TrustAnchors?

    /// The connection of everybody who has no entry of its own.
    static let agents = "agents"
    /// The connection of all `peers:` entries with a distinguished name, when there are several.
    static let namedPeers = "peers by name"
    /// The connection of all whom EAP alone authenticates.
    static let users = "users"
    /// The connection of a `peers:` entry.
    static func connectionName(_ peer: PolicyPeer) -> String { "peer:\(peer.name)" }

    /// Reads gateway.yaml, policy.yaml and every file they name.
    ///
    /// - Parameters:
    ///   - path: gateway.yaml.
    ///   - document: policy.yaml as it was read before; nil to read it.
    ///   - previous: the policy in force, so that running Child SAs keep their rules' indices.
    ///   - available: what passed its known answers; nothing else is offered.
    public static func load(
        _ configuration: GatewayConfiguration,
        document known: PolicyDocument? = nil,
        previous: PolicyEngine? = nil,
        available: AvailableAlgorithms
    ) throws(CulvertError) -> LoadedGateway {
        let source = if let known { known } else { try policy(configuration.files.policy) }
        var document = source
        let own = try anchors(configuration.identity.authorities)
        var peerAnchors: [String: TrustAnchors] = [:]
        var digests: [String: String] = [:]
        for file in document.authorityFiles {
            let roots = try anchors(file)
            guard let root = roots.certificates.first, roots.certificates.count == 1 else {
                throw CulvertError(
                    .badCertificateFile,
                    "\(file) holds \(roots.certificates.count) certificates; the authority of a peer is one root",
                    next: "keep the root that issued the peer's certificate, and let the peer send the rest"
                )
            }
            peerAnchors[file] = roots
            digests[file] = "\(root.fingerprint)"
        }
        let unresolved = document.peers
        document.resolveAuthorities(digests)
        let compiled = PolicyEngine(document, previous: previous)
        let failures = compiled.testFailures()
        // A policy that fails its own tests is refused whole, at start and at reload (E1204).
        guard failures.isEmpty else { throw CulvertError(ConfigProblems(failures.map(\.problem))) }
        var builder = try ConnectionBuilder(configuration, own: own, available: available)
        let named = unresolved.filter(\.isKnownByItsSubject)
        for peer in unresolved where !peer.isKnownByItsSubject { try builder.add(peer, authorities: peerAnchors) }
        try builder.addNamed(named, authorities: peerAnchors)
        builder.addAgents()
        try builder.addUsers(unresolved.filter(\.isUserOfEAP))
        let eap = EAPLoader(configuration: configuration, own: own, chain: builder.chain)
        var limits = IKELimits()
        limits.halfOpenLifetime = configuration.ike.halfOpenLife
        limits.cookieThreshold = configuration.ike.cookiesFrom
        limits.puzzleThreshold = configuration.ike.puzzlesFrom
        limits.authPuzzleThreshold = configuration.ike.authPuzzlesFrom
        limits.halfOpenLimit = configuration.limits.halfOpen
        limits.children = configuration.limits.children
        limits.certificates = configuration.limits.chain
        return LoadedGateway(
            configuration: configuration,
            policy: compiled,
            engine: IKEConfiguration(
                connections: builder.connections,
                limits: limits,
                localNATPort: UInt16(clamping: configuration.listen.natPort)
            ),
            ownRoots: Set(own.certificates.map(\.fingerprint)),
            document: source,
            signers: builder.signers,
            preSharedKeys: builder.preSharedKeys,
            ppks: builder.ppks,
            trust: builder.trust,
            eap: try eap.server(),
            eapAnchors: try eap.userAnchors()
        )
    }

    /// Reads and parses gateway.yaml.
    public static func readConfiguration(_ path: String) throws(CulvertError) -> GatewayConfiguration {
        let bytes = try readFile(path)
        do throws(ConfigProblems) {
            return try GatewayConfiguration.decode(bytes, file: path)
        } catch {
            throw CulvertError(error)
        }
    }

    private static func policy(_ path: String) throws(CulvertError) -> PolicyDocument {
        let bytes = try readFile(path)
        do throws(ConfigProblems) {
            return try PolicyDocument.decode(ConfigDocument.parse(bytes, file: path))
        } catch {
            throw CulvertError(error)
        }
    }

    private static func anchors(_ path: String) throws(CulvertError) -> TrustAnchors {
        let bytes = try readFile(path)
        let ders: [[UInt8]]
        do throws(PEM.Failure) {
            ders = try PEM.certificates(in: bytes)
        } catch {
            throw CulvertError(.badCertificateFile, "\(path): \(error)")
        }
        do throws(TrustAnchors.Failure) {
            return try TrustAnchors(certificates: ders)
        } catch {
            throw CulvertError(.badCertificateFile, "\(path): \(error)")
        }
    }
}

func readFile(_ path: String, isPrivate: Bool = false) throws(CulvertError) -> [UInt8] {
    do throws(AtomicFile.Failure) {
        return isPrivate ? try AtomicFile.readPrivate(path) : try AtomicFile.read(path)
    } catch {
        throw error.culvertError
    }
}

extension PolicyPeer {
    /// Whether its entry gives a distinguished name as text, so that only its certificate tells whether it is meant.
    var isKnownByItsSubject: Bool {
        guard case .distinguishedName = id, case .certificate = authentication else { return false }
        return true
    }
}

extension PolicyPeer {
    /// Whether EAP alone says who it is.
    var isUserOfEAP: Bool {
        if case .eap = authentication { true } else { false }
    }
}

extension Identity {
    /// The IKE identity that a policy names.
    init?(_ identifier: PeerIdentifier) {
        switch identifier {
        case .fqdn(let name): self = .fqdn(name)
        case .email(let mailbox): self = .rfc822(mailbox)
        case .address(let address): self = .address(address)
        // A policy writes a name as text; which DER it stands for, only the certificate tells.
        case .distinguishedName: return nil
        case .keyID(let bytes): self = .keyID(bytes)
        }
    }
}

extension PeerIdentifier {
    /// The policy's form of an authenticated IKE identity; nil for kinds that no policy names.
    init?(_ identity: Identity) {
        switch identity {
        case .fqdn(let name): self.init(fqdn: name)
        case .rfc822(let mailbox): self.init(email: mailbox)
        case .address(let address): self = .address(address)
        case .keyID(let bytes): self = .keyID(bytes)
        case .distinguishedName, .generalName, .null, .other: return nil
        }
    }
}
