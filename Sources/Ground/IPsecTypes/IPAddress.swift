#if canImport(Glibc)
import Glibc
#endif

/// An IPv4 or IPv6 address.
///
/// IPv4 addresses order before IPv6 ones; inside a family the order is numeric.
public enum IPAddress: Hashable, Sendable {
    /// An IPv4 address, as a number in host order.
    case v4(UInt32)
    /// An IPv6 address, as its upper and lower halves in host order.
    case v6(UInt64, UInt64)

    /// The family, to choose pools, sockets and selector types by.
    public enum Family: UInt8, Sendable, CaseIterable, Codable {
        /// IPv4.
        case v4 = 4
        /// IPv6.
        case v6 = 6

        /// Address length in bits.
        public var bits: Int { self == .v4 ? 32 : 128 }
    }

    /// The family of this address.
    public var family: Family {
        switch self {
        case .v4: .v4
        case .v6: .v6
        }
    }

    /// Reads the text forms of RFC 4291 §2.2 and dotted quads; nil for anything else (names, zones, blanks).
    public init?(_ text: String) {
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        if text.utf8.contains(UInt8(ascii: ":")) {
            var raw = in6_addr()
            guard inet_pton(AF_INET6, text, &raw) == 1 else { return nil }
            self = withUnsafeBytes(of: &raw) { IPAddress(unchecked16: Array($0)) }
        } else {
            var raw = in_addr()
            guard inet_pton(AF_INET, text, &raw) == 1 else { return nil }
            self = .v4(UInt32(bigEndian: raw.s_addr))
        }
    }

    /// Reads 4 or 16 bytes in network order; nil for another length.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16: self = IPAddress(unchecked16: Array(bytes))
        default: return nil
        }
    }

    private init(unchecked16 bytes: [UInt8]) {
        self = .v6(
            bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
            bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
        )
    }

    /// The 4 or 16 bytes in network order.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        case .v6(let high, let low):
            withUnsafeBytes(of: high.bigEndian) { Array($0) } + withUnsafeBytes(of: low.bigEndian) { Array($0) }
        }
    }

    /// The all-zero address of a family.
    public static func unspecified(_ family: Family) -> IPAddress {
        family == .v4 ? .v4(0) : .v6(0, 0)
    }

    /// The all-ones address of a family.
    public static func highest(_ family: Family) -> IPAddress {
        family == .v4 ? .v4(.max) : .v6(.max, .max)
    }

    /// The next address of the family; nil after the highest.
    public var next: IPAddress? {
        switch self {
        case .v4(let value): value == .max ? nil : .v4(value + 1)
        case .v6(let high, let low):
            low < .max ? .v6(high, low + 1) : (high == .max ? nil : .v6(high + 1, 0))
        }
    }

    /// The previous address of the family; nil before the lowest.
    public var previous: IPAddress? {
        switch self {
        case .v4(let value): value == 0 ? nil : .v4(value - 1)
        case .v6(let high, let low):
            low > 0 ? .v6(high, low - 1) : (high == 0 ? nil : .v6(high - 1, .max))
        }
    }
}

extension IPAddress: Comparable, CustomStringConvertible, Codable {
    /// IPv4 before IPv6, then numeric order.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        switch (left, right) {
        case (.v4(let a), .v4(let b)): a < b
        case (.v6(let a, let b), .v6(let c, let d)): (a, b) < (c, d)
        case (.v4, .v6): true
        case (.v6, .v4): false
        }
    }

    /// The text form: dotted quad, or RFC 5952 for IPv6.
    public var description: String {
        var text = [CChar](repeating: 0, count: 46)
        let family = family == .v4 ? AF_INET : AF_INET6
        _ = bytes.withUnsafeBytes { inet_ntop(family, $0.baseAddress, &text, 46) }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = IPAddress(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not an IP address")
            )
        }
        self = value
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
