import IPsecTypes

#if canImport(Glibc)
import Glibc
#endif

/// A pre-shared key that was strong enough to be configured.
///
/// An active attacker gets one sample of prf(PSK, ...) per attempt and can guess at leisure (RFC 7296 §2.15), so a key below
/// the strength of 128 bits is refused unless the configuration says that it knows (A08).
public struct PreSharedKey: Sendable {
    /// Strength below which a key is refused, in bits.
    public static let requiredBits = 128

    /// The bytes as both peers use them.
    public let secret: SecretBytes

    /// Takes the key's bytes: text without its line end, or what `0x` and `0s` notation decodes to.
    public init(_ secret: SecretBytes, allowWeak: Bool = false) throws(KeyRefusal) {
        let bits = Self.estimatedBits(secret)
        guard secret.count > 0, allowWeak || bits >= Self.requiredBits else {
            throw .weakPreSharedKey(estimatedBits: bits)
        }
        self.secret = secret
    }

    /// A cautious estimate of the guessing work, in bits: what each byte of its kind can add, less repetitions and runs
    /// ("aaaa", "1234"). Words score two bits a letter, which is what a random word of a list gives.
    public static func estimatedBits(_ secret: SecretBytes) -> Int {
        secret.withUnsafeBytes { bytes in
            let effective = effectiveCount(bytes)
            let distinct = Set(bytes).count
            let perByte = bitsPerByte(bytes)
            // Bytes that come back again and again carry no more than the alphabet they show.
            guard distinct * 2 <= bytes.count else { return Int(Double(effective) * perByte) }
            return Int(Double(effective) * min(perByte, log2(Double(max(distinct, 1))) + 1))
        }
    }

    /// Bytes that are not predicted by the two before them, within one period of a repeated pattern.
    private static func effectiveCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        let period = smallestPeriod(bytes)
        var count = 0
        for index in 0..<period {
            if index >= 2, bytes[index] &- bytes[index - 1] == bytes[index - 1] &- bytes[index - 2] { continue }
            count += 1
        }
        return count
    }

    /// The length of the shortest block that the whole is a repetition of (its last copy may be cut).
    private static func smallestPeriod(_ bytes: UnsafeRawBufferPointer) -> Int {
        // Longer keys gain nothing: 512 bytes of any alphabet are enough.
        let count = min(bytes.count, 512)
        guard count > 1 else { return count }
        for period in 1..<count where (period..<count).allSatisfy({ bytes[$0] == bytes[$0 - period] }) {
            return period
        }
        return count
    }

    private static func bitsPerByte(_ bytes: UnsafeRawBufferPointer) -> Double {
        guard bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { return 8 }
        if bytes.allSatisfy(isHexadecimal) { return 4 }
        var lower = false
        var upper = false
        var digit = false
        var symbol = false
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): lower = true
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): upper = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): continue
            default: symbol = true
            }
        }
        if !digit && !symbol && lower != upper { return 2 }
        let alphabet = (lower ? 26 : 0) + (upper ? 26 : 0) + (digit ? 10 : 0) + (symbol ? 32 : 0)
        return log2(Double(max(alphabet, 2)))
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
