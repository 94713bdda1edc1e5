import IKEv2
import IPsecTypes
import Logging
import PacketIO
import RADIUS

/// The inside of the RADIUS thread: the machines, their sockets and who waits for them. It never leaves the thread.
final class RADIUSLoop {
    private enum Role: Hashable {
        case access
        case accounting
    }

    private struct Port: Hashable {
        var role: Role
        var lane: RADIUSLane
    }

    private let parts: RADIUSService.Parts
    private let mailbox: Mailbox<RADIUSMessage>
    private let logger: Logger
    private let handlers: RADIUSService.Handlers
    private let poller: Poller
    private var access: RADIUSClient
    private var accounting: RADIUSClient
    private var spool = AccountingSpool()
    private var conversations: RADIUSConversations
    private var dynamic: DynamicAuthorization
    private var listener: DatagramPort?
    private var ports: [Port: DatagramPort] = [:]
    private var portNames: [Port] = []
    private var random = SystemRandom()
    private var waiting: [RADIUSRequestID: @Sendable (RADIUSOutcome) -> Void] = [:]
    private var probing: [RADIUSRequestID: @Sendable (RADIUSOutcome) -> Void] = [:]
    private var stopAt: Instant?
    /// Another service has taken over: until when conversations may go on.
    private var retiredUntil: Instant?
    /// Strangers can make us discard at will: log lines of it are few.
    private var discardLines = TokenBucket()

    private static let mailboxToken: UInt64 = 1
    private static let listenerToken: UInt64 = 2
    private static let firstPortToken: UInt64 = 16
    /// Longer than the longest packet by one octet, so that a longer datagram is seen as such.
    private static let longestDatagram = RADIUSPacket.maximumLength + 1

    init(
        _ parts: RADIUSService.Parts,
        _ mailbox: Mailbox<RADIUSMessage>,
        _ accepted: RADIUSAcceptances,
        _ logger: Logger,
        _ handlers: RADIUSService.Handlers,
        _ handover: RADIUSHandover?
    ) throws(IOFailure) {
        self.parts = parts
        self.mailbox = mailbox
        self.logger = logger
        self.handlers = handlers
        access = RADIUSClient(servers: parts.access, settings: parts.settings)
        accounting = RADIUSClient(servers: parts.accounting, settings: parts.settings)
        conversations = RADIUSConversations(parts, accepted)
        let fresh = DynamicAuthorization(clients: [], nasIdentifier: parts.nasIdentifier, nasAddresses: [])
        dynamic = (handover?.dynamic ?? fresh).reconfigured(
            clients: parts.dynamicClients,
            nasIdentifier: parts.nasIdentifier,
            nasAddresses: [parts.localAddress].compactMap { $0 }
        )
        if !parts.accounting.isEmpty { for record in handover?.records ?? [] { spool.add(record) } }
        poller = try Poller()
        try poller.add(mailbox.descriptor, .readable, token: Self.mailboxToken)
        if let first = parts.dynamicClients.first {
            let family = parts.localAddress?.family ?? first.address.family
            let address = parts.localAddress ?? .unspecified(family)
            let port = try DatagramPort(
                bind: Endpoint(address, port: parts.dynamicPort),
                longest: Self.longestDatagram
            )
            try poller.add(port.descriptor, .readable, token: Self.listenerToken)
            listener = port
        } else {
            listener = nil
        }
    }

    func run() {
        while true {
            wait()
            for message in mailbox.drain() { take(message) }
            receive()
            timeouts()
            sendRecords()
            if let stopAt, stopAt <= SystemClock.now || spool.count == 0 { return }
            if let retiredUntil, retiredUntil <= SystemClock.now || isIdle { return }
        }
    }

    /// Whether nobody waits for anything.
    private var isIdle: Bool { waiting.isEmpty && probing.isEmpty && conversations.count == 0 }

    private func retire(_ deadline: Instant) -> RADIUSHandover {
        listener = nil
        retiredUntil = deadline
        return RADIUSHandover(records: spool.surrender(), dynamic: dynamic)
    }

    private func wait() {
        let deadlines = [
            access.nextDeadline, accounting.nextDeadline, spool.nextDeadline, conversations.nextDeadline, stopAt,
            retiredUntil,
        ]
        let now = SystemClock.now
        let pause = deadlines.compactMap { $0 }.min().map { max(.zero, $0 - now) }
        // An interrupted or failed wait only means that the lists are looked at early.
        _ = try? poller.wait(timeout: min(pause ?? .seconds(1), .seconds(1)))
    }

    private func take(_ message: RADIUSMessage) {
        var actions: [RADIUSAction] = []
        let now = SystemClock.now
        switch message {
        case .ask(let request, let completion):
            let id = access.begin(request, now: now, using: &random, into: &actions)
            waiting[id] = completion
            carryOut(actions, .access)
        case .probe(let server, let isAccounting, let completion):
            guard isAccounting else {
                waiting[access.probe(server, now: now, using: &random, into: &actions)] = completion
                return carryOut(actions, .access)
            }
            probing[accounting.probe(server, now: now, using: &random, into: &actions)] = completion
            carryOut(actions, .accounting)
        case .eap(let request, let completion):
            switch conversations.take(request, completion, now: now) {
            case .answer(let step): completion(step)
            case .ask(let question):
                let id = access.begin(question, now: now, using: &random, into: &actions)
                conversations.asked(request.session, as: id)
                carryOut(actions, .access)
            }
        case .eapEnd(let session): if let id = conversations.end(session) { access.cancel(id) }
        case .account(let record): if !parts.accounting.isEmpty { spool.add(record) }
        case .dynamicAnswer(let request, let refusal, let destination, let source):
            listener?.send(dynamic.answer(request, refusal), to: destination, from: source)
        case .status(let body): body(status)
        case .retire(let deadline, let body): body(retire(deadline))
        case .stop(let deadline): stopAt = deadline
        }
    }

    private var status: RADIUSService.Status {
        RADIUSService.Status(
            access: access.statuses,
            accounting: accounting.statuses,
            waitingRecords: spool.count,
            lostRecords: spool.lost,
            discardedRequests: dynamic.discarded
        )
    }

    // MARK: Actions

    private func carryOut(_ actions: [RADIUSAction], _ role: Role) {
        for action in actions {
            switch action {
            case .send(let bytes, let lane):
                guard let port = port(Port(role: role, lane: lane)) else { continue }
                port.send(bytes, to: servers(role)[lane.server].endpoint)
            case .finished(let id, let outcome): finish(id, outcome, role)
            case .report(let report): tell(report, role)
            }
        }
    }

    private func servers(_ role: Role) -> [RADIUSServer] { role == .access ? parts.access : parts.accounting }

    private func finish(_ id: RADIUSRequestID, _ outcome: RADIUSOutcome, _ role: Role) {
        let now = SystemClock.now
        switch role {
        case .access:
            if let completion = waiting.removeValue(forKey: id) {
                completion(outcome)
            } else {
                conversations.finished(id, outcome, now: now)
            }
        case .accounting:
            if let completion = probing.removeValue(forKey: id) {
                completion(outcome)
            } else {
                _ = spool.finished(id, outcome, now: now)
            }
        }
    }

    private func tell(_ report: RADIUSReport, _ role: Role) {
        let purpose = role == .access ? "authentication" : "accounting"
        switch report {
        case .serverDead(let index):
            let name = servers(role)[index].name
            logger.warning("a RADIUS server does not answer", metadata: ["server": "\(name)", "for": "\(purpose)"])
            handlers.health("\(name) (\(purpose))", false)
        case .serverAlive(let index):
            let name = servers(role)[index].name
            logger.notice("a RADIUS server answers again", metadata: ["server": "\(name)", "for": "\(purpose)"])
            handlers.health("\(name) (\(purpose))", true)
        case .allServersDead:
            logger.error("no RADIUS server answers", metadata: ["for": "\(purpose)"])
            if role == .access { handlers.health(nil, false) }
        case .discarded(let reason, let index, let source):
            guard discardLines.take(SystemClock.now, perSecond: 1, burst: 10) else { return }
            logger.warning(
                "a RADIUS answer was discarded",
                metadata: [
                    "reason": "\(reason.rawValue)", "server": "\(servers(role)[index].name)", "from": "\(source)",
                ]
            )
        }
    }

    /// The socket of a lane, opened when it is first used.
    private func port(_ name: Port) -> DatagramPort? {
        if let port = ports[name] { return port }
        let server = servers(name.role)[name.lane.server].endpoint
        let own = parts.localAddress.flatMap { $0.family == server.address.family ? $0 : nil }
        do throws(IOFailure) {
            let local = Endpoint(own ?? .unspecified(server.address.family), port: 0)
            let port = try DatagramPort(bind: local, longest: Self.longestDatagram)
            try poller.add(port.descriptor, .readable, token: Self.firstPortToken + UInt64(portNames.count))
            portNames.append(name)
            ports[name] = port
            return port
        } catch {
            // The request is not sent and ends as unanswered.
            logger.error("no socket for RADIUS", metadata: ["error": "\(error)"])
            return nil
        }
    }

    // MARK: Input

    private func receive() {
        for name in portNames {
            guard let port = ports[name], let datagrams = try? port.receive() else { continue }
            for datagram in datagrams {
                var actions: [RADIUSAction] = []
                let now = SystemClock.now
                switch name.role {
                case .access:
                    access.receive(
                        datagram.bytes,
                        from: datagram.source,
                        on: name.lane,
                        now: now,
                        into: &actions
                    )
                case .accounting:
                    accounting.receive(
                        datagram.bytes,
                        from: datagram.source,
                        on: name.lane,
                        now: now,
                        into: &actions
                    )
                }
                carryOut(actions, name.role)
            }
        }
        for datagram in (try? listener?.receive()) ?? [] { receiveDynamic(datagram) }
    }

    private func receiveDynamic(_ datagram: DatagramPort.Datagram) {
        switch dynamic.receive(datagram.bytes, from: datagram.source, wallClock: SystemClock.wall) {
        case .discarded(let reason):
            guard discardLines.take(SystemClock.now, perSecond: 1, burst: 10) else { return }
            logger.warning(
                "a request of dynamic authorization was discarded",
                metadata: ["reason": "\(reason.rawValue)", "from": "\(datagram.source)"]
            )
        case .answer(let bytes): listener?.send(bytes, to: datagram.source, from: datagram.local)
        case .request(let request):
            let mailbox = mailbox
            handlers.dynamic(request) { refusal in
                mailbox.post(
                    .dynamicAnswer(request, refusal, to: datagram.source, from: datagram.local)
                )
            }
        }
    }

    // MARK: Time

    private func timeouts() {
        let now = SystemClock.now
        if let due = access.nextDeadline, due <= now {
            var actions: [RADIUSAction] = []
            access.handleTimeout(now: now, using: &random, into: &actions)
            carryOut(actions, .access)
        }
        if let due = accounting.nextDeadline, due <= now {
            var actions: [RADIUSAction] = []
            accounting.handleTimeout(now: now, using: &random, into: &actions)
            carryOut(actions, .accounting)
        }
        conversations.expire(now: now)
    }

    private func sendRecords() {
        for record in spool.next(now: SystemClock.now) {
            var actions: [RADIUSAction] = []
            let request = RADIUSRequest(.accountingRequest, record.attributes + parts.identification)
            let id = accounting.begin(request, now: SystemClock.now, using: &random, into: &actions)
            spool.sent(record, as: id)
            carryOut(actions, .accounting)
        }
    }
}
