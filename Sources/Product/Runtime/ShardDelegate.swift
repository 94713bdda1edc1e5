import IKEv2
import IPsecTypes

/// What a gateway or an agent adds to a shard. It lives on the shard's thread and is called there only.
public protocol ShardDelegate: AnyObject {
    /// Decides what an authenticated peer gets. Pure and quick: it runs inside the shard.
    func authorize(_ request: AuthorizationRequest, now: Instant, wallClock: WallTime) -> AuthorizationDecision
    /// Hears of everything that log, audit and status want to know. Commands that follow from it go through `shard`.
    func observe(_ report: IKEReport, shard: ShardCore)
    /// When ``handleTimeout(shard:)`` is due.
    var nextDeadline: Instant? { get }
    /// Does what is due.
    func handleTimeout(shard: ShardCore)
}
