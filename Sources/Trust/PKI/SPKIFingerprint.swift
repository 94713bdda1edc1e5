import Crypto
import IPsecTypes

/// SHA-256 of a SubjectPublicKeyInfo: names a key, whatever certificate carries it.
///
/// This is the form of `--ca-sha256` and the name of an issuer in revocation and in tenant bindings.
public struct SPKIFingerprint: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 32 bytes of the digest.
    public let bytes: [UInt8]

    /// Hashes a DER SubjectPublicKeyInfo.
    public init(ofSPKI der: some Collection<UInt8>) {
        var hash = SHA256()
        hash.update(data: Array(der))
        bytes = Array(hash.finalize())
    }

    /// Reads 64 hex digits (either case, colons allowed) or 44 characters of base64, with an optional `sha256:` or
    /// `sha256/` in front; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= 128 else { return nil }
        var body = text[...]
        let lead = body.prefix(7).lowercased()
        if lead == "sha256:" || lead == "sha256/" { body = body.dropFirst(7) }
        let decoded: [UInt8]?
        if body.utf8.count == 44 {
            decoded = Base64.decode(body.utf8)
        } else if body.utf8.count == 64 {
            decoded = Hex.decode(body.utf8)
        } else {
            let pairs = body.split(separator: ":", omittingEmptySubsequences: false)
            decoded = pairs.allSatisfy { $0.utf8.count == 2 } ? Hex.decode(pairs.joined().utf8) : nil
        }
        guard let decoded, decoded.count == SHA256.byteCount else { return nil }
        bytes = decoded
    }

    /// 64 lower-case hex digits.
    public var description: String { Hex.encode(bytes) }

    /// By bytes, so that lists come out in one order.
    public static func < (left: SPKIFingerprint, right: SPKIFingerprint) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}
