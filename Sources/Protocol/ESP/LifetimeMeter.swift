public import IPsecTypes

/// Counts one direction of an SA against its byte and packet limits.
public struct LifetimeMeter: Sendable {
    /// Inner packets so far.
    public private(set) var packets: UInt64 = 0
    /// Inner bytes so far.
    public private(set) var bytes: UInt64 = 0
    private let softPackets: UInt64
    private let softBytes: UInt64
    private let hardPackets: UInt64
    private let hardBytes: UInt64

    /// A meter for the limits; absent ones never end.
    public init(_ lifetime: SALifetime) {
        softPackets = lifetime.softPackets ?? .max
        softBytes = lifetime.softBytes ?? .max
        hardPackets = lifetime.hardPackets ?? .max
        hardBytes = lifetime.hardBytes ?? .max
    }

    /// Whether the SA should be replaced.
    public var isSoftReached: Bool { packets >= softPackets || bytes >= softBytes }

    /// Whether nothing more may be handled.
    public var isExhausted: Bool { packets >= hardPackets || bytes >= hardBytes }

    /// Counts a packet that was handled. A packet that finds the meter exhausted must not be.
    public mutating func count(_ length: Int) {
        packets &+= 1
        bytes &+= UInt64(length)
    }
}
