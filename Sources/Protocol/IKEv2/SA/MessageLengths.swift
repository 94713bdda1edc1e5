import IPsecTypes

/// How long messages were that passed, and what did not: so that silence can be explained.
struct MessageLengths: Hashable, Sendable {
    /// Our longest datagram that the peer has got.
    private(set) var longestArrived = 0
    /// The port of the peer's that it went to.
    private var arrivedAt: UInt16?
    /// The newest message of the peer's that came in part and whose time is over.
    var partial: PeerSilence.Partial?
    /// How often the peer asked again for our newest response.
    var repeats = 0

    /// The peer has got these.
    mutating func arrived(_ datagrams: [[UInt8]], at port: UInt16) {
        longestArrived = max(longestArrived, datagrams.map(\.count).max() ?? 0)
        arrivedAt = port
    }

    func hasPassed(_ port: UInt16) -> Bool { arrivedAt == port }
}
