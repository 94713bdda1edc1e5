/// A network in CIDR form, such as 10.20.0.0/16; the host bits are zero.
public struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The lowest address of the network.
    public let address: IPAddress
    /// Leading bits that are fixed: 0...32 or 0...128.
    public let length: Int

    /// Makes a prefix, clearing host bits; nil when `length` does not fit the family.
    public init?(_ address: IPAddress, length: Int) {
        guard length >= 0, length <= address.family.bits else { return nil }
        self.address = Self.masked(address, length)
        self.length = length
    }

    /// The prefix of one address.
    public init(host: IPAddress) {
        address = host
        length = host.family.bits
    }

    /// Reads "address/length", or an address alone as a host prefix; nil when malformed or when host bits are set.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)), parts.count <= 2 else { return nil }
        var length = address.family.bits
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
                let given = Int(parts[1])
            else { return nil }
            length = given
        }
        self.init(address, length: length)
        guard self.address == address else { return nil }
    }

    /// The lowest and highest address.
    public var range: IPRange {
        let hostBits = address.family.bits - length
        switch address {
        case .v4(let value):
            return IPRange(unchecked: address, .v4(value | Self.low32(hostBits)))
        case .v6(let high, let low):
            let lowMask = hostBits >= 64 ? UInt64.max : Self.low64(hostBits)
            return IPRange(unchecked: address, .v6(high | Self.low64(max(0, hostBits - 64)), low | lowMask))
        }
    }

    /// Whether `candidate` lies inside.
    public func contains(_ candidate: IPAddress) -> Bool {
        candidate.family == address.family && Self.masked(candidate, length) == address
    }

    /// "address/length".
    public var description: String { "\(address)/\(length)" }

    private static func low32(_ bits: Int) -> UInt32 { bits >= 32 ? .max : (1 << UInt32(bits)) - 1 }
    private static func low64(_ bits: Int) -> UInt64 { bits >= 64 ? .max : (1 << UInt64(bits)) - 1 }

    private static func masked(_ address: IPAddress, _ length: Int) -> IPAddress {
        switch address {
        case .v4(let value): .v4(value & ~low32(32 - length))
        case .v6(let high, let low):
            .v6(high & ~low64(max(0, 64 - length)), low & ~(length <= 64 ? .max : low64(128 - length)))
        }
    }
}

extension IPPrefix: Codable {
    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = IPPrefix(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not an IP prefix")
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

/// An inclusive range of addresses of one family.
public struct IPRange: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The lowest address.
    public let first: IPAddress
    /// The highest address.
    public let last: IPAddress

    /// Makes a range; nil when the families differ or `first` is above `last`.
    public init?(_ first: IPAddress, _ last: IPAddress) {
        guard first.family == last.family, first <= last else { return nil }
        self.init(unchecked: first, last)
    }

    /// A range of one address.
    public init(_ address: IPAddress) {
        self.init(unchecked: address, address)
    }

    init(unchecked first: IPAddress, _ last: IPAddress) {
        self.first = first
        self.last = last
    }

    /// All addresses of a family.
    public static func all(_ family: IPAddress.Family) -> IPRange {
        IPRange(unchecked: .unspecified(family), .highest(family))
    }

    /// The family of both ends.
    public var family: IPAddress.Family { first.family }

    /// Whether `address` lies inside.
    public func contains(_ address: IPAddress) -> Bool {
        address.family == family && first <= address && address <= last
    }

    /// Whether all of `other` lies inside.
    public func contains(_ other: IPRange) -> Bool {
        contains(other.first) && contains(other.last)
    }

    /// What both ranges share; nil when nothing.
    public func intersection(_ other: IPRange) -> IPRange? {
        guard family == other.family else { return nil }
        return IPRange(max(first, other.first), min(last, other.last))
    }

    /// The prefixes that cover exactly this range, in order; at most 64 for IPv4 and 256 for IPv6.
    public var prefixes: [IPPrefix] {
        var result: [IPPrefix] = []
        var start = first
        while true {
            var length = start.family.bits
            while length > 0, let wider = IPPrefix(start, length: length - 1), wider.address == start,
                wider.range.last <= last
            { length -= 1 }
            guard let prefix = IPPrefix(start, length: length) else { return result }
            result.append(prefix)
            guard prefix.range.last < last, let next = prefix.range.last.next else { return result }
            start = next
        }
    }

    /// A prefix when the range is one, else "first-last".
    public var description: String {
        let parts = prefixes
        return parts.count == 1 ? parts[0].description : "\(first)-\(last)"
    }
}
