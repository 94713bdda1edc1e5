import Foundation
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import RADIUS
import Synchronization

/// The thread that speaks RADIUS: requests and their answers, EAP conversations, accounting, dynamic authorization. This
/// handle may be used from any thread; answers come on the service's own, and must not keep it.
public final class RADIUSService: Sendable {
    /// What a service is made of.
    public struct Parts: Sendable {
        /// Servers that authenticate, in the order of preference.
        public var access: [RADIUSServer]
        /// Servers that account; empty for none.
        public var accounting: [RADIUSServer]
        /// How they are dealt with.
        public var settings: RADIUSClientSettings
        /// The address that requests leave from; nil for what the route says.
        public var localAddress: IPAddress?
        /// NAS-Identifier.
        public var nasIdentifier: String
        /// Whether peers are always asked for their EAP identity.
        public var asksIdentity: Bool
        /// Who may end and change sessions.
        public var dynamicClients: [DynamicClient]
        /// The port that listens for them.
        public var dynamicPort: UInt16

        /// Gathers the parts.
        public init(
            access: [RADIUSServer],
            accounting: [RADIUSServer] = [],
            settings: RADIUSClientSettings = RADIUSClientSettings(),
            localAddress: IPAddress? = nil,
            nasIdentifier: String,
            asksIdentity: Bool = false,
            dynamicClients: [DynamicClient] = [],
            dynamicPort: UInt16 = 3799
        ) {
            self.access = access
            self.accounting = accounting
            self.settings = settings
            self.localAddress = localAddress
            self.nasIdentifier = nasIdentifier
            self.asksIdentity = asksIdentity
            self.dynamicClients = dynamicClients
            self.dynamicPort = dynamicPort
            // RFC 2865 §4.1: NAS-Identifier or NAS-IP-Address; the same for Status-Server (RFC 5997 §3).
            self.settings.identification = identification
        }

        /// NAS-Identifier and NAS-IP-Address or NAS-IPv6-Address.
        public var identification: [RADIUSAttribute] {
            var attributes = [RADIUSAttribute(.nasIdentifier, text: nasIdentifier)]
            if let localAddress {
                let type: RADIUSAttributeType = localAddress.family == .v4 ? .nasIPAddress : .nasIPv6Address
                attributes.append(RADIUSAttribute(type, address: localAddress))
            }
            return attributes
        }
    }

    /// What the service tells its owner, on the service's thread.
    public struct Handlers: Sendable {
        /// A proved Disconnect-Request or CoA-Request; nil to `answer` acknowledges it.
        public var dynamic: @Sendable (DynamicRequest, _ answer: @escaping @Sendable (DynamicRefusal?) -> Void) -> Void
        /// Whether servers answer changed: name, alive; the name is nil when none answers any more.
        public var health: @Sendable (String?, Bool) -> Void

        /// Gathers the handlers.
        public init(
            dynamic:
                @escaping @Sendable (
                    DynamicRequest, _ answer: @escaping @Sendable (DynamicRefusal?) -> Void
                ) -> Void,
            health: @escaping @Sendable (String?, Bool) -> Void
        ) {
            self.dynamic = dynamic
            self.health = health
        }
    }

    /// Servers and counters, for status.
    public struct Status: Sendable {
        /// Servers that authenticate.
        public var access: [RADIUSServerStatus]
        /// Servers that account.
        public var accounting: [RADIUSServerStatus]
        /// Accounting records that no server has acknowledged.
        public var waitingRecords: Int
        /// Accounting records that were lost because too many waited.
        public var lostRecords: UInt64
        /// Requests of dynamic authorization that were thrown away, by reason.
        public var discardedRequests: [DynamicDiscard: UInt64]
    }

    let mailbox: Mailbox<RADIUSMessage>
    private let finished = DispatchSemaphore(value: 0)
    /// What peers were accepted with, until authorization asks for it.
    public let accepted: RADIUSAcceptances
    /// Messages that may wait for the thread: requests are bounded by half-open IKE SAs, records by sessions.
    private static let mailboxLimit = 1 << 16

    /// Starts the thread; throws when the port of dynamic authorization cannot be had.
    ///
    /// - Parameters:
    ///   - accepted: where it is kept what peers were accepted with.
    ///   - handover: what the service before it has left.
    public init(
        _ parts: Parts,
        logger: Logger,
        handlers: Handlers,
        accepted: RADIUSAcceptances = RADIUSAcceptances(),
        continuing handover: RADIUSHandover? = nil
    ) throws(IOFailure) {
        let mailbox = try Mailbox<RADIUSMessage>(limit: Self.mailboxLimit)
        self.mailbox = mailbox
        self.accepted = accepted
        let done = finished
        let begun = Waiting<IOFailure?>()
        let thread = Thread {
            do throws(IOFailure) {
                let loop = try RADIUSLoop(parts, mailbox, accepted, logger, handlers, handover)
                begun.finish(nil)
                loop.run()
            } catch {
                begun.finish(error)
            }
            done.signal()
        }
        thread.name = "culvert-radius"
        thread.stackSize = 1 << 20
        thread.start()
        if let failure = begun.wait(seconds: 5) ?? IOFailure(call: "start RADIUS", code: 0, text: "it does not start") {
            throw failure
        }
    }

    /// Asks the authentication servers. `completion` is called once, within the budget.
    public func ask(_ request: RADIUSRequest, completion: @escaping @Sendable (RADIUSOutcome) -> Void) {
        if !mailbox.post(.ask(request, completion)) { completion(.notSent("too many requests wait")) }
    }

    /// Asks one server by Status-Server whether it is there.
    public func probe(
        _ server: Int,
        accounting: Bool,
        completion: @escaping @Sendable (RADIUSOutcome) -> Void
    ) {
        if !mailbox.post(.probe(server, accounting: accounting, completion)) {
            completion(.notSent("too many requests wait"))
        }
    }

    /// Carries one step of a peer's EAP conversation; ``EAPDesk`` says how.
    public func step(_ request: EAPServerRequest, answer: @escaping @Sendable (EAPServerStep) -> Void) {
        if !mailbox.post(.eap(request, answer)) {
            answer(.failed(failure: [4, 0, 0, 4], reason: "radius_unreachable: too many requests wait"))
        }
    }

    /// A conversation is over, maybe while a step of it is under way.
    public func end(_ session: EAPSessionID) { mailbox.post(.eapEnd(session)) }

    /// Sends a record of accounting, now or when a server answers again. Nothing without accounting servers.
    public func account(_ record: AccountingRecord) { mailbox.post(.account(record)) }

    /// Servers and counters; nil when the thread does not answer.
    public func status() -> Status? {
        let box = Waiting<Status>()
        guard mailbox.post(.status { box.finish($0) }) else { return nil }
        return box.wait(seconds: 2)
    }

    /// Another service takes over: this one stops listening, hands on its records, and ends with its last conversation, or at
    /// `deadline`. nil when the thread does not answer.
    func retire(until deadline: Instant) -> RADIUSHandover? {
        let box = Waiting<RADIUSHandover>()
        guard mailbox.post(.retire(deadline) { box.finish($0) }) else { return nil }
        return box.wait(seconds: 2)
    }

    /// Gives accounting `grace` seconds to get its last records acknowledged, and ends the thread.
    public func stop(grace: Double) {
        mailbox.post(.stop(SystemClock.now + .milliseconds(Int64(grace * 1000))))
        _ = finished.wait(timeout: .now() + grace + 2)
    }
}

/// What reaches the RADIUS thread from others.
enum RADIUSMessage: Sendable {
    case ask(RADIUSRequest, @Sendable (RADIUSOutcome) -> Void)
    case probe(Int, accounting: Bool, @Sendable (RADIUSOutcome) -> Void)
    case eap(EAPServerRequest, @Sendable (EAPServerStep) -> Void)
    case eapEnd(EAPSessionID)
    case account(AccountingRecord)
    case dynamicAnswer(DynamicRequest, DynamicRefusal?, to: Endpoint, from: IPAddress?)
    case status(@Sendable (RADIUSService.Status) -> Void)
    case retire(Instant, @Sendable (RADIUSHandover) -> Void)
    case stop(Instant)
}

/// What peers were accepted with, kept from the RADIUS thread until the shard authorizes them; bounded.
public final class RADIUSAcceptances: Sendable {
    /// One acceptance.
    public struct Entry: Hashable, Sendable {
        /// The name the peer was authenticated by: User-Name of the Access-Accept, else its EAP identity.
        public var userName: String
        /// What the server says of the session.
        public var authorization: RADIUSAuthorization
        /// The server.
        public var server: String

        /// Makes a value.
        public init(userName: String, authorization: RADIUSAuthorization, server: String) {
            self.userName = userName
            self.authorization = authorization
            self.server = server
        }
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Peers between acceptance and authorization; the oldest go first.
    private static let limit: UInt64 = 8192
    /// Tokens of verified certificates count from 1: no peer of one kind is ever taken for one of the other.
    private static let tokenBase: UInt64 = 1 << 63

    /// Nobody yet.
    public init() {}

    func add(_ entry: Entry) -> UInt64 {
        state.withLock { state in
            let number = state.next
            state.next += 1
            state.entries[number] = entry
            if number >= Self.limit { state.entries[number - Self.limit] = nil }
            return Self.tokenBase + number
        }
    }

    /// What a peer was accepted with; nil for tokens of others.
    public func entry(_ token: UInt64) -> Entry? {
        guard token >= Self.tokenBase else { return nil }
        return state.withLock { $0.entries[token - Self.tokenBase] }
    }
}
