import IPsecTypes

/// The keys that protect SK payloads in one direction (SK_e and SK_a of RFC 7296 §2.14).
///
/// What the body of an SK payload looks like (RFC 7296 §3.14, RFC 5282 §3):
/// ```
///  +---------------------------------------------------------------+
///  |                     Initialization Vector                     |
///  |  16 bytes for AES-CBC, 8 for AES-GCM and ChaCha20-Poly1305     |
///  +---------------------------------------------------------------+
///  ~                 Encrypted IKE Payloads                        ~
///  +               +-----------------------------------------------+
///  |               |             Padding (0-255 octets)            |
///  +-+-+-+-+-+-+-+-+                               +-+-+-+-+-+-+-+-+
///  |                                               |  Pad Length   |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  ~                    Integrity Checksum Data                    ~
///  +---------------------------------------------------------------+
/// ```
public struct SKKeys: Sendable {
    /// The cipher.
    public let cipher: EncryptionAlgorithm
    /// Integrity; `.none` beside an AEAD cipher.
    public let integrity: IntegrityAlgorithm
    /// The cipher key, without salt.
    public let encryptionKey: SecretBytes
    /// The salt of an AEAD; empty otherwise.
    public let salt: SecretBytes
    /// The integrity key; empty beside an AEAD.
    public let integrityKey: SecretBytes

    /// Refuses keys that do not fit their algorithms.
    public init(
        cipher: EncryptionAlgorithm,
        integrity: IntegrityAlgorithm,
        encryptionKey: SecretBytes,
        salt: SecretBytes,
        integrityKey: SecretBytes
    ) throws(CryptoFailure) {
        guard let lengths = KeyLengths(cipher, keyBits: encryptionKey.count * 8, integrity) else {
            throw .unsupportedAlgorithm
        }
        guard salt.count == lengths.salt, integrityKey.count == lengths.integrity else { throw .badLength }
        self.cipher = cipher
        self.integrity = integrity
        self.encryptionKey = encryptionKey
        self.salt = salt
        self.integrityKey = integrityKey
    }

    /// Bytes of IV in front of the ciphertext.
    public var ivLength: Int { cipher.ivLength }
    /// Bytes of integrity check value behind it.
    public var icvLength: Int { cipher.isAEAD ? cipher.tagLength : integrity.icvLength ?? 0 }

    /// Length of the body that ``CryptoProvider/seal(_:associatedData:iv:keys:)`` makes of `plaintextCount` bytes.
    public func sealedLength(plaintextCount: Int) -> Int {
        ivLength + plaintextCount + paddingLength(plaintextCount) + 1 + icvLength
    }

    /// The largest plaintext whose body is no longer than `limit`; nil when not even an empty one fits.
    public func plaintextCapacity(bodyLimit limit: Int) -> Int? {
        let room = limit - ivLength - icvLength
        let whole = room - room % cipher.blockLength
        return room >= 1 && whole >= 1 ? whole - 1 : nil
    }

    /// The fewest padding bytes that make plaintext, padding and pad length a multiple of the block.
    func paddingLength(_ plaintextCount: Int) -> Int {
        let block = cipher.blockLength
        return (block - (plaintextCount + 1) % block) % block
    }
}

/// How many bytes of key material a pair of cipher and integrity takes.
struct KeyLengths: Hashable, Sendable {
    var encryption: Int
    var salt: Int
    var integrity: Int

    var total: Int { encryption + salt + integrity }

    /// Nil for a pair that we do not implement, or that must not be used (a cipher without integrity; an AEAD with it).
    init?(_ cipher: EncryptionAlgorithm, keyBits: Int, _ integrity: IntegrityAlgorithm) {
        guard let integrityLength = integrity.keyLength else { return nil }
        switch cipher {
        case .aesGCM16:
            guard [128, 192, 256].contains(keyBits), integrity == .none else { return nil }
        case .chaCha20Poly1305:
            guard keyBits == 256, integrity == .none else { return nil }
        case .aesCBC:
            guard [128, 192, 256].contains(keyBits), integrity != .none else { return nil }
        default:
            return nil
        }
        encryption = keyBits / 8
        salt = cipher.saltLength
        self.integrity = integrityLength
    }
}
