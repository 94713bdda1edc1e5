import IPsecTypes

/// A certificate's serial number: 1 to 20 bytes without leading zeros (RFC 5280 §4.1.2.2).
public struct CertificateSerial: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Randomness an issuer takes for one serial number: 159 bits, so that it is positive and fits in 20 octets.
    public static let randomByteCount = 20

    /// The magnitude, most significant byte first.
    public let bytes: [UInt8]

    /// Takes the magnitude of a positive number; nil for zero or more than 20 octets.
    public init?(magnitude: some Sequence<UInt8>) {
        let trimmed = Array(magnitude.drop { $0 == 0 })
        guard !trimmed.isEmpty, trimmed.count <= 20 else { return nil }
        bytes = trimmed
    }

    /// Takes 20 random bytes; the top bit is cleared and the next one set, so that all serial numbers have one length.
    public init(random: [UInt8]) {
        precondition(random.count == Self.randomByteCount, "a serial number takes 20 random bytes")
        var value = random
        value[0] = value[0] & 0x7F | 0x40
        bytes = value
    }

    /// Reads hex digits, with or without colons; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        var digits = Array(text.utf8.filter { $0 != UInt8(ascii: ":") })
        if digits.count % 2 == 1 { digits.insert(UInt8(ascii: "0"), at: 0) }
        guard let decoded = Hex.decode(digits) else { return nil }
        self.init(magnitude: decoded)
    }

    /// Lower-case hex digits.
    public var description: String { Hex.encode(bytes) }

    /// By value.
    public static func < (left: CertificateSerial, right: CertificateSerial) -> Bool {
        left.bytes.count == right.bytes.count
            ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
    }
}
