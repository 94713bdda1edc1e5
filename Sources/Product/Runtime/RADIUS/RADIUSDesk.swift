import IKEv2
import IPsecTypes

/// The EAP desk of a gateway whose RADIUS servers authenticate peers: carries packets, knows no method.
public struct RADIUSDesk: EAPDesk {
    private let service: RADIUSService

    /// Makes a desk over a service.
    public init(_ service: RADIUSService) { self.service = service }

    /// The next step, by the servers.
    public func step(
        _ request: EAPServerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPServerStep) -> Void
    ) {
        service.step(request, answer: answer)
    }

    /// Refuses: RADIUS is for those whom we let in.
    public func step(
        _ request: EAPPeerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPPeerStep) -> Void
    ) {
        answer(.failed(reason: "eap_unconfigured: RADIUS authenticates others, not us"))
    }

    /// Accepts what a server once accepted: nobody can be asked again without the user. The ticket ends with the server's
    /// Session-Timeout, and what the server said of the session since then counts at the authorization.
    public func review(
        _ request: PeerRevalidationRequest,
        wallClock: WallTime,
        answer: @escaping @Sendable (PeerVerification) -> Void
    ) {
        answer(.accepted(VerifiedPeer(notAfter: request.notAfter, attributes: request.attributes, eap: request.eap)))
    }

    /// Forgets a conversation; a request that is under way is given up.
    public func end(_ session: EAPSessionID) { service.end(session) }
}
