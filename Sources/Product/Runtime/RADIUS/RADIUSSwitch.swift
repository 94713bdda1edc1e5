import IKEv2
import IPsecTypes
import Logging
import PacketIO
import RADIUS
import Synchronization

/// The RADIUS service of a gateway over its reloads: one at a time, and those before it until their last conversation ends.
///
/// A conversation that has begun stays with the service that began it, because only its server knows its State. Accounting
/// records that nobody has acknowledged, and the memory of dynamic authorization, go over to the new one.
public final class RADIUSSwitch: EAPDesk {
    private struct State {
        var parts: RADIUSService.Parts?
        var current: RADIUSService?
        /// Who carries a conversation. ``end(_:)`` always comes, so this is bounded by half-open IKE SAs.
        var owners: [EAPSessionID: RADIUSService] = [:]
    }

    /// What peers were accepted with, by any service.
    public let accepted = RADIUSAcceptances()
    private let logger: Logger
    private let handlers: RADIUSService.Handlers
    private let state = Mutex(State())
    /// Reloads wait for each other.
    private let changing = Mutex(())
    /// As long as an IKE SA may be half-open, all conversations of it together.
    private static let longestConversation: Duration = .seconds(120)

    /// Starts a service where there are parts for one; throws when the port of dynamic authorization cannot be had.
    public init(
        _ parts: RADIUSService.Parts?,
        logger: Logger,
        handlers: RADIUSService.Handlers
    ) throws(IOFailure) {
        self.logger = logger
        self.handlers = handlers
        try replace(parts)
    }

    /// The service in force; nil without servers.
    public var current: RADIUSService? { state.withLock { $0.current } }

    /// Puts other servers, clients or secrets into force; the same ones change nothing. When the new service cannot start, the
    /// old settings stay and the reason is thrown.
    ///
    /// - Returns: whether anything changed.
    @discardableResult
    public func replace(_ parts: RADIUSService.Parts?) throws(IOFailure) -> Bool {
        let outcome = changing.withLock { _ -> Result<Bool, IOFailure> in
            do throws(IOFailure) { return .success(try replaceAlone(parts)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    private func replaceAlone(_ parts: RADIUSService.Parts?) throws(IOFailure) -> Bool {
        let (old, before) = state.withLock { ($0.current, $0.parts) }
        if let parts, let before, parts.isSame(as: before) { return false }
        guard parts != nil || old != nil else { return false }
        // The listener's port must be free before the new service can have it.
        let handover = old?.retire(until: SystemClock.now + Self.longestConversation)
        do throws(IOFailure) {
            let made = try parts.map { parts throws(IOFailure) in try make(parts, handover) }
            state.withLock { $0.current = made }
            state.withLock { $0.parts = parts }
        } catch {
            let again = before.flatMap { try? make($0, handover) }
            if again == nil { logger.critical("RADIUS has stopped: neither new nor old settings start") }
            state.withLock { $0.current = again }
            throw error
        }
        return true
    }

    private func make(
        _ parts: RADIUSService.Parts,
        _ handover: RADIUSHandover?
    ) throws(IOFailure) -> RADIUSService {
        try RADIUSService(parts, logger: logger, handlers: handlers, accepted: accepted, continuing: handover)
    }

    /// Sends a record of accounting, now or when a server answers again. Nothing without accounting servers.
    public func account(_ record: AccountingRecord) { current?.account(record) }

    /// Ends the service in force; see ``RADIUSService/stop(grace:)``.
    public func stop(grace: Double) { current?.stop(grace: grace) }

    // MARK: EAPDesk

    /// The next step, by the servers of the service that began the conversation.
    public func step(
        _ request: EAPServerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPServerStep) -> Void
    ) {
        let service = state.withLock { state -> RADIUSService? in
            if request.response == nil { state.owners[request.session] = state.current }
            return state.owners[request.session]
        }
        guard let service else {
            let reason = "eap_unconfigured: no RADIUS server is configured"
            return answer(.failed(failure: [4, 0, 0, 4], reason: reason))
        }
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

    /// Accepts what a server once accepted, while there are servers at all: nobody can be asked again without the user. The
    /// ticket ends with the server's Session-Timeout, and what the server said of the session since then counts at the
    /// authorization.
    public func review(
        _ request: PeerRevalidationRequest,
        wallClock: WallTime,
        answer: @escaping @Sendable (PeerVerification) -> Void
    ) {
        guard current != nil else {
            return answer(.refused(reason: "eap_unconfigured: no RADIUS server is configured"))
        }
        answer(.accepted(VerifiedPeer(notAfter: request.notAfter, attributes: request.attributes, eap: request.eap)))
    }

    /// Forgets a conversation; a request that is under way is given up.
    public func end(_ session: EAPSessionID) {
        state.withLock { $0.owners.removeValue(forKey: session) }?.end(session)
    }
}

/// What a service leaves to the one after it.
public struct RADIUSHandover: Sendable {
    /// Records that no server has acknowledged, oldest first; a server may have got the newest of them.
    var records: [AccountingRecord]
    /// Which requests of dynamic authorization were seen.
    var dynamic: DynamicAuthorization
}

extension RADIUSService.Parts {
    /// Whether a service of these would do what one of the others does.
    func isSame(as other: RADIUSService.Parts) -> Bool {
        func servers(_ left: [RADIUSServer], _ right: [RADIUSServer]) -> Bool {
            left.count == right.count
                && zip(left, right).allSatisfy {
                    $0.name == $1.name && $0.endpoint == $1.endpoint && $0.secret.isEqual(to: $1.secret)
                }
        }
        let sameClients =
            dynamicClients.count == other.dynamicClients.count
            && zip(dynamicClients, other.dynamicClients).allSatisfy {
                $0.address == $1.address && $0.secret.isEqual(to: $1.secret)
            }
        return servers(access, other.access) && servers(accounting, other.accounting) && sameClients
            && settings == other.settings && localAddress == other.localAddress && nasIdentifier == other.nasIdentifier
            && asksIdentity == other.asksIdentity && dynamicPort == other.dynamicPort
    }
}
