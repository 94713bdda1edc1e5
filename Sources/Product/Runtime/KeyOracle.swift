import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes

/// Holds long-term secrets and uses them on request; they never leave it (law 4). Safe to call from several threads.
public protocol KeyOracle: Sendable {
    /// Signs AUTH octets; nil when there is no such key or no algorithm fits the peer.
    func sign(_ request: SignRequest) -> AuthenticationPayload?
    /// AUTH data from a pre-shared key; nil when there is no such key.
    func prove(_ request: PreSharedKeyRequest) -> [UInt8]?
    /// Whether `claimed` is the AUTH data that the pre-shared key gives.
    func verify(_ request: PreSharedKeyRequest, claimed: [UInt8]) -> Bool
    /// The keys of an IKE SA with a post-quantum pre-shared key in them; nil when there is no such key.
    func mix(_ request: PPKRequest) -> PPKKeys?
}

/// A key oracle in this process's memory. A reload makes a new one.
public struct LocalKeyOracle: KeyOracle {
    /// How a key may sign.
    public struct Signer: Sendable {
        /// The private key.
        public var key: SigningKey
        /// What the connection allows.
        public var policy: SignaturePolicy

        /// Makes a signer.
        public init(key: SigningKey, policy: SignaturePolicy = SignaturePolicy()) {
            self.key = key
            self.policy = policy
        }
    }

    private let crypto: any CryptoProvider
    private let signers: [KeyID: Signer]
    private let preSharedKeys: [KeyID: SecretBytes]
    private let ppks: [KeyID: SecretBytes]

    /// Makes an oracle of these secrets.
    public init(
        crypto: any CryptoProvider,
        signers: [KeyID: Signer] = [:],
        preSharedKeys: [KeyID: SecretBytes] = [:],
        ppks: [KeyID: SecretBytes] = [:]
    ) {
        self.crypto = crypto
        self.signers = signers
        self.preSharedKeys = preSharedKeys
        self.ppks = ppks
    }

    /// Signs with the key's best algorithm that the peer knows.
    public func sign(_ request: SignRequest) -> AuthenticationPayload? {
        guard let signer = signers[request.key],
            let made = announced(request, signer)
                ?? (try? crypto.sign(
                    request.octets,
                    key: signer.key,
                    peerHashes: request.peerHashes,
                    policy: signer.policy
                ))
        else { return nil }
        return AuthenticationPayload(
            method: AuthenticationMethod(rawValue: made.method.rawValue),
            data: made.data
        )
    }

    /// The first signature that the peer says it verifies and that our key and the connection allow (RFC 9593). Where none
    /// fits, the peer may have said less than it knows.
    private func announced(_ request: SignRequest, _ signer: Signer) -> SignatureAuthentication? {
        for algorithm in request.announced ?? [] {
            guard signer.policy.kinds.contains(algorithm.kind), signer.policy.hashes.contains(algorithm.hash) else {
                continue
            }
            let policy = SignaturePolicy(hashes: [algorithm.hash], kinds: [algorithm.kind])
            let made = try? crypto.sign(
                request.octets,
                key: signer.key,
                peerHashes: request.peerHashes,
                policy: policy
            )
            if let made { return made }
        }
        return nil
    }

    /// AUTH data of RFC 7296 §2.15.
    public func prove(_ request: PreSharedKeyRequest) -> [UInt8]? {
        guard let secret = preSharedKeys[request.key] else { return nil }
        return try? crypto.sharedKeyAuthentication(request.prf, secret: secret, octets: request.octets)
    }

    /// The derivation of RFC 8784 §3.
    public func mix(_ request: PPKRequest) -> PPKKeys? {
        guard let ppk = ppks[request.key] else { return nil }
        return try? IKEKeySchedule(provider: crypto).mixed(request.keys, prf: request.prf, ppk: ppk)
    }

    /// Constant-time comparison with the AUTH data of RFC 7296 §2.15.
    public func verify(_ request: PreSharedKeyRequest, claimed: [UInt8]) -> Bool {
        guard let secret = preSharedKeys[request.key] else { return false }
        return crypto.isValidSharedKeyAuthentication(
            claimed,
            prf: request.prf,
            secret: secret,
            octets: request.octets
        )
    }
}

/// Verifies peers' certificates and signatures. Safe to call from several threads; each call runs on a bounded pool.
public protocol PeerAuthenticator: Sendable {
    /// Chain, identity, role and signature; blocks until the answer stands.
    func verify(_ request: PeerVerificationRequest, wallClock: WallTime) -> PeerVerification
    /// The same without the signature, for a peer whose ticket stands for it (RFC 5723): chain, identity, role and revocation
    /// as they are now.
    func revalidate(_ request: PeerRevalidationRequest, wallClock: WallTime) -> PeerVerification
}

extension PeerAuthenticator {
    /// Whoever gives no tickets resumes nobody.
    public func revalidate(_ request: PeerRevalidationRequest, wallClock: WallTime) -> PeerVerification {
        .refused(reason: "ticket_unused: sessions are not resumed here")
    }
}
