/// Packets and bytes in each direction, as seen from the tunnel's far end.
public struct TrafficCounters: Hashable, Sendable, Codable {
    /// Inner packets out of the tunnel.
    public var inboundPackets: UInt64 = 0
    /// Bytes of those packets.
    public var inboundBytes: UInt64 = 0
    /// Inner packets into the tunnel.
    public var outboundPackets: UInt64 = 0
    /// Bytes of those packets.
    public var outboundBytes: UInt64 = 0

    /// Makes zero counters.
    public init() {}
}

/// A snapshot of all counters of a data plane, summed over its workers.
public struct DataplaneStatistics: Hashable, Sendable, Codable {
    /// What passed.
    public var traffic = TrafficCounters()
    /// What was dropped, by cause; causes without a drop are absent.
    public var drops: [DropCause: UInt64] = [:]
    /// What passed under each rule, by index in the rule table; rules without traffic are absent.
    public var rules: [UInt32: TrafficCounters] = [:]
    /// IKE messages handed to the control plane.
    public var ikeReceived: UInt64 = 0
    /// IKE messages sent.
    public var ikeSent: UInt64 = 0
    /// IKE messages that could not be sent.
    public var ikeUnsent: UInt64 = 0
    /// NAT keepalives received.
    public var keepalivesReceived: UInt64 = 0
    /// NAT keepalives sent.
    public var keepalivesSent: UInt64 = 0
    /// ICMP answers written to the TUN.
    public var icmpAnswers: UInt64 = 0
    /// Packets from the TUN that stood for several.
    public var superPackets: UInt64 = 0
    /// Receptions that the kernel had merged of several datagrams.
    public var mergedReceives: UInt64 = 0
    /// Packets written to the TUN that stand for several.
    public var mergedWrites: UInt64 = 0

    /// Makes zero counters.
    public init() {}
}
