import IKEMessage
import IPsecTypes

/// What this end knows when a peer has fallen silent: enough to tell a peer that is gone from a path that loses long messages.
/// Lengths are of IKE messages or their fragments, in octets, without IP and UDP.
public struct PeerSilence: Hashable, Sendable {
    /// A request of ours without an answer.
    public struct Unanswered: Hashable, Sendable {
        /// Which exchange.
        public var exchange: ExchangeType
        /// How often it was sent.
        public var transmissions: Int
        /// How long an answer was waited for.
        public var waited: Duration
        /// The length of each of its datagrams.
        public var lengths: [Int]
        /// Whether nothing of ours has ever arrived through the port that it was sent to.
        public var isFirstToPort: Bool
    }

    /// A message of the peer's that came in part (RFC 7383).
    public struct Partial: Hashable, Sendable {
        /// How many of its fragments came.
        public var received: Int
        /// How many it has.
        public var total: Int
        /// The length of the longest that came.
        public var longest: Int
        /// Whether it is a response.
        public var isResponse: Bool
    }

    /// An answer of ours that the peer asked for again and again.
    public struct Repeated: Hashable, Sendable {
        /// How often it was asked for again.
        public var times: Int
        /// The length of each of its datagrams.
        public var lengths: [Int]
    }

    /// Our request without an answer; nil when it was the peer's turn.
    public var unanswered: Unanswered?
    /// The newest message of the peer's that came in part.
    public var partial: Partial?
    /// The newest answer of ours, where the peer keeps asking for it.
    public var repeated: Repeated?
    /// Our longest datagram that the peer is known to have got; 0 for none.
    public var longestArrived: Int
    /// How long ago the peer last sent something authentic; nil when it never did.
    public var lastHeard: Duration?

    /// Every IPv4 path carries datagrams of 576 octets (RFC 791): what fits in there is not lost for its length.
    static let alwaysFits = 576 - 20 - 8
    /// A response or two are lost by chance.
    static let repeatsThatTell = 2

    /// Whether the path seems to lose long messages while short ones pass.
    public var losesFragments: Bool {
        if partial != nil { return true }
        if let repeated, repeated.times >= Self.repeatsThatTell, isLong(repeated.lengths) { return true }
        guard let unanswered, longestArrived > 0, isLong(unanswered.lengths) else { return false }
        // Before authentication a short message has just come through; afterwards the peer may have died since.
        return lastHeard.map { $0 < unanswered.waited } ?? true
    }

    private func isLong(_ lengths: [Int]) -> Bool {
        let longest = lengths.max() ?? 0
        return longest > longestArrived && longest > Self.alwaysFits
    }
}
