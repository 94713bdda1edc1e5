import IPsecTypes

/// One proposal for an IKE SA: a choice per transform type, best first (RFC 7296 §3.3).
///
/// AEAD and other ciphers go in separate proposals, because only the latter have integrity transforms (RFC 5282 §8).
public struct IKEProposal: Hashable, Sendable, Codable {
    /// Ciphers, all AEAD or none.
    public var ciphers: [CipherChoice]
    /// Pseudorandom functions.
    public var prfs: [PRFAlgorithm]
    /// Integrity; empty beside AEAD ciphers.
    public var integrities: [IntegrityAlgorithm]
    /// Key exchange methods; the first is the one whose public value is sent along.
    public var keyExchanges: [KeyExchangeMethod]

    /// Makes a proposal.
    public init(
        ciphers: [CipherChoice],
        prfs: [PRFAlgorithm],
        integrities: [IntegrityAlgorithm] = [],
        keyExchanges: [KeyExchangeMethod]
    ) {
        self.ciphers = ciphers
        self.prfs = prfs
        self.integrities = integrities
        self.keyExchanges = keyExchanges
    }

    /// What Culvert offers by default.
    public static let offered: [IKEProposal] = [
        IKEProposal(
            ciphers: [.aes256GCM, .chaCha20Poly1305],
            prfs: [.hmacSHA384, .hmacSHA256],
            keyExchanges: [.x25519, .ecp384, .modp4096]
        )
    ]

    /// What Culvert accepts by default: what it offers, and what native clients bring.
    public static let accepted: [IKEProposal] = [
        IKEProposal(
            ciphers: [.aes256GCM, .chaCha20Poly1305, .aes128GCM],
            prfs: [.hmacSHA384, .hmacSHA256, .hmacSHA512],
            keyExchanges: [.x25519, .ecp384, .modp4096, .ecp256, .ecp521, .modp3072, .modp2048]
        ),
        IKEProposal(
            ciphers: [.aes256CBC, .aes128CBC],
            prfs: [.hmacSHA384, .hmacSHA256, .hmacSHA512],
            integrities: [.hmacSHA384_192, .hmacSHA256_128, .hmacSHA512_256],
            keyExchanges: [.x25519, .ecp384, .modp4096, .ecp256, .ecp521, .modp3072, .modp2048]
        ),
    ]
}

/// One proposal for a Child SA with ESP.
public struct ESPProposal: Hashable, Sendable, Codable {
    /// Ciphers, all AEAD or none.
    public var ciphers: [CipherChoice]
    /// Integrity; empty beside AEAD ciphers.
    public var integrities: [IntegrityAlgorithm]
    /// Key exchange methods for PFS, used in CREATE_CHILD_SA only; empty for none. ``KeyExchangeMethod/none`` among
    /// them also accepts a peer that wants no PFS.
    public var keyExchanges: [KeyExchangeMethod]
    /// 64-bit sequence numbers, best first: `[true, false]` prefers them.
    public var extendedSequenceNumbers: [Bool]

    /// Makes a proposal.
    public init(
        ciphers: [CipherChoice],
        integrities: [IntegrityAlgorithm] = [],
        keyExchanges: [KeyExchangeMethod] = [],
        extendedSequenceNumbers: [Bool] = [true, false]
    ) {
        self.ciphers = ciphers
        self.integrities = integrities
        self.keyExchanges = keyExchanges
        self.extendedSequenceNumbers = extendedSequenceNumbers
    }

    /// What Culvert offers by default, with PFS.
    public static let offered: [ESPProposal] = [
        ESPProposal(
            ciphers: [.aes256GCM, .chaCha20Poly1305],
            keyExchanges: [.x25519, .ecp384, .modp4096]
        )
    ]

    /// What Culvert accepts by default: also from native clients, and also without PFS.
    public static let accepted: [ESPProposal] = [
        ESPProposal(
            ciphers: [.aes256GCM, .chaCha20Poly1305, .aes128GCM],
            keyExchanges: [.x25519, .ecp384, .modp4096, .ecp256, .ecp521, .modp3072, .modp2048, .none]
        ),
        ESPProposal(
            ciphers: [.aes256CBC, .aes128CBC],
            integrities: [.hmacSHA384_192, .hmacSHA256_128, .hmacSHA512_256],
            keyExchanges: [.x25519, .ecp384, .modp4096, .ecp256, .ecp521, .modp3072, .modp2048, .none]
        ),
    ]
}
