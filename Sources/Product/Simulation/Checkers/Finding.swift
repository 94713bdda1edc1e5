import IPsecTypes

/// Something that must never happen, seen in a run.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// Which invariant is broken.
    public enum Invariant: String, Sendable, CaseIterable {
        /// A key sealed two things with one IV.
        case ivReuse
        /// Both ends have a Child SA and disagree about keys, suite or selectors.
        case disagreement
        /// The ends disagree about which SAs there are, once things have settled.
        case divergence
        /// More or fewer than one live SA for a purpose, once things have settled.
        case notOneLive
        /// Something is left that should be gone.
        case leftover
        /// A packet came for an SPI that a rekeying removed too early or installed too late.
        case unknownSPI
        /// A packet on a healthy path was lost, or delivered twice.
        case traffic
        /// A Message ID out of order, or a retransmission that differs from its original.
        case messageID
        /// An ephemeral private key was used twice, or neither used nor discarded.
        case privateKey
        /// Not back within the bound after the faults stopped.
        case notRecovered
        /// An end is established without a run of the peer, or the ends disagree about it.
        case agreement
        /// A host took its own message for its peer's.
        case reflection
        /// More state than the limits allow.
        case unbounded
        /// A peer without credentials got in.
        case authentication
        /// A deadline was missed, or timers never rest.
        case deadline
        /// A data plane was told something impossible.
        case dataplane
    }

    /// Which invariant is broken.
    public var invariant: Invariant
    /// When.
    public var at: Instant
    /// What was seen.
    public var detail: String

    /// One line.
    public var description: String { "\(invariant.rawValue) at \(at.seconds): \(detail)" }
}

extension Instant {
    /// Seconds with milliseconds, for people.
    var seconds: String {
        let milliseconds = String(nanoseconds / 1_000_000 % 1000)
        return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 3 - milliseconds.count) + milliseconds
            + "s"
    }
}
