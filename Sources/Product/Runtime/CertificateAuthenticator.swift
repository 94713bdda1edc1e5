import Dispatch
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import Policy
import Synchronization

/// Verifies a peer's chain, identity, role and signature against what its connection trusts.
public final class CertificateAuthenticator: PeerAuthenticator {
    /// What one connection trusts.
    public struct Trust: Sendable {
        /// The roots.
        public var anchors: TrustAnchors
        /// Whether the peer must be a gateway.
        public var purpose: ValidationPurpose
        /// Which signatures are accepted.
        public var signatures: SignaturePolicy

        /// Gathers the parts.
        public init(
            anchors: TrustAnchors,
            purpose: ValidationPurpose,
            signatures: SignaturePolicy = SignaturePolicy()
        ) {
            self.anchors = anchors
            self.purpose = purpose
            self.signatures = signatures
        }
    }

    private let crypto: any CryptoProvider
    private let trust: [String: Trust]
    private let revocation: @Sendable () -> any RevocationView
    private let registry: PeerRegistry
    private let validator = PathValidator()
    /// Chains of peers that come back, with their keys parsed. A reload makes a new authenticator, and so an empty cache.
    private let known = Mutex(ValidatedChainCache<VerificationKey>(limit: knownLimit))
    /// Each takes some three kilobytes.
    private static let knownLimit = 1024
    /// A path within the limits takes milliseconds; more than this is a fault of ours, and a refusal.
    private static let patience = 10.0

    /// Makes a verifier.
    ///
    /// - Parameters:
    ///   - trust: by connection name; a connection without an entry trusts nobody.
    ///   - revocation: the newest snapshot of revocations, taken for each verification.
    ///   - registry: where what was found is kept until authorization asks for it.
    public init(
        crypto: any CryptoProvider,
        trust: [String: Trust],
        registry: PeerRegistry,
        revocation: @escaping @Sendable () -> any RevocationView = { RevokedSerials() }
    ) {
        self.crypto = crypto
        self.trust = trust
        self.registry = registry
        self.revocation = revocation
    }

    /// Under which name the trust of a round stands (RFC 4739): the first one has the connection's own.
    public static func name(_ connection: String, round: Int) -> String {
        round == 0 ? connection : "\(connection)#\(round + 1)"
    }

    /// Path, then identity, then signature: nothing about the peer is believed before all three hold.
    public func verify(_ request: PeerVerificationRequest, wallClock: WallTime) -> PeerVerification {
        let name = Self.name(request.connection, round: request.round)
        guard let trust = trust[name] else {
            return .refused(reason: "connection \(request.connection) trusts no certificates")
        }
        let key = ValidatedChainCache<VerificationKey>.Key(label: name, chain: request.certificates)
        let view = revocation()
        if let found = known.withLock({ $0.find(key, wallClock: wallClock, revocation: view) }) {
            return verify(request, found.peer, found.companion, trust)
        }
        switch validate(request.certificates, trust, wallClock, view) {
        case .failure(let failure): return .refused(AuthenticationFailure(failure))
        case .success(let peer):
            guard let parsed = try? crypto.verificationKey(spkiDER: peer.spkiDER) else {
                return .refused(reason: "auth_signature: the key of the certificate cannot be used")
            }
            let outcome = verify(request, peer, parsed, trust)
            // Whoever cannot sign with a certificate's key takes no place for it.
            if case .accepted = outcome { known.withLock { $0.insert(key, peer, parsed) } }
            return outcome
        }
    }

    private func verify(
        _ request: PeerVerificationRequest,
        _ peer: ValidatedPeer,
        _ key: VerificationKey,
        _ trust: Trust
    ) -> PeerVerification {
        if let refusal = identityRefusal(request.identity, peer) { return .refused(refusal) }
        return checkSignature(request, peer, key, trust)
    }

    /// Path and identity as they are now; the ticket stands for the signature (RFC 5723).
    public func revalidate(_ request: PeerRevalidationRequest, wallClock: WallTime) -> PeerVerification {
        guard let trust = trust[request.connection] else {
            return .refused(reason: "connection \(request.connection) trusts no certificates")
        }
        let key = ValidatedChainCache<VerificationKey>.Key(label: request.connection, chain: request.certificates)
        let view = revocation()
        let peer: ValidatedPeer
        if let found = known.withLock({ $0.find(key, wallClock: wallClock, revocation: view) }) {
            peer = found.peer
        } else {
            switch validate(request.certificates, trust, wallClock, view) {
            case .failure(let failure): return .refused(AuthenticationFailure(failure))
            case .success(let valid): peer = valid
            }
        }
        if let refusal = identityRefusal(request.identity, peer) { return .refused(refusal) }
        return .accepted(verified(peer, proof: "ticket"))
    }

    private func identityRefusal(_ claimed: Identity, _ peer: ValidatedPeer) -> AuthenticationFailure? {
        do throws(ValidationFailure) {
            guard let identity = CertificateIdentity(claimed) else {
                throw .identityUnusable(identity: claimed.description, reason: "no certificate proves it")
            }
            try IdentityBinding.check(identity, against: peer)
            return nil
        } catch {
            return AuthenticationFailure(error)
        }
    }

    private func verified(_ peer: ValidatedPeer, proof: String) -> VerifiedPeer {
        VerifiedPeer(
            leaf: peer.leafDER,
            notAfter: peer.notAfter,
            attributes: [
                "subject": peer.displayName,
                "serial": "\(peer.serial)",
                "issuer": "\(peer.issuer)",
                "signature": proof,
            ],
            token: registry.add(peer)
        )
    }

    private func checkSignature(
        _ request: PeerVerificationRequest,
        _ peer: ValidatedPeer,
        _ key: VerificationKey,
        _ trust: Trust
    ) -> PeerVerification {
        do {
            let algorithm = try crypto.verify(
                SignatureAuthentication(
                    method: AuthMethod(rawValue: request.method.rawValue),
                    data: request.authentication
                ),
                octets: request.octets,
                key: key,
                policy: trust.signatures
            )
            return .accepted(verified(peer, proof: "\(algorithm)"))
        } catch SignatureRefusal.algorithmNotAllowed(let algorithm) {
            return .refused(
                AuthenticationFailure(
                    reason: "auth_method",
                    "\(algorithm) is not among the signatures allowed for this peer",
                    offered: ["\(algorithm)"],
                    wanted: trust.signatures.kinds.map { "\($0)" }.sorted()
                )
            )
        } catch {
            return .refused(
                AuthenticationFailure(
                    reason: "auth_signature",
                    "\(error)",
                    offered: ["a signature of method \(request.method)"],
                    wanted: ["one by the key of \(peer.displayName), serial \(peer.serial)"]
                )
            )
        }
    }

    /// swift-certificates validates asynchronously; this thread of the bounded pool waits for it.
    private func validate(
        _ certificates: [[UInt8]],
        _ trust: Trust,
        _ wallClock: WallTime,
        _ view: any RevocationView
    ) -> Result<ValidatedPeer, ValidationFailure> {
        let box = Waiting<Result<ValidatedPeer, ValidationFailure>>()
        let validator = validator
        Task {
            let result = await validator.validate(
                chain: certificates,
                anchors: trust.anchors,
                wallClock: wallClock,
                purpose: trust.purpose,
                revocation: view,
                allowsMLDSA: trust.signatures.kinds.contains(.mlDSA)
            )
            box.finish(result)
        }
        return box.wait(seconds: Self.patience) ?? .failure(.pathRule(reason: "validation did not end"))
    }
}

/// What verification found, kept from the verifier's thread until the shard authorizes the peer; bounded.
public final class PeerRegistry: Sendable {
    private struct State {
        var peers: [UInt64: ValidatedPeer] = [:]
        var next: UInt64 = 1
    }

    private let state = Mutex(State())
    /// Peers between verification and authorization; the oldest go first.
    private static let limit = 8192

    /// Makes an empty registry.
    public init() {}

    func add(_ peer: ValidatedPeer) -> UInt64 {
        state.withLock { state in
            let token = state.next
            state.next += 1
            state.peers[token] = peer
            if token > UInt64(Self.limit) { state.peers[token - UInt64(Self.limit)] = nil }
            return token
        }
    }

    /// What was found of a peer; nil when it authenticated otherwise.
    public func peer(_ token: UInt64) -> ValidatedPeer? {
        state.withLock { $0.peers[token] }
    }
}

extension CertificateIdentity {
    /// The identity that an ID payload carries; nil for kinds that no certificate proves.
    public init?(_ identity: Identity) {
        switch identity {
        case .fqdn(let name): self = .fqdn(name)
        case .rfc822(let mailbox): self = .email(mailbox)
        case .address(let address): self = .address(address)
        case .distinguishedName(let der): self = .distinguishedName(der)
        case .keyID(let bytes): self = .keyID(bytes)
        case .generalName, .null, .other: return nil
        }
    }
}

extension PolicyPeer.Signature {
    /// The policy's word as the library of signatures knows it.
    public var kind: SignatureKind {
        switch self {
        case .rsaPSS: .rsaPSS
        case .rsaPKCS1: .rsaPKCS1
        case .ecdsa: .ecdsa
        case .ed25519: .ed25519
        case .mlDSA: .mlDSA
        }
    }
}
