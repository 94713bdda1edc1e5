public import IPsecTypes

/// One line of accounting: a session began, goes on or ended (RFC 2866).
public struct AccountingRecord: Hashable, Sendable {
    /// Acct-Status-Type (RFC 2866 §5.1).
    public enum Status: UInt32, Sendable {
        /// It began.
        case start = 1
        /// It ended.
        case stop = 2
        /// It goes on.
        case interim = 3
        /// The gateway began.
        case on = 7
        /// The gateway ends.
        case off = 8
    }

    /// Acct-Terminate-Cause (RFC 2866 §5.10).
    public enum TerminateCause: UInt32, Sendable {
        /// The peer ended it.
        case userRequest = 1
        /// The peer stopped answering.
        case lostCarrier = 2
        /// Session-Timeout, lease or certificate ended.
        case sessionTimeout = 5
        /// Somebody with authority ended it: the operator, a Disconnect-Request, policy.
        case adminReset = 6
        /// The gateway stops.
        case adminReboot = 7
        /// The peer broke the protocol.
        case userError = 17
        /// The gateway ended it for a reason of its own.
        case nasRequest = 10
    }

    /// What happened.
    public var status: Status
    /// Acct-Session-Id, unique for all time.
    public var sessionID: String
    /// When, for Event-Timestamp: a record that waits keeps its time.
    public var at: WallTime
    /// What says who and where: User-Name, addresses, stations, Class, NAS.
    public var identification: [RADIUSAttribute]
    /// Octets from the peer.
    public var inputOctets: UInt64 = 0
    /// Octets to the peer.
    public var outputOctets: UInt64 = 0
    /// Packets from the peer.
    public var inputPackets: UInt64 = 0
    /// Packets to the peer.
    public var outputPackets: UInt64 = 0
    /// How long the session has lasted.
    public var seconds: UInt32 = 0
    /// Why it ended.
    public var cause: TerminateCause?

    /// Gathers what every record has.
    public init(_ status: Status, sessionID: String, at: WallTime, identification: [RADIUSAttribute]) {
        self.status = status
        self.sessionID = sessionID
        self.at = at
        self.identification = identification
    }

    /// The attributes of its Accounting-Request.
    public var attributes: [RADIUSAttribute] {
        var all = [
            RADIUSAttribute(.acctStatusType, number: status.rawValue),
            RADIUSAttribute(.acctSessionID, text: sessionID),
            RADIUSAttribute(.eventTimestamp, number: UInt32(clamping: at.secondsSinceEpoch)),
        ]
        all += identification
        guard status == .interim || status == .stop else { return all }
        // RFC 2869 §5.1: the octets' upper halves.
        all += [
            RADIUSAttribute(.acctSessionTime, number: seconds),
            RADIUSAttribute(.acctInputOctets, number: UInt32(truncatingIfNeeded: inputOctets)),
            RADIUSAttribute(.acctOutputOctets, number: UInt32(truncatingIfNeeded: outputOctets)),
            RADIUSAttribute(.acctInputGigawords, number: UInt32(truncatingIfNeeded: inputOctets >> 32)),
            RADIUSAttribute(.acctOutputGigawords, number: UInt32(truncatingIfNeeded: outputOctets >> 32)),
            RADIUSAttribute(.acctInputPackets, number: UInt32(truncatingIfNeeded: inputPackets)),
            RADIUSAttribute(.acctOutputPackets, number: UInt32(truncatingIfNeeded: outputPackets)),
        ]
        if let cause, status == .stop { all.append(RADIUSAttribute(.acctTerminateCause, number: cause.rawValue)) }
        return all
    }
}
