/// Transform type 1, encryption (RFC 7296 §3.3.2, IANA "Transform Type 1"). Values we do not know stay representable.
public struct EncryptionAlgorithm: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt16
    /// Makes a value from its IANA number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// AES-CBC (RFC 3602).
    public static let aesCBC = EncryptionAlgorithm(rawValue: 12)
    /// AES-GCM with a 16-byte tag (RFC 4106, RFC 5282).
    public static let aesGCM16 = EncryptionAlgorithm(rawValue: 20)
    /// ChaCha20-Poly1305 (RFC 7634).
    public static let chaCha20Poly1305 = EncryptionAlgorithm(rawValue: 28)

    /// Whether the cipher authenticates by itself and needs no integrity transform.
    public var isAEAD: Bool { self == .aesGCM16 || self == .chaCha20Poly1305 }
    /// Whether a Key Length attribute must accompany the transform (RFC 7296 §3.3.5).
    public var needsKeyLength: Bool { self == .aesCBC || self == .aesGCM16 }
    /// The name used in configuration and logs, without key length.
    public var description: String {
        switch self {
        case .aesCBC: "aes-cbc"
        case .aesGCM16: "aes-gcm"
        case .chaCha20Poly1305: "chacha20-poly1305"
        default: "encryption(\(rawValue))"
        }
    }
}

/// Transform type 2, pseudorandom function.
public struct PRFAlgorithm: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt16
    /// Makes a value from its IANA number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// HMAC-SHA2-256 (RFC 4868).
    public static let hmacSHA256 = PRFAlgorithm(rawValue: 5)
    /// HMAC-SHA2-384 (RFC 4868).
    public static let hmacSHA384 = PRFAlgorithm(rawValue: 6)
    /// HMAC-SHA2-512 (RFC 4868).
    public static let hmacSHA512 = PRFAlgorithm(rawValue: 7)

    /// Output and preferred key length in bytes; nil for an unknown function.
    public var outputLength: Int? {
        switch self {
        case .hmacSHA256: 32
        case .hmacSHA384: 48
        case .hmacSHA512: 64
        default: nil
        }
    }
    /// The name used in configuration and logs.
    public var description: String {
        switch self {
        case .hmacSHA256: "prf-sha256"
        case .hmacSHA384: "prf-sha384"
        case .hmacSHA512: "prf-sha512"
        default: "prf(\(rawValue))"
        }
    }
}

/// Transform type 3, integrity.
public struct IntegrityAlgorithm: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt16
    /// Makes a value from its IANA number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// None: only beside an AEAD cipher.
    public static let none = IntegrityAlgorithm(rawValue: 0)
    /// HMAC-SHA2-256-128 (RFC 4868).
    public static let hmacSHA256_128 = IntegrityAlgorithm(rawValue: 12)
    /// HMAC-SHA2-384-192 (RFC 4868).
    public static let hmacSHA384_192 = IntegrityAlgorithm(rawValue: 13)
    /// HMAC-SHA2-512-256 (RFC 4868).
    public static let hmacSHA512_256 = IntegrityAlgorithm(rawValue: 14)

    /// Key length in bytes; nil for an unknown algorithm.
    public var keyLength: Int? {
        switch self {
        case .none: 0
        case .hmacSHA256_128: 32
        case .hmacSHA384_192: 48
        case .hmacSHA512_256: 64
        default: nil
        }
    }
    /// Length of the integrity check value in bytes; nil for an unknown algorithm.
    public var icvLength: Int? { keyLength.map { $0 / 2 } }
    /// The name used in configuration and logs.
    public var description: String {
        switch self {
        case .none: "none"
        case .hmacSHA256_128: "sha256"
        case .hmacSHA384_192: "sha384"
        case .hmacSHA512_256: "sha512"
        default: "integrity(\(rawValue))"
        }
    }
}

/// Transform type 4, key exchange method (a Diffie-Hellman group or a KEM).
public struct KeyExchangeMethod: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt16
    /// Makes a value from its IANA number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// No key exchange (RFC 7296 §3.3.2, value 0).
    public static let none = KeyExchangeMethod(rawValue: 0)
    /// 2048-bit MODP (RFC 3526).
    public static let modp2048 = KeyExchangeMethod(rawValue: 14)
    /// 3072-bit MODP (RFC 3526).
    public static let modp3072 = KeyExchangeMethod(rawValue: 15)
    /// 4096-bit MODP (RFC 3526).
    public static let modp4096 = KeyExchangeMethod(rawValue: 16)
    /// 6144-bit MODP (RFC 3526).
    public static let modp6144 = KeyExchangeMethod(rawValue: 17)
    /// 8192-bit MODP (RFC 3526).
    public static let modp8192 = KeyExchangeMethod(rawValue: 18)
    /// NIST P-256 (RFC 5903).
    public static let ecp256 = KeyExchangeMethod(rawValue: 19)
    /// NIST P-384 (RFC 5903).
    public static let ecp384 = KeyExchangeMethod(rawValue: 20)
    /// NIST P-521 (RFC 5903).
    public static let ecp521 = KeyExchangeMethod(rawValue: 21)
    /// X25519 (RFC 8031).
    public static let x25519 = KeyExchangeMethod(rawValue: 31)
    /// ML-KEM-768 (draft-ietf-ipsecme-ikev2-mlkem). ML-KEM-512, which is 35, is not implemented.
    public static let mlKEM768 = KeyExchangeMethod(rawValue: 36)
    /// ML-KEM-1024 (draft-ietf-ipsecme-ikev2-mlkem).
    public static let mlKEM1024 = KeyExchangeMethod(rawValue: 37)

    /// Additional key exchanges of one negotiation: ADDKE1 to ADDKE7 (RFC 9370 §2.2.1).
    public static let maximumAdditional = 7

    /// Whether it is a key encapsulation mechanism: the responder needs the initiator's value to make its own.
    public var isEncapsulation: Bool { self == .mlKEM768 || self == .mlKEM1024 }
    /// Whether no quantum computer is known to break it.
    public var isPostQuantum: Bool { isEncapsulation }

    /// The name used in configuration and logs.
    public var description: String {
        switch self {
        case .none: "none"
        case .modp2048: "modp2048"
        case .modp3072: "modp3072"
        case .modp4096: "modp4096"
        case .modp6144: "modp6144"
        case .modp8192: "modp8192"
        case .ecp256: "ecp256"
        case .ecp384: "ecp384"
        case .ecp521: "ecp521"
        case .x25519: "x25519"
        case .mlKEM768: "mlkem768"
        case .mlKEM1024: "mlkem1024"
        default: "group(\(rawValue))"
        }
    }
}

/// The algorithms of one IKE SA, after selection.
public struct IKESuite: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The cipher of the SK payload.
    public var encryption: EncryptionAlgorithm
    /// Cipher key length in bits, without salt: 128, 192 or 256.
    public var keyBits: Int
    /// The PRF.
    public var prf: PRFAlgorithm
    /// Integrity; `.none` beside an AEAD cipher.
    public var integrity: IntegrityAlgorithm
    /// The key exchange of IKE_SA_INIT or of the rekeying.
    public var keyExchange: KeyExchangeMethod
    /// The key exchanges that follow it, in their order (RFC 9370).
    public var additionalKeyExchanges: [KeyExchangeMethod]

    /// Makes a suite.
    public init(
        encryption: EncryptionAlgorithm,
        keyBits: Int,
        prf: PRFAlgorithm,
        integrity: IntegrityAlgorithm = .none,
        keyExchange: KeyExchangeMethod,
        additionalKeyExchanges: [KeyExchangeMethod] = []
    ) {
        self.encryption = encryption
        self.keyBits = keyBits
        self.prf = prf
        self.integrity = integrity
        self.keyExchange = keyExchange
        self.additionalKeyExchanges = additionalKeyExchanges
    }

    /// All key exchanges in their order.
    public var allKeyExchanges: [KeyExchangeMethod] { [keyExchange] + additionalKeyExchanges }

    /// Such as "x25519+mlkem768 aes256gcm prf-sha384".
    public var description: String {
        let cipher = cipherName(encryption, keyBits, integrity)
        return "\(chainName(allKeyExchanges)) \(cipher) \(prf)"
    }
}

/// The algorithms of one Child SA, after selection.
public struct ESPSuite: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The cipher.
    public var encryption: EncryptionAlgorithm
    /// Cipher key length in bits, without salt: 128, 192 or 256.
    public var keyBits: Int
    /// Integrity; `.none` beside an AEAD cipher.
    public var integrity: IntegrityAlgorithm
    /// Whether sequence numbers have 64 bits (RFC 4303 §2.2.1).
    public var extendedSequenceNumbers: Bool
    /// The key exchange of a rekeying with PFS; nil when the keys came from the IKE SA's.
    public var keyExchange: KeyExchangeMethod?
    /// The key exchanges that follow it, in their order (RFC 9370).
    public var additionalKeyExchanges: [KeyExchangeMethod]

    /// Makes a suite.
    public init(
        encryption: EncryptionAlgorithm,
        keyBits: Int,
        integrity: IntegrityAlgorithm = .none,
        extendedSequenceNumbers: Bool = true,
        keyExchange: KeyExchangeMethod? = nil,
        additionalKeyExchanges: [KeyExchangeMethod] = []
    ) {
        self.encryption = encryption
        self.keyBits = keyBits
        self.integrity = integrity
        self.extendedSequenceNumbers = extendedSequenceNumbers
        self.keyExchange = keyExchange
        self.additionalKeyExchanges = additionalKeyExchanges
    }

    /// Such as "aes256gcm esn x25519+mlkem768".
    public var description: String {
        cipherName(encryption, keyBits, integrity) + (extendedSequenceNumbers ? " esn" : "")
            + (keyExchange.map { " " + chainName([$0] + additionalKeyExchanges) } ?? "")
    }
}

extension EncryptionAlgorithm {
    /// Salt bytes that follow the key in the key material (RFC 4106 §8.1, RFC 7634 §2): 4 for AEADs, else 0.
    public var saltLength: Int { isAEAD ? 4 : 0 }
    /// Length of the explicit IV in bytes: 8 for AEADs, 16 for CBC.
    public var ivLength: Int { isAEAD ? 8 : 16 }
    /// Block length that ESP and SK pad to: 16 for CBC, 1 otherwise.
    public var blockLength: Int { self == .aesCBC ? 16 : 1 }
    /// Tag length in bytes: 16 for AEADs, else 0 (the integrity transform has its own).
    public var tagLength: Int { isAEAD ? 16 : 0 }
}

private func chainName(_ methods: [KeyExchangeMethod]) -> String {
    methods.map(\.description).joined(separator: "+")
}

private func cipherName(_ encryption: EncryptionAlgorithm, _ bits: Int, _ integrity: IntegrityAlgorithm) -> String {
    switch encryption {
    case .aesGCM16: "aes\(bits)gcm"
    case .aesCBC: "aes\(bits)cbc-\(integrity)"
    default: encryption.description
    }
}
