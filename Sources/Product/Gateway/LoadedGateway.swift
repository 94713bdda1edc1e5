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

    let signers: [KeyID: LocalKeyOracle.Signer]
    let preSharedKeys: [KeyID: SecretBytes]
    let trust: [String: CertificateAuthenticator.Trust]

    /// The connection of everybody who has no entry of its own.
    static let agents = "agents"
    /// The connection of a `peers:` entry.
    static func connectionName(_ peer: PolicyPeer) -> String { "peer:\(peer.name)" }

    /// Reads gateway.yaml, policy.yaml and every file they name.
    ///
    /// - Parameters:
    ///   - path: gateway.yaml.
    ///   - previous: the policy in force, so that running Child SAs keep their rules' indices.
    ///   - available: what passed its known answers; nothing else is offered.
    public static func load(
        _ configuration: GatewayConfiguration,
        previous: PolicyEngine? = nil,
        available: AvailableAlgorithms
    ) throws(CulvertError) -> LoadedGateway {
        var document = try policy(configuration.files.policy)
        let own = try anchors(configuration.identity.authorities)
        var peerAnchors: [String: TrustAnchors] = [:]
        var digests: [String: String] = [:]
        for file in document.authorityFiles {
            let roots = try anchors(file)
            peerAnchors[file] = roots
            digests[file] = roots.certificates.first.map { "\($0.fingerprint)" }
        }
        let unresolved = document.peers
        document.resolveAuthorities(digests)
        var builder = try ConnectionBuilder(configuration, own: own, available: available)
        for peer in unresolved { try builder.add(peer, authorities: peerAnchors) }
        builder.addAgents()
        var limits = IKELimits()
        limits.halfOpenLifetime = configuration.ike.halfOpenLife
        limits.cookieThreshold = configuration.ike.cookiesFrom
        limits.halfOpenLimit = configuration.limits.halfOpen
        limits.children = configuration.limits.children
        limits.certificates = configuration.limits.chain
        return LoadedGateway(
            configuration: configuration,
            policy: PolicyEngine(document, previous: previous),
            engine: IKEConfiguration(
                connections: builder.connections,
                limits: limits,
                localNATPort: UInt16(clamping: configuration.listen.natPort)
            ),
            ownRoots: Set(own.certificates.map(\.fingerprint)),
            signers: builder.signers,
            preSharedKeys: builder.preSharedKeys,
            trust: builder.trust
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

/// Makes the engine's connections: one for each `peers:` entry, then one for all agents.
struct ConnectionBuilder {
    private(set) var connections: [ConnectionConfiguration] = []
    private(set) var signers: [KeyID: LocalKeyOracle.Signer] = [:]
    private(set) var preSharedKeys: [KeyID: SecretBytes] = [:]
    private(set) var trust: [String: CertificateAuthenticator.Trust] = [:]

    private let configuration: GatewayConfiguration
    private let own: TrustAnchors
    private let available: AvailableAlgorithms
    private let chain: [[UInt8]]
    private let key: SigningKey
    private let identity: Identity

    init(
        _ configuration: GatewayConfiguration,
        own: TrustAnchors,
        available: AvailableAlgorithms
    ) throws(CulvertError) {
        self.configuration = configuration
        self.own = own
        self.available = available
        let certificateFile = configuration.identity.certificate
        let bytes = try readFile(certificateFile)
        do throws(PEM.Failure) {
            chain = try PEM.certificates(in: bytes)
        } catch {
            throw CulvertError(.badCertificateFile, "\(certificateFile): \(error)")
        }
        let keyBytes = try readFile(configuration.identity.key, isPrivate: true)
        do throws(KeyRefusal) {
            key = try SigningKey(pem: keyBytes)
        } catch {
            throw CulvertError(.keyUnusable, "\(configuration.identity.key): \(error)")
        }
        guard let leaf = chain.first, let parsed = try? ParsedCertificate(der: leaf) else {
            throw CulvertError(.badCertificateFile, "\(certificateFile) holds no certificate that can be read")
        }
        guard parsed.spkiDER == key.publicKeyDER else {
            throw CulvertError(.keyUnusable, "\(configuration.identity.key) is not the key of \(certificateFile)")
        }
        let shown = configuration.identity.id ?? parsed.names.dns.first ?? configuration.identityName
        guard let identity = Identity(configuration: shown) else {
            throw CulvertError(.invalidValue, "identity.id: \(shown.printable) is not an identity")
        }
        self.identity = identity
    }

    mutating func add(_ peer: PolicyPeer, authorities: [String: TrustAnchors]) throws(CulvertError) {
        let name = LoadedGateway.connectionName(peer)
        let expected: RemoteIdentity
        if case .distinguishedName = peer.id, case .certificate = peer.authentication {
            // The text is compared with the certificate's subject at authorization.
            expected = .any
        } else if let remote = Identity(peer.id) {
            expected = .oneOf([remote])
        } else {
            throw CulvertError(.invalidValue, "\(peer.reference): \(peer.id) cannot be used with a pre-shared key")
        }
        let local = peer.localID.flatMap { Identity($0) } ?? identity
        let policy = signaturePolicy(peer.signatures)
        let ours: LocalAuthentication
        let theirs: RemoteAuthentication
        switch peer.authentication {
        case .presharedKey(let path):
            preSharedKeys[KeyID(name)] = try sharedKey(path)
            ours = .preSharedKey(KeyID(name))
            theirs = .preSharedKey(KeyID(name))
        case .certificate(let authority):
            let anchors = try anchors(authority, authorities, peer)
            signers[KeyID(name)] = LocalKeyOracle.Signer(key: key, policy: policy)
            trust[name] = CertificateAuthenticator.Trust(anchors: anchors, purpose: .peer, signatures: policy)
            ours = .certificate(chain: chain, key: KeyID(name))
            theirs = .certificate(authorityKeyHashes: hashes(anchors))
        }
        var connection = base(name, local, expected, ours, theirs)
        if let own = peer.ikeProposals { connection.ikeProposals = usable(own.map { IKEProposal($0) }) }
        if let own = peer.espProposals { connection.children[0].proposals = usable(own.map { ESPProposal($0) }) }
        connection.timing = configuration.ike.siteTiming
        connection.replacesOlder = false
        connections.append(connection)
    }

    mutating func addAgents() {
        let name = LoadedGateway.agents
        let policy = signaturePolicy([.ecdsa, .ed25519, .rsaPSS])
        signers[KeyID(name)] = LocalKeyOracle.Signer(key: key, policy: policy)
        trust[name] = CertificateAuthenticator.Trust(anchors: own, purpose: .peer, signatures: policy)
        connections.append(
            base(
                name,
                identity,
                .any,
                .certificate(chain: chain, key: KeyID(name)),
                .certificate(authorityKeyHashes: hashes(own))
            )
        )
    }

    private func base(
        _ name: String,
        _ local: Identity,
        _ remote: RemoteIdentity,
        _ ours: LocalAuthentication,
        _ theirs: RemoteAuthentication
    ) -> ConnectionConfiguration {
        let everything = IPAddress.Family.allCases.map { TrafficSelector.everything($0) }
        let child = configuration.esp.child(
            name: "default",
            proposals: usable(configuration.esp.acceptedProposals),
            local: everything,
            remote: everything
        )
        return ConnectionConfiguration(
            name: name,
            localIdentity: local,
            remoteIdentity: remote,
            localAuthentication: ours,
            remoteAuthentication: theirs,
            ikeProposals: usable(configuration.ike.acceptedProposals),
            children: [child],
            alwaysEncapsulates: !configuration.listen.rawESP,
            fragmentBytes: configuration.ike.fragmentSize,
            timing: configuration.ike.timing
        )
    }

    private func anchors(
        _ authority: PolicyPeer.Authority,
        _ authorities: [String: TrustAnchors],
        _ peer: PolicyPeer
    ) throws(CulvertError) -> TrustAnchors {
        switch authority {
        case .own: return own
        case .file(let path):
            guard let anchors = authorities[path] else { throw CulvertError(.missingFile, "\(path) was not read") }
            return anchors
        case .publicKey(let digest):
            guard let pin = SPKIFingerprint(digest) else {
                throw CulvertError(.invalidValue, "\(peer.reference): not a SHA-256 value")
            }
            do throws(TrustAnchors.Failure) {
                let known = own.certificates.filter { $0.fingerprint == pin }.map(\.der)
                return try TrustAnchors(certificates: known, pins: [pin])
            } catch {
                throw CulvertError(.untrustedIssuer, "\(peer.reference): \(error)")
            }
        }
    }

    private func sharedKey(_ path: String) throws(CulvertError) -> SecretBytes {
        var bytes = try readFile(path, isPrivate: true)
        while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
        let secret = SecretBytes(bytes)
        for index in bytes.indices { bytes[index] = 0 }
        do throws(KeyRefusal) {
            return try PreSharedKey(secret).secret
        } catch {
            throw CulvertError(.weakPSK, "\(path): \(error)")
        }
    }

    private func hashes(_ anchors: TrustAnchors) -> [[UInt8]] {
        anchors.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) }
    }

    private func signaturePolicy(_ allowed: [PolicyPeer.Signature]) -> SignaturePolicy {
        SignaturePolicy(allowRSAPKCS1: allowed.contains(.rsaPKCS1))
    }

    /// Without the algorithms that failed their known answers; a proposal that has none left of a kind goes.
    private func usable(_ proposals: [IKEv2.IKEProposal]) -> [IKEv2.IKEProposal] {
        proposals.compactMap { proposal in
            var kept = proposal
            kept.ciphers = usable(kept.ciphers)
            kept.prfs.removeAll { !available.prfs.contains($0) }
            kept.integrities.removeAll { !available.integrity.contains($0) }
            kept.keyExchanges.removeAll { !available.keyExchanges.contains($0) }
            let whole = proposal.integrities.isEmpty || !kept.integrities.isEmpty
            return kept.ciphers.isEmpty || kept.prfs.isEmpty || kept.keyExchanges.isEmpty || !whole ? nil : kept
        }
    }

    private func usable(_ proposals: [IKEv2.ESPProposal]) -> [IKEv2.ESPProposal] {
        proposals.compactMap { proposal in
            var kept = proposal
            kept.ciphers = usable(kept.ciphers)
            kept.integrities.removeAll { !available.integrity.contains($0) }
            kept.keyExchanges.removeAll { $0 != .none && !available.keyExchanges.contains($0) }
            let whole = proposal.integrities.isEmpty || !kept.integrities.isEmpty
            return kept.ciphers.isEmpty || !whole ? nil : kept
        }
    }

    private func usable(_ ciphers: [CipherChoice]) -> [CipherChoice] {
        ciphers.filter { available.ciphers.contains(AvailableAlgorithms.Cipher($0.algorithm, keyBits: $0.keyBits)) }
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
