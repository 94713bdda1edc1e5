import IKEv2
import IPsecTypes

/// What a gateway or an agent adds to a shard. It lives on the shard's thread and is called there only.
public protocol ShardDelegate: AnyObject {
    /// Decides what an authenticated peer gets. Pure and quick: it runs inside the shard.
    func authorize(_ request: AuthorizationRequest, now: Instant, wallClock: WallTime) -> AuthorizationDecision
    /// Hears of everything that log, audit and status want to know. Commands that follow from it go through `shard`.
    func observe(_ report: IKEReport, shard: ShardCore)
    /// Keeps the ticket of an IKE SA, in memory only.
    func keep(_ ticket: SessionTicket, of id: IKESAID)
    /// Forgets the ticket of an IKE SA.
    func dropTicket(of id: IKESAID)
    /// When ``handleTimeout(shard:)`` is due.
    var nextDeadline: Instant? { get }
    /// Does what is due.
    func handleTimeout(shard: ShardCore)
}

extension ShardDelegate {
    /// Whoever never resumes a session keeps no tickets.
    public func keep(_ ticket: SessionTicket, of id: IKESAID) {}
    /// Whoever never resumes a session keeps no tickets.
    public func dropTicket(of id: IKESAID) {}
}
