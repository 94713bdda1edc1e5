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
    /// Methods of each additional key exchange, ADDKE1 first, at most seven (RFC 9370); empty for none.
    /// ``KeyExchangeMethod/none`` in a place makes it optional.
    public var additionalKeyExchanges: [[KeyExchangeMethod]]

    /// Makes a proposal.
    public init(
        ciphers: [CipherChoice],
        prfs: [PRFAlgorithm],
        integrities: [IntegrityAlgorithm] = [],
        keyExchanges: [KeyExchangeMethod],
        additionalKeyExchanges: [[KeyExchangeMethod]] = []
    ) {
        self.ciphers = ciphers
        self.prfs = prfs
        self.integrities = integrities
        self.keyExchanges = keyExchanges
        self.additionalKeyExchanges = additionalKeyExchanges
    }

    /// Whether every choice from it holds against a quantum computer: one of its key exchanges is post-quantum whatever
    /// the peer chooses.
    public var guaranteesPostQuantum: Bool {
        ([keyExchanges] + additionalKeyExchanges).contains { place in
            !place.isEmpty && place.allSatisfy(\.isPostQuantum)
        }
    }

    /// What Culvert offers by default, without additional key exchanges; configuration puts ``hybrid`` before it.
    public static let offered: [IKEProposal] = [
        IKEProposal(
            ciphers: [.aes256GCM, .chaCha20Poly1305],
            prfs: [.hmacSHA384, .hmacSHA256],
            keyExchanges: [.x25519, .ecp384, .modp4096]
        )
    ]

    /// A classical key exchange with ML-KEM-768 behind it.
    public static let hybrid = IKEProposal(
        ciphers: [.aes256GCM, .chaCha20Poly1305],
        prfs: [.hmacSHA384, .hmacSHA256],
        keyExchanges: [.x25519],
        additionalKeyExchanges: [[.mlKEM768]]
    )

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
    /// Methods of each additional key exchange, ADDKE1 first, at most seven (RFC 9370); empty for none.
    public var additionalKeyExchanges: [[KeyExchangeMethod]]
    /// 64-bit sequence numbers, best first: `[true, false]` prefers them.
    public var extendedSequenceNumbers: [Bool]

    /// Makes a proposal.
    public init(
        ciphers: [CipherChoice],
        integrities: [IntegrityAlgorithm] = [],
        keyExchanges: [KeyExchangeMethod] = [],
        additionalKeyExchanges: [[KeyExchangeMethod]] = [],
        extendedSequenceNumbers: [Bool] = [true, false]
    ) {
        self.ciphers = ciphers
        self.integrities = integrities
        self.keyExchanges = keyExchanges
        self.additionalKeyExchanges = additionalKeyExchanges
        self.extendedSequenceNumbers = extendedSequenceNumbers
    }

    /// PFS with a classical key exchange and ML-KEM-768 behind it.
    public static let hybrid = ESPProposal(
        ciphers: [.aes256GCM, .chaCha20Poly1305],
        keyExchanges: [.x25519],
        additionalKeyExchanges: [[.mlKEM768]]
    )

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
