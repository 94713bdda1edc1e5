import CLibcrypto
import Crypto
import IPsecTypes

/// Old digests where a protocol leaves no choice: a test fails on any use of them elsewhere. No use in IKEv2 rests on
/// collision resistance; RADIUS rests on its Message-Authenticator, an HMAC.
public enum FixedLegacyDigests {
    /// The data of NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP (RFC 7296 §2.23): SHA-1 of the SPIs in the
    /// order of the header, the address in 4 or 16 bytes, the port in 2.
    public static func natDetection(
        initiatorSPI: IKESPI,
        responderSPI: IKESPI,
        endpoint: Endpoint
    ) -> [UInt8] {
        var writer = WireWriter(capacity: 34)
        writer.writeUInt64(initiatorSPI.rawValue)
        writer.writeUInt64(responderSPI.rawValue)
        writer.writeBytes(endpoint.address.bytes)
        writer.writeUInt16(endpoint.port)
        return Array(Insecure.SHA1.hash(data: writer.bytes))
    }

    /// One element of a CERTREQ payload (RFC 7296 §3.7): SHA-1 of the Subject Public Key Info of a trusted CA.
    public static func authorityHash(spkiDER: [UInt8]) -> [UInt8] {
        Array(Insecure.SHA1.hash(data: spkiDER))
    }

    /// MD5 of some octets, 16 bytes: the Response Authenticator of RADIUS (RFC 2865 §3) and its hidden attributes (§5.2).
    public static func md5(_ bytes: [UInt8]) -> [UInt8] {
        Array(Insecure.MD5.hash(data: bytes))
    }

    /// HMAC-MD5, 16 bytes: the Message-Authenticator of RADIUS (RFC 3579 §3.2).
    public static func hmacMD5(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(HMAC<Insecure.MD5>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
    }

    /// MD5 of `first`, a secret and `last`, 16 bytes: the authenticators of RADIUS, without a copy of the secret.
    public static func md5(_ first: [UInt8], _ secret: SecretBytes, _ last: [UInt8] = []) -> [UInt8] {
        var digest = Insecure.MD5()
        digest.update(data: first)
        secret.withUnsafeBytes { digest.update(bufferPointer: $0) }
        digest.update(data: last)
        return Array(digest.finalize())
    }

    /// HMAC-MD5 with a secret key, 16 bytes: the Message-Authenticator of RADIUS (RFC 3579 §3.2).
    public static func hmacMD5(_ bytes: [UInt8], key: SecretBytes) -> [UInt8] {
        let key = key.withUnsafeBytes { SymmetricKey(data: $0) }
        return Array(HMAC<Insecure.MD5>.authenticationCode(for: bytes, using: key))
    }

    /// SHA-1 of some octets, 20 bytes: MSCHAPv2 (RFC 2759 §8) and its keys (RFC 3079 §3).
    public static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        Array(Insecure.SHA1.hash(data: bytes))
    }

    /// MD4 of some octets, 16 bytes: the password hashes of MSCHAPv2 (RFC 2759 §8.3 and §8.4).
    public static func md4(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 16)
        // It fails for no input; were it to, an empty digest would match none.
        return culvert_md4(bytes, bytes.count, &digest) == 1 ? digest : []
    }

    /// One block under DES, 8 bytes: the challenge response of MSCHAPv2 (RFC 2759 §8.6).
    ///
    /// - Parameters:
    ///   - key: 7 bytes; the parity bits of the cipher's own form are put in between.
    ///   - block: 8 bytes.
    /// - Returns: nil for other lengths.
    public static func desBlock(_ block: [UInt8], key: [UInt8]) -> [UInt8]? {
        guard key.count == 7, block.count == 8 else { return nil }
        let bits = key.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // Seven bits of the key in each byte, from the top; the lowest bit is parity, which the cipher passes over.
        var spread = (0..<8).map { UInt8(truncatingIfNeeded: (bits >> (49 - 7 * $0)) << 1) }
        defer { culvert_wipe(&spread, spread.count) }
        var result = [UInt8](repeating: 0, count: 8)
        return culvert_des_block(spread, block, &result) == 1 ? result : nil
    }
}
