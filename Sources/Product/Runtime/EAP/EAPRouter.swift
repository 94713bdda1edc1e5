import IKEMessage
import IKEv2
import IPsecTypes

/// Sends each conversation to the desk that its settings name: the gateway's own server, RADIUS, the agent's credentials.
public struct EAPRouter: EAPDesk {
    private let desks: [String: any EAPDesk]

    /// Makes a router of desks by the name of the settings; a name without an entry refuses.
    public init(_ desks: [String: any EAPDesk]) { self.desks = desks }

    /// The next step of an EAP server.
    public func step(
        _ request: EAPServerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPServerStep) -> Void
    ) {
        (desks[request.settings] ?? NoEAPDesk()).step(request, now: now, wallClock: wallClock, answer: answer)
    }

    /// The next step of our EAP peer.
    public func step(
        _ request: EAPPeerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPPeerStep) -> Void
    ) {
        (desks[request.settings] ?? NoEAPDesk()).step(request, now: now, wallClock: wallClock, answer: answer)
    }

    /// Asks the desk of the settings by which the peer was let in.
    public func review(
        _ request: PeerRevalidationRequest,
        wallClock: WallTime,
        answer: @escaping @Sendable (PeerVerification) -> Void
    ) {
        let desk = request.settings.flatMap { desks[$0] } ?? NoEAPDesk()
        desk.review(request, wallClock: wallClock, answer: answer)
    }

    /// Tells all: who does not know the conversation has nothing to forget.
    public func end(_ session: EAPSessionID) { for desk in desks.values { desk.end(session) } }
}
