/// A name that sorts by time: 48 bits of milliseconds and 80 random bits, in Crockford's base 32.
public struct ULID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Random bytes one takes.
    public static let randomByteCount = 10

    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// 26 lower-case characters: fit for a DNS label as they are.
    public let description: String

    /// Makes a name; `milliseconds` above 48 bits (the year 10889) is a programming error.
    public init(milliseconds: UInt64, random: [UInt8]) {
        precondition(milliseconds < 1 << 48 && random.count == Self.randomByteCount, "48 bits of time, 10 random bytes")
        var value = UInt128(milliseconds)
        for byte in random { value = value << 8 | UInt128(byte) }
        var text: [UInt8] = []
        for position in 0..<26 {
            text.append(Self.alphabet[Int(truncatingIfNeeded: value >> UInt128(125 - 5 * position)) & 31])
        }
        description = String(decoding: text, as: UTF8.self)
    }

    /// By time, then by the random part.
    public static func < (left: ULID, right: ULID) -> Bool { left.description < right.description }
}
