import IKEMessage
import IPsecTypes

/// Something that log, audit or status want to know.
public enum IKEReport: Hashable, Sendable {
    /// An IKE SA is established. Its first Child SA, if any, is reported separately.
    case established(IKESAStatus)
    /// A Child SA is established.
    case childEstablished(IKESAID, ChildSAStatus)
    /// A Child SA replaced another one.
    case childRekeyed(IKESAID, old: SPI, ChildSAStatus)
    /// A Child SA is gone.
    case childClosed(IKESAID, ChildSAStatus, CloseReason)
    /// An IKE SA was rekeyed; it keeps its identifier.
    case ikeRekeyed(IKESAStatus)
    /// An IKE SA is gone, and its Child SAs with it.
    case closed(IKESAStatus, CloseReason)
    /// An IKE SA could not be established.
    case failed(IKESAID?, FailureReport)
    /// A Child SA could not be established or rekeyed; the IKE SA stands.
    case childFailed(IKESAID, FailureReport)
    /// No answer yet.
    case retransmitting(IKESAID, attempt: Int, Path)
    /// IKE SA and Child SAs go another way.
    case pathChanged(IKESAID, from: Path, to: Path, PathChange)
    /// The peer asked for something we put off.
    case collision(IKESAID, String)
    /// Something arrived that does not belong; counted, and reported at most once a second.
    case dropped(DropReason, Path)
    /// Cookies are demanded from now on, or no longer.
    case cookies(demanded: Bool, halfOpen: Int)
    /// Unprotected messages say that the peer has lost this IKE SA. It goes on; another one may be made beside it.
    case suspected(IKESAID)
    /// The gateway sends us to another one, which the connection allows; an IKE SA that was not established is gone, an
    /// established one goes on until it is closed.
    case redirected(IKESAID, RedirectTarget, FailureReport.Stage)
    /// The peer must be authenticated anew soon: make another IKE SA, then close this one.
    case reauthenticationDue(IKESAID)
    /// Addresses change or are about to.
    case mobility(IKESAID, MobilityReport)
}

/// Why an SA ended.
public enum CloseReason: Hashable, Sendable {
    /// We were told to.
    case requested
    /// The peer deleted it.
    case deletedByPeer
    /// A successor took over.
    case rekeyed
    /// The loser of a simultaneous rekeying.
    case redundant
    /// The peer does not answer.
    case peerDead
    /// A newer IKE SA of the same identity took over.
    case replaced
    /// The peer says it has no other IKE SA with us (INITIAL_CONTACT).
    case initialContact
    /// Certificate or lease ended.
    case expired
    /// It could not be rekeyed in time.
    case lifetime
    /// The peer's messages break the protocol.
    case protocolError(String)
    /// The states of both ends disagree.
    case outOfSync
    /// Its connection is no longer configured.
    case configurationRemoved
    /// The IKE SA it hung on ended.
    case ikeSAClosed
    /// Authentication failed.
    case authenticationFailed
    /// The peer proved that it lost the IKE SA (RFC 6290).
    case peerRestarted
    /// The peer sent us to another gateway (RFC 5685).
    case redirected
    /// Our address is gone, and the peer has no MOBIKE to be told of another.
    case addressLost
    /// A Child SA in transport mode belongs to two addresses, one of which has changed.
    case addressChanged
}

/// Why a message was dropped.
public enum DropReason: String, Hashable, Sendable, Codable, CaseIterable {
    /// Shorter than a header, or its length contradicts the datagram.
    case malformedHeader
    /// Not IKEv2.
    case version
    /// An exchange we do not speak.
    case exchangeType
    /// A malformed IKE_SA_INIT.
    case malformedInit
    /// No IKE SA has these SPIs.
    case unknownSPI
    /// Neither the expected Message ID nor the one before (`mid_invalid`).
    case messageID
    /// The integrity check failed.
    case integrity
    /// An established or half-open IKE SA got something its state does not allow.
    case unexpected
    /// More than a limit allows.
    case limit
    /// A cookie is missing or wrong.
    case cookie
    /// A fragment that fits no reassembly.
    case fragment
    /// Decrypted, but malformed.
    case malformedContent
    /// A ticket that cannot be used (RFC 5723).
    case ticket
    /// A redirect to where we must not go, or with another nonce (RFC 5685).
    case redirect
}

/// Counters of an endpoint since its start.
public struct IKEStatistics: Hashable, Sendable {
    /// Messages received.
    public var received: UInt64 = 0
    /// Messages sent, retransmissions included.
    public var sent: UInt64 = 0
    /// Requests and responses sent again.
    public var retransmitted: UInt64 = 0
    /// Cookies demanded.
    public var cookiesSent: UInt64 = 0
    /// Puzzles given (RFC 8019).
    public var puzzlesSent: UInt64 = 0
    /// Solutions that were right.
    public var puzzlesSolved: UInt64 = 0
    /// Let in by lot.
    public var unsolvedAdmitted: UInt64 = 0
    /// Puzzles of IKE_AUTH that we gave.
    public var authPuzzlesSent: UInt64 = 0
    /// Puzzles of IKE_AUTH that were solved.
    public var authPuzzlesSolved: UInt64 = 0
    /// IKE SAs established since the start.
    public var established: UInt64 = 0
    /// IKE SAs that failed before they were established.
    public var failed: UInt64 = 0
    /// Crash tokens shown to peers of IKE SAs that we lost.
    public var crashTokensSent: UInt64 = 0
    /// IKE SAs that ended by the peer's crash token.
    public var crashesDetected: UInt64 = 0
    /// Tickets given.
    public var ticketsIssued: UInt64 = 0
    /// Tickets refused with TICKET_NACK.
    public var ticketsRefused: UInt64 = 0
    /// IKE SAs established by a ticket, in either role.
    public var resumed: UInt64 = 0
    /// Redirects sent.
    public var redirectsSent: UInt64 = 0
    /// Messages dropped, by reason.
    public var dropped: [DropReason: UInt64] = [:]

    /// Zero counters.
    public init() {}
}
