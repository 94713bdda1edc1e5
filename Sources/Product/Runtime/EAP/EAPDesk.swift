import IKEMessage
import IKEv2
import IPsecTypes

/// Answers what the engine asks of EAP: as server by a method of our own or a RADIUS server, as peer by our credentials.
///
/// Called on the shard's thread, in the order of the conversation, and at most one step of a session at a time. It must not
/// wait there: what takes time goes to a pool or a socket, and `answer` may be called later, once, from any thread.
public protocol EAPDesk: Sendable {
    /// The next step of an EAP server.
    func step(
        _ request: EAPServerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPServerStep) -> Void
    )
    /// The next step of our EAP peer.
    func step(
        _ request: EAPPeerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPPeerStep) -> Void
    )
    /// A peer returns by a ticket: whether whom EAP once proved is still let in, and with which groups (RFC 5723 §5). `answer`
    /// may be called later, once, from any thread.
    func review(
        _ request: PeerRevalidationRequest,
        wallClock: WallTime,
        answer: @escaping @Sendable (PeerVerification) -> Void
    )
    /// A conversation is over, maybe while a step of it is under way: its secrets are to be wiped.
    func end(_ session: EAPSessionID)
}

extension EAPDesk {
    /// Refuses: the peer comes back by a full exchange.
    public func review(
        _ request: PeerRevalidationRequest,
        wallClock: WallTime,
        answer: @escaping @Sendable (PeerVerification) -> Void
    ) {
        answer(.refused(reason: "eap_unconfigured: no EAP is configured"))
    }
}

/// The desk of who has no EAP configured: refuses.
public struct NoEAPDesk: EAPDesk {
    /// Makes a desk.
    public init() {}

    /// Refuses.
    public func step(
        _ request: EAPServerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPServerStep) -> Void
    ) {
        let identifier = request.response.flatMap { EAPPayload(packet: $0)?.identifier } ?? 0
        answer(
            .failed(failure: EAPPayload.failure(identifier).packet, reason: "eap_unconfigured: no EAP is configured")
        )
    }

    /// Refuses.
    public func step(
        _ request: EAPPeerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPPeerStep) -> Void
    ) {
        answer(.failed(reason: "eap_unconfigured: no EAP is configured"))
    }

    /// Nothing to forget.
    public func end(_ session: EAPSessionID) {}
}
