public import IPsecTypes

/// Counts one direction of an SA against its byte and packet limits.
public struct LifetimeMeter: Sendable {
    /// What a packet did to the limits.
    public enum Verdict: Sendable {
        /// Nothing to report.
        case within
        /// The soft limit was reached with this packet; reported once.
        case soft
        /// The hard limit is reached: the packet must not be handled.
        case hard
    }

    /// Inner packets so far.
    public private(set) var packets: UInt64 = 0
    /// Inner bytes so far.
    public private(set) var bytes: UInt64 = 0
    private let softPackets: UInt64
    private let softBytes: UInt64
    private let hardPackets: UInt64
    private let hardBytes: UInt64
    private var softReported = false

    /// A meter for the limits; absent ones never end.
    public init(_ lifetime: SALifetime) {
        softPackets = lifetime.softPackets ?? .max
        softBytes = lifetime.softBytes ?? .max
        hardPackets = lifetime.hardPackets ?? .max
        hardBytes = lifetime.hardBytes ?? .max
    }

    /// Whether nothing more may be handled.
    @inlinable public var isExhausted: Bool { packets >= limitPackets || bytes >= limitBytes }

    @usableFromInline var limitPackets: UInt64 { hardPackets }
    @usableFromInline var limitBytes: UInt64 { hardBytes }

    /// Counts a packet of `length` inner bytes, unless the hard limit is reached.
    public mutating func count(_ length: Int) -> Verdict {
        guard !isExhausted else { return .hard }
        packets &+= 1
        bytes &+= UInt64(length)
        guard !softReported, packets >= softPackets || bytes >= softBytes else { return .within }
        softReported = true
        return .soft
    }
}
