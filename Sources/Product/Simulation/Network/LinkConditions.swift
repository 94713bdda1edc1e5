/// How badly the network treats packets. Chances are per mille, so that a seed means the same everywhere.
public struct LinkConditions: Sendable {
    /// Packets lost.
    public var loss = 0
    /// Packets that arrive twice.
    public var duplication = 0
    /// Packets held back so that later ones overtake them.
    public var reordering = 0
    /// How long those are held back.
    public var reorderingDelay: ClosedRange<Duration> = .milliseconds(50) ... .milliseconds(900)
    /// Packets with one bit flipped.
    public var corruption = 0
    /// Packets that somebody records and sends again later.
    public var replay = 0
    /// How much later.
    public var replayDelay: ClosedRange<Duration> = .seconds(1) ... .seconds(60)
    /// The time from end to end.
    public var delay: ClosedRange<Duration> = .milliseconds(5) ... .milliseconds(30)
    /// The largest IP datagram that gets through.
    public var mtu = 1500
    /// Whether nothing gets through.
    public var isPartitioned = false

    /// A perfect network.
    public init() {}

    /// A perfect network with a fixed delay, for scripts that count on it.
    public static func fixedDelay(_ delay: Duration) -> LinkConditions {
        var conditions = LinkConditions()
        conditions.delay = delay...delay
        return conditions
    }
}
