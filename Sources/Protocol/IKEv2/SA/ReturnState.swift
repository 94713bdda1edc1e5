import IKEMessage
import IPsecTypes

/// What an established IKE SA knows for the time after it. Plain values: snapshots carry it.
struct ReturnState: Sendable {
    /// The peer's QCD_TOKEN for this pair of SPIs (RFC 6290 §5.3).
    var crashToken: [UInt8]?
    /// Whether the peer announced that it follows redirects.
    var followsRedirects = false
    /// The gateway that sent it to us.
    var cameFrom: RedirectTarget?
    /// The ticket that we gave, and until when it is good.
    var issued: IssuedTicket?
    /// Whether the peer gave us a ticket: then it is asked for another one after a rekeying.
    var holdsTicket = false
    /// The end of that ticket.
    var ticketExpires: WallTime?
    /// How the gateway proved itself to us.
    var rounds: [AuthenticatedRound] = []
    /// RestOfIDPayload of the initiator's first IDi, and how it proved its identities, as tickets carry them.
    var claimed: [UInt8] = []
    var evidence: [RoundEvidence] = []
    /// The name of the post-quantum pre-shared key in our keys; empty for none.
    var ppk: [UInt8] = []
    /// What the driver wants to be told when the ticket is used; nil for no ticket.
    var note: [UInt8]? = []
    /// When the peer must have been authenticated anew (RFC 4478): we are the initiator.
    var reauthenticateAt: Instant?
    /// How many unprotected messages about this IKE SA are looked at.
    var hints = TokenBucket()
    /// When the driver was last told that the peer may have lost this IKE SA.
    var suspectedAt: Instant?
}

/// A ticket that is in somebody's hands.
struct IssuedTicket: Hashable, Sendable {
    /// The number inside the ticket.
    var id: [UInt8]
    /// The end of its life.
    var expires: WallTime
}
