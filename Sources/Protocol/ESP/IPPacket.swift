public import IPsecTypes

/// Why an inner packet is not one that the data plane carries.
public enum PacketFault: Error, Hashable, Sendable, CaseIterable {
    /// Too short for its headers, or shorter than its own length field says.
    case truncated
    /// Neither IPv4 nor IPv6, or not the one that ESP's next header announced.
    case wrongVersion
    /// A length field contradicts another, or an extension header chain is longer than ``IPPacket/maximumExtensions``.
    case badHeader
    /// A source that no host may have (multicast, loopback, unspecified), or a destination that is loopback.
    case martian
    /// A source route: the packet would go on to an address that no selector was checked against.
    case sourceRouted
}

/// What a packet shows of its ports.
public enum PortView: Hashable, Sendable {
    /// The port, or an ICMP type and code (`type << 8 | code`), or a Mobility Header type (`type << 8`).
    case value(UInt16)
    /// None can be seen: a later fragment, or a protocol without ports.
    case hidden
    /// The end that RFC 4301 §4.4.1.3 does not look at: type and code of ICMP belong to the source's end alone.
    case unused

    /// The port as ``TrafficSelector/matches(address:ipProtocol:port:)`` takes it.
    @inlinable public var number: UInt16? {
        if case .value(let port) = self { return port }
        return nil
    }
}

/// The fields of an IPv4 or IPv6 header that selectors, rules and tunnelling look at.
public struct IPPacket: Sendable {
    /// Extension headers that are followed before a packet is refused: real packets have three at most.
    public static let maximumExtensions = 8

    /// IPv4 or IPv6.
    public internal(set) var family: IPAddress.Family = .v4
    /// Where it says it comes from.
    public internal(set) var source: IPAddress = .v4(0)
    /// Where it goes.
    public internal(set) var destination: IPAddress = .v4(0)
    /// The next layer protocol: what follows IPv6 extension headers.
    public internal(set) var ipProtocol: UInt8 = 0
    /// The source's end.
    public internal(set) var sourcePort: PortView = .hidden
    /// The destination's end.
    public internal(set) var destinationPort: PortView = .hidden
    /// DSCP and ECN.
    public internal(set) var trafficClass: UInt8 = 0
    /// IPv4's DF bit; always set for IPv6, whose routers never fragment.
    public internal(set) var dontFragment = true
    /// Whether it is any fragment of a longer packet.
    public internal(set) var isFragment = false
    /// Whether it is a fragment other than the first: its ports cannot be seen.
    public internal(set) var isLaterFragment = false
    /// Header and payload, as the header says.
    public internal(set) var totalLength = 0
    /// Where the next layer protocol's header begins.
    public internal(set) var transportOffset = 0

    init() {}

    /// Reads the packet at the start of `bytes`. Bytes beyond its own length (TFC padding) are left out.
    public static func parse(_ bytes: PacketBytes) throws(PacketFault) -> IPPacket {
        try parse(bytes, isQuote: false)
    }

    /// Reads what an ICMP error quotes: the beginning of a packet, whose end may be missing. Nil when it is not IP.
    public static func parseQuote(_ bytes: PacketBytes) -> IPPacket? {
        try? parse(bytes, isQuote: true)
    }

    private static func parse(_ bytes: PacketBytes, isQuote: Bool) throws(PacketFault) -> IPPacket {
        guard let first = bytes.uint8(at: 0) else { throw .truncated }
        var packet = IPPacket()
        switch first >> 4 {
        case 4: try packet.parseVersion4(bytes, headerLength: Int(first & 0xF) &* 4, isQuote)
        case 6: try packet.parseVersion6(bytes, isQuote)
        default: throw .wrongVersion
        }
        return packet
    }

    /// Refuses sources and destinations that no router passes on.
    public func checkAddresses() throws(PacketFault) {
        guard source.isPossibleSource, !destination.isLoopback else { throw .martian }
    }

    /// Whether it is an ICMP or ICMPv6 error message, which carries the packet it is about.
    public var isICMPError: Bool {
        guard let value = sourcePort.number, !isLaterFragment else { return false }
        let type = value >> 8
        switch (family, ipProtocol) {
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
        case (.v4, 1): return type == 3 || type == 4 || type == 5 || type == 11 || type == 12
        // RFC 4443 §2.1: error messages have types 0 to 127.
        case (.v6, 58): return type < 128
        default: return false
        }
    }
}

extension IPAddress {
    /// Whether a packet may carry this source: not multicast, not loopback, not unspecified, not broadcast.
    @inlinable var isPossibleSource: Bool {
        switch self {
        case .v4(let value): value >> 24 != 0 && value >> 24 != 127 && value >> 28 != 0xE && value != .max
        case .v6(let high, let low): high >> 56 != 0xFF && !(high == 0 && low <= 1)
        }
    }

    /// Whether it never leaves its host.
    @inlinable var isLoopback: Bool {
        switch self {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// Whether it names a group of hosts.
    @inlinable var isMulticast: Bool {
        switch self {
        case .v4(let value): value >> 28 == 0xE || value == .max
        case .v6(let high, _): high >> 56 == 0xFF
        }
    }
}
