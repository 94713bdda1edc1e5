/// An inclusive range of ports, or of ICMP type and code (RFC 7296 §3.13.1).
///
/// For ICMP the type is in the upper and the code in the lower byte of each end.
public struct PortRange: Hashable, Sendable, Codable {
    /// The lowest port.
    public let first: UInt16
    /// The highest port; below `first` only in ``opaque``.
    public let last: UInt16

    /// Makes a range; nil when `first` is above `last`, unless it is exactly the OPAQUE pair.
    public init?(_ first: UInt16, _ last: UInt16) {
        guard first <= last || (first == 65535 && last == 0) else { return nil }
        self.first = first
        self.last = last
    }

    private init(unchecked first: UInt16, _ last: UInt16) {
        self.first = first
        self.last = last
    }

    /// One port.
    public init(_ port: UInt16) { self.init(unchecked: port, port) }

    /// Every port, and every packet that shows none.
    public static let any = PortRange(unchecked: 0, 65535)

    /// OPAQUE: only packets whose ports cannot be seen, such as later fragments (RFC 7296 §3.13.1, RFC 4301 §4.4.1.1).
    public static let opaque = PortRange(unchecked: 65535, 0)

    /// Whether this is OPAQUE.
    public var isOpaque: Bool { first > last }

    /// Whether `port` lies inside.
    public func contains(_ port: UInt16) -> Bool { first <= port && port <= last }

    /// Whether all of `other` lies inside. ANY contains OPAQUE (RFC 4301 §4.4.1.1).
    public func contains(_ other: PortRange) -> Bool {
        if other.isOpaque { return isOpaque || self == .any }
        return first <= other.first && other.last <= last
    }

    /// What both share; nil when nothing.
    public func intersection(_ other: PortRange) -> PortRange? {
        if isOpaque { return other.contains(self) ? self : nil }
        if other.isOpaque { return contains(other) ? other : nil }
        let (low, high) = (max(first, other.first), min(last, other.last))
        return low <= high ? PortRange(unchecked: low, high) : nil
    }
}

/// One traffic selector: protocol, ports and addresses (RFC 7296 §3.13.1).
public struct TrafficSelector: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IP protocol number, 0 for any.
    public var ipProtocol: UInt8
    /// Ports, or ICMP type and code.
    public var ports: PortRange
    /// Addresses.
    public var addresses: IPRange

    /// Makes a selector.
    public init(ipProtocol: UInt8 = 0, ports: PortRange = .any, addresses: IPRange) {
        self.ipProtocol = ipProtocol
        self.ports = ports
        self.addresses = addresses
    }

    /// A selector for every protocol and port of a network.
    public init(_ prefix: IPPrefix) {
        self.init(addresses: prefix.range)
    }

    /// A selector for everything in a family.
    public static func everything(_ family: IPAddress.Family) -> TrafficSelector {
        TrafficSelector(addresses: .all(family))
    }

    /// What both selectors share; nil when nothing (RFC 7296 §2.9 narrowing of one pair).
    public func intersection(_ other: TrafficSelector) -> TrafficSelector? {
        guard ipProtocol == other.ipProtocol || ipProtocol == 0 || other.ipProtocol == 0,
            let ports = ports.intersection(other.ports),
            let addresses = addresses.intersection(other.addresses)
        else { return nil }
        return TrafficSelector(ipProtocol: max(ipProtocol, other.ipProtocol), ports: ports, addresses: addresses)
    }

    /// Whether every packet that `other` selects is selected by this one.
    public func contains(_ other: TrafficSelector) -> Bool {
        (ipProtocol == 0 || ipProtocol == other.ipProtocol) && ports.contains(other.ports)
            && addresses.contains(other.addresses)
    }

    /// Whether a packet's end matches. `port` is nil where the packet shows none (later fragments, other protocols).
    public func matches(address: IPAddress, ipProtocol: UInt8, port: UInt16?) -> Bool {
        guard self.ipProtocol == 0 || self.ipProtocol == ipProtocol, addresses.contains(address) else { return false }
        guard let port else { return ports == .any || ports.isOpaque }
        return ports.contains(port)
    }

    /// Such as "10.20.0.0/28[tcp/443]".
    public var description: String {
        guard ipProtocol != 0 || ports != .any else { return addresses.description }
        let name =
            switch ipProtocol {
            case 0: "any"
            case 1: "icmp"
            case 6: "tcp"
            case 17: "udp"
            case 58: "icmpv6"
            default: "\(ipProtocol)"
            }
        if ports == .any { return "\(addresses)[\(name)]" }
        if ports.isOpaque { return "\(addresses)[\(name)/opaque]" }
        let range = ports.first == ports.last ? "\(ports.first)" : "\(ports.first)-\(ports.last)"
        return "\(addresses)[\(name)/\(range)]"
    }
}

extension Array where Element == TrafficSelector {
    /// Narrows the peer's list to what `allowed` also covers, in the peer's order, without duplicates or parts that an
    /// earlier result contains (RFC 7296 §2.9); at most `limit` results.
    public func narrowed(to allowed: [TrafficSelector], limit: Int = 64) -> [TrafficSelector] {
        var result: [TrafficSelector] = []
        for wanted in self {
            for permitted in allowed {
                guard result.count < limit else { return result }
                guard let shared = wanted.intersection(permitted) else { continue }
                if !result.contains(where: { $0.contains(shared) }) { result.append(shared) }
            }
        }
        return result
    }
}
