import IKEv2
import IPsecTypes

/// Something a host did, and when: what deadlines are measured by.
public struct TimelineEntry: Sendable {
    /// What it did.
    public enum Event: Hashable, Sendable {
        /// An IKE message was sent.
        case sent(exchange: UInt8, isResponse: Bool, messageID: UInt32)
        /// A NAT keepalive was sent.
        case keepalive
        /// An IKE SA was established.
        case established
        /// An IKE SA could not be established.
        case failed
        /// An IKE SA ended.
        case closed(CloseReason)
        /// An IKE SA was rekeyed.
        case ikeRekeyed
        /// A Child SA replaced another.
        case childRekeyed
        /// A Child SA could not be made or rekeyed.
        case childFailed
        /// A Child SA ended.
        case childClosed(CloseReason)
    }

    /// When.
    public var at: Instant
    /// Who.
    public var host: String
    /// What.
    public var event: Event
}

extension IKEReport {
    var timelineEvent: TimelineEntry.Event? {
        switch self {
        case .established: .established
        case .failed: .failed
        case .closed(_, let reason): .closed(reason)
        case .ikeRekeyed: .ikeRekeyed
        case .childRekeyed: .childRekeyed
        case .childFailed: .childFailed
        case .childClosed(_, _, let reason): .childClosed(reason)
        case .childEstablished, .retransmitting, .pathChanged, .collision, .dropped, .cookies, .suspected, .redirected,
            .reauthenticationDue, .mobility:
            nil
        }
    }
}
