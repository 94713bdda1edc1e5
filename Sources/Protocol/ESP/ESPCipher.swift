import CLibcrypto
import IPsecTypes

/// Why an SA cannot be made.
public enum ESPSetupError: Error, Hashable, Sendable {
    /// The suite is none of those the data plane runs; the text names it.
    case unsupportedSuite(String)
    /// A key does not have the length that the suite asks for.
    case badKeyLength
    /// libcrypto refused to make a context.
    case libcrypto
}

/// The keyed libcrypto contexts of one direction of one SA, made once and reused for every packet.
///
/// Scratch memory: 12 bytes of nonce (salt and IV), 12 of AAD, 4 of the upper sequence half, 16 of zero IV, 64 of MAC.
struct ESPCipher: ~Copyable {
    let ivLength: Int
    let icvLength: Int
    /// What payload, padding, pad length and next header are padded to (RFC 4303 §2.4: at least 4).
    let alignment: Int

    /// Set unless ``fast`` is.
    private let cipher: OpaquePointer?
    /// AES-GCM of ipsec-mb, where it is installed and faster.
    private let fast: OpaquePointer?
    private let mac: OpaquePointer?
    private let extended: Bool
    private let scratch: UnsafeMutablePointer<UInt8>

    private static let nonceAt = 0
    private static let aadAt = 12
    private static let highAt = 24
    private static let zeroAt = 32
    private static let macAt = 48
    private static let scratchLength = 112

    init(_ suite: ESPSuite, _ keys: ESPKeys, sealing: Bool) throws(ESPSetupError) {
        guard keys.encryption.count == suite.keyBits / 8, keys.salt.count == suite.encryption.saltLength,
            keys.integrity.count == suite.integrity.keyLength
        else { throw .badKeyLength }
        let quick = suite.encryption == .aesGCM16 ? Self.makeFast(keys.encryption) : nil
        let made = quick == nil ? Self.makeCipher(suite, keys.encryption, sealing: sealing) : nil
        guard quick != nil || made != nil else { throw .unsupportedSuite(suite.description) }
        var hmac: OpaquePointer?
        if !suite.encryption.isAEAD {
            guard let digest = Self.digest(suite.integrity) else {
                culvert_cipher_free(made)
                throw .unsupportedSuite(suite.description)
            }
            hmac = keys.integrity.withUnsafeBytes {
                culvert_hmac_new(digest, $0.bindMemory(to: UInt8.self).baseAddress, $0.count)
            }
            guard hmac != nil else {
                culvert_cipher_free(made)
                throw .libcrypto
            }
        }
        cipher = made
        fast = quick
        mac = hmac
        extended = suite.extendedSequenceNumbers
        ivLength = suite.encryption.ivLength
        icvLength = suite.encryption.isAEAD ? suite.encryption.tagLength : suite.integrity.icvLength ?? 0
        alignment = max(4, suite.encryption.blockLength)
        scratch = .allocate(capacity: Self.scratchLength)
        scratch.initialize(repeating: 0, count: Self.scratchLength)
        let salt = scratch
        keys.salt.withUnsafeBytes {
            UnsafeMutableRawPointer(salt).copyMemory(
                from: $0.baseAddress ?? UnsafeRawPointer(salt),
                byteCount: $0.count
            )
        }
    }

    deinit {
        culvert_cipher_free(cipher)
        culvert_fast_gcm_free(fast)
        culvert_hmac_free(mac)
        culvert_wipe(scratch, Self.scratchLength)
        scratch.deallocate()
    }

    private static func makeFast(_ key: SecretBytes) -> OpaquePointer? {
        key.withUnsafeBytes { raw in
            raw.bindMemory(to: UInt8.self).baseAddress.flatMap { culvert_fast_gcm_new($0, raw.count) }
        }
    }

    private static func makeCipher(_ suite: ESPSuite, _ key: SecretBytes, sealing: Bool) -> OpaquePointer? {
        key.withUnsafeBytes { raw -> OpaquePointer? in
            guard let bytes = raw.bindMemory(to: UInt8.self).baseAddress else { return nil }
            let direction: CInt = sealing ? 1 : 0
            switch (suite.encryption, suite.keyBits) {
            case (.aesGCM16, 128): return culvert_aead_new(CULVERT_AES_128_GCM, direction, bytes, raw.count)
            case (.aesGCM16, 192): return culvert_aead_new(CULVERT_AES_192_GCM, direction, bytes, raw.count)
            case (.aesGCM16, 256): return culvert_aead_new(CULVERT_AES_256_GCM, direction, bytes, raw.count)
            case (.chaCha20Poly1305, 256):
                return culvert_aead_new(CULVERT_CHACHA20_POLY1305, direction, bytes, raw.count)
            case (.aesCBC, 128), (.aesCBC, 192), (.aesCBC, 256): return culvert_cbc_new(direction, bytes, raw.count)
            default: return nil
            }
        }
    }

    private static func digest(_ integrity: IntegrityAlgorithm) -> CInt? {
        switch integrity {
        case .hmacSHA256_128: CULVERT_SHA256
        case .hmacSHA384_192: CULVERT_SHA384
        case .hmacSHA512_256: CULVERT_SHA512
        default: nil
        }
    }

    /// Seals in place. `packet` holds SPI, low sequence half, room for the IV, `length` bytes of plaintext with trailer
    /// and room for the ICV, and nothing else. Returns whether libcrypto agreed.
    func seal(_ packet: PacketBytes, iv: UInt64, sequence: UInt64, plaintextLength length: Int) -> Bool {
        guard packet.count == 8 &+ ivLength &+ length &+ icvLength,
            let start = packet.pointer(at: 0, length: packet.count)
        else { return false }
        let data = start + 8 + ivLength
        let icv = data + length
        guard let mac else {
            packet.set64(iv, at: 8)
            let aadLength = prepareAEAD(packet, sequence: sequence)
            let (nonce, aad) = (scratch + Self.nonceAt, scratch + Self.aadAt)
            if let fast { return culvert_fast_gcm_seal(fast, nonce, aad, aadLength, data, length, icv) == 1 }
            guard let cipher else { return false }
            return culvert_aead_seal(cipher, nonce, aad, aadLength, data, length, icv) == 1
        }
        // The IV must not be predictable (RFC 3602 §3): it is the counter encrypted under the same key (NIST SP 800-38A
        // appendix C), which is what CBC makes of a counter block in front of the text under an IV of zero.
        packet.set64(0, at: 8)
        packet.set64(iv, at: 16)
        guard let cipher, culvert_cbc_run(cipher, scratch + Self.zeroAt, start + 8, ivLength &+ length) == 1 else {
            return false
        }
        return authenticate(mac, start, 8 &+ ivLength &+ length, sequence, into: icv)
    }

    /// Checks and opens a whole ESP packet in place. Returns whether it is authentic; if not, its text is gone or still
    /// sealed, never readable.
    func open(_ packet: PacketBytes, sequence: UInt64) -> Bool {
        let length = packet.count &- 8 &- ivLength &- icvLength
        guard length >= 0, let start = packet.pointer(at: 0, length: packet.count) else { return false }
        let data = start + 8 + ivLength
        let icv = data + length
        guard let mac else {
            let aadLength = prepareAEAD(packet, sequence: sequence)
            let (nonce, aad) = (scratch + Self.nonceAt, scratch + Self.aadAt)
            if let fast { return culvert_fast_gcm_open(fast, nonce, aad, aadLength, data, length, icv) == 1 }
            guard let cipher else { return false }
            return culvert_aead_open(cipher, nonce, aad, aadLength, data, length, icv) == 1
        }
        let expected = scratch + Self.macAt
        guard authenticate(mac, start, 8 &+ ivLength &+ length, sequence, into: expected),
            culvert_equal(expected, icv, icvLength) == 1, let cipher
        else { return false }
        return culvert_cbc_run(cipher, start + 8, data, length) == 1
    }

    /// Writes nonce (RFC 4106 §4, RFC 7634 §2: salt, IV) and AAD (RFC 4106 §5: SPI, 32- or 64-bit sequence number).
    private func prepareAEAD(_ packet: PacketBytes, sequence: UInt64) -> Int {
        let view = PacketBytes(scratch, count: Self.scratchLength)
        view.copy(8, of: packet, from: 8, to: Self.nonceAt &+ 4)
        view.copy(4, of: packet, from: 0, to: Self.aadAt)
        guard extended else {
            view.set32(UInt32(truncatingIfNeeded: sequence), at: Self.aadAt &+ 4)
            return 8
        }
        view.set64(sequence, at: Self.aadAt &+ 4)
        return 12
    }

    /// RFC 4303 §2.8: the ICV covers the packet from the SPI on and, with ESN, the upper sequence half after it.
    private func authenticate(
        _ mac: OpaquePointer,
        _ start: UnsafeMutablePointer<UInt8>,
        _ length: Int,
        _ sequence: UInt64,
        into icv: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        PacketBytes(scratch, count: Self.scratchLength).set32(
            UInt32(truncatingIfNeeded: sequence >> 32),
            at: Self.highAt
        )
        return culvert_hmac_two(mac, start, length, scratch + Self.highAt, extended ? 4 : 0, icv, icvLength) == 1
    }
}

/// What ESP's ciphers run on.
public enum ESPAcceleration {
    /// AES-GCM's implementation and why it was chosen, in words for people. The first call finds out, which takes some
    /// milliseconds.
    public static var aesGCM: String { String(cString: culvert_gcm_engine()) }

    /// Whether this processor has instructions for AES and for the multiplication of GCM.
    public static var processorHasAES: Bool { culvert_has_aes() == 1 }
}
