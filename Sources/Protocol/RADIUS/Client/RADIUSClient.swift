public import IPsecTypes

/// A RADIUS client: requests to the first server that answers, without a clock, randomness or a socket of its own.
///
/// Each request is sent, sent again with growing pauses (RFC 5080 §2.2.1), then taken to the next server, and ends within
/// its budget. A server that answered nothing of what it was asked is dead: the others come first, and it is asked by
/// Status-Server (RFC 5997) whether it is back. When all are dead they are tried all the same. Answers are believed only
/// from the server's address, for a waiting identifier and with both authenticators.
public struct RADIUSClient: Sendable {
    /// No pause between two transmissions is longer (RFC 5080 §2.2.1, MRT).
    static let longestTimeout: Duration = .seconds(8)
    /// The longest budget: see ``RADIUSClientSettings/budget``.
    static let longestBudget: Duration = .seconds(30)

    let settings: RADIUSClientSettings
    var servers: [ServerState]
    var pending: [RADIUSRequestID: PendingRequest] = [:]
    private var nextID: UInt64 = 1
    private var toldAllDead = false
    /// Never later than what is due; may be too early.
    private var wakeUp: Instant?

    /// A client of some servers, in the order of preference.
    public init(servers: [RADIUSServer], settings: RADIUSClientSettings = RADIUSClientSettings()) {
        self.servers = servers.map { ServerState($0) }
        self.settings = settings
    }

    /// The servers for status, in the order of preference.
    public var statuses: [RADIUSServerStatus] {
        servers.map { state in
            RADIUSServerStatus(
                name: state.server.name,
                endpoint: state.server.endpoint,
                isAlive: state.isAlive,
                waiting: state.waiting,
                sent: state.sent,
                answered: state.answered,
                discarded: state.discarded
            )
        }
    }

    /// Requests that wait for answers.
    public var waiting: Int { pending.count }

    /// When ``handleTimeout(now:using:into:)`` is due.
    public var nextDeadline: Instant? { wakeUp }

    /// Begins a request. It ends with ``RADIUSAction/finished(_:_:)``, possibly at once, always within its budget.
    public mutating func begin(
        _ request: RADIUSRequest,
        now: Instant,
        using random: inout some RandomNumberGenerator,
        into actions: inout [RADIUSAction]
    ) -> RADIUSRequestID {
        let id = RADIUSRequestID(rawValue: nextID)
        nextID &+= 1
        let budget = min(request.budget ?? settings.budget, Self.longestBudget)
        let candidates = candidates(request, excluding: [])
        for server in candidates
        where send(id, request, to: server, asked: [server], deadline: now + budget, now, &random, &actions) {
            return id
        }
        let reason = candidates.isEmpty ? "no server is configured" : "too many requests wait, or it is too long"
        actions.append(.finished(id, .notSent(reason)))
        return id
    }

    /// Asks a server whether it is there (RFC 5997), whatever is thought of it. Ends like a request.
    public mutating func probe(
        _ server: Int,
        now: Instant,
        using random: inout some RandomNumberGenerator,
        into actions: inout [RADIUSAction]
    ) -> RADIUSRequestID {
        begin(
            RADIUSRequest(.statusServer, settings.identification, server: server),
            now: now,
            using: &random,
            into: &actions
        )
    }

    /// Forgets a request; its late answer will be discarded.
    public mutating func cancel(_ id: RADIUSRequestID) { _ = remove(id) }

    /// Takes a datagram that came to a lane's socket.
    public mutating func receive(
        _ bytes: [UInt8],
        from source: Endpoint,
        on lane: RADIUSLane,
        now: Instant,
        into actions: inout [RADIUSAction]
    ) {
        guard servers.indices.contains(lane.server) else { return }
        do throws(RADIUSDiscard) {
            let (id, packet) = try check(bytes, source, lane)
            accept(id, packet, now, &actions)
        } catch {
            servers[lane.server].discarded[error, default: 0] &+= 1
            actions.append(.report(.discarded(error, server: lane.server, from: source)))
        }
    }

    /// Does what is due: sends again, asks the next server, gives up, probes.
    public mutating func handleTimeout(
        now: Instant,
        using random: inout some RandomNumberGenerator,
        into actions: inout [RADIUSAction]
    ) {
        for id in pending.filter({ $0.value.deadline <= now }).keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let request = remove(id) else { continue }
            blame(request, now, &random, &actions)
            if !request.isProbe { actions.append(.finished(id, .unanswered)) }
        }
        for id in pending.filter({ $0.value.nextSend <= now }).keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            repeatOrMove(id, now, &random, &actions)
        }
        for server in servers.indices { probeIfDue(server, now, &random, &actions) }
        wakeUp = (pending.values.map { min($0.nextSend, $0.deadline) } + servers.compactMap(\.nextProbe)).min()
    }

    // MARK: Answers

    private func check(
        _ bytes: [UInt8],
        _ source: Endpoint,
        _ lane: RADIUSLane
    ) throws(RADIUSDiscard) -> (RADIUSRequestID, RADIUSPacket) {
        let state = servers[lane.server]
        guard source == state.server.endpoint else { throw .wrongSource }
        guard let packet = try? RADIUSPacket(parsing: bytes) else { throw .malformed }
        guard let id = state.holder(lane: lane.socket, identifier: packet.identifier), let waiting = pending[id] else {
            throw .unexpectedIdentifier
        }
        let expected: [RADIUSCode]
        switch waiting.request.code {
        case .accountingRequest: expected = [.accountingResponse]
        // RFC 5997 §4.2: Access-Accept from an authentication port, Accounting-Response from an accounting port.
        case .statusServer: expected = [.accessAccept, .accountingResponse]
        default: expected = [.accessAccept, .accessReject, .accessChallenge]
        }
        guard expected.contains(packet.code) else { throw .unexpectedCode }
        do throws(RADIUSForgery) {
            try packet.checkAnswer(
                to: waiting.authenticator,
                state.server.secret,
                needsMessageAuthenticator: packet.code != .accountingResponse
            )
        } catch {
            throw RADIUSDiscard(error)
        }
        return (id, packet)
    }

    private mutating func accept(
        _ id: RADIUSRequestID,
        _ packet: RADIUSPacket,
        _ now: Instant,
        _ actions: inout [RADIUSAction]
    ) {
        guard let request = remove(id) else { return }
        let server = request.server
        servers[server].answered &+= 1
        servers[server].lastAnswer = now
        if request.request.code == .statusServer { servers[server].answersProbes = true }
        if !servers[server].isAlive {
            servers[server].isAlive = true
            servers[server].nextProbe = nil
            toldAllDead = false
            actions.append(.report(.serverAlive(server)))
        }
        guard !request.isProbe else { return }
        let isAccept = packet.code == .accessAccept && request.request.code == .accessRequest
        let key =
            isAccept
            ? packet.attributes.masterSessionKey(
                secret: servers[server].server.secret,
                requestAuthenticator: request.authenticator
            ) : nil
        let answer = RADIUSAnswer(
            server: server,
            code: packet.code,
            attributes: packet.attributes,
            masterSessionKey: key,
            roundTrip: now - request.firstSent
        )
        actions.append(.finished(id, .answered(answer)))
    }

    private mutating func remove(_ id: RADIUSRequestID) -> PendingRequest? {
        guard let request = pending.removeValue(forKey: id) else { return nil }
        servers[request.server].free(lane: request.lane, identifier: request.identifier)
        return request
    }

    // MARK: Sending

    /// Servers to ask, best first: those that answer, then the others, in the order of preference.
    private func candidates(_ request: RADIUSRequest, excluding asked: Set<Int>) -> [Int] {
        if let fixed = request.server { return servers.indices.contains(fixed) ? [fixed] : [] }
        let left = servers.indices.filter { !asked.contains($0) }
        return left.filter { servers[$0].isAlive } + left.filter { !servers[$0].isAlive }
    }

    /// Sends a request to a server as a new one: with an identifier and an authenticator of its own. False when no
    /// identifier is free or the packet is too long.
    private mutating func send(
        _ id: RADIUSRequestID,
        _ request: RADIUSRequest,
        to server: Int,
        asked: Set<Int>,
        deadline: Instant,
        isProbe: Bool = false,
        timeout: Duration? = nil,
        _ now: Instant,
        _ random: inout some RandomNumberGenerator,
        _ actions: inout [RADIUSAction]
    ) -> Bool {
        guard let (lane, identifier) = servers[server].take(id) else { return false }
        let secret = servers[server].server.secret
        let authenticator = Self.randomAuthenticator(&random)
        var packet = RADIUSPacket(code: request.code, identifier: identifier, attributes: request.attributes)
        if let password = request.password {
            let hidden = HiddenValues.hide(password: password, secret: secret, authenticator: authenticator)
            packet.attributes.append(RADIUSAttribute(.userPassword, hidden ?? []))
        }
        packet.sealRequest(secret, random: authenticator)
        guard packet.fits else {
            servers[server].free(lane: lane, identifier: identifier)
            return false
        }
        let bytes = packet.encoded
        let pause = timeout ?? settings.timeout
        let made = PendingRequest(
            request: request,
            isProbe: isProbe,
            deadline: deadline,
            server: server,
            lane: lane,
            identifier: identifier,
            authenticator: packet.authenticator,
            bytes: bytes,
            firstSent: now,
            timeout: pause,
            nextSend: now + Self.jitter(pause, &random),
            asked: asked
        )
        pending[id] = made
        servers[server].sent &+= 1
        wake(min(made.nextSend, deadline))
        actions.append(.send(bytes, RADIUSLane(server: server, socket: lane)))
        return true
    }

    /// A pause is over without an answer: the same octets again (RFC 5080 §2.2.1), or the next server.
    private mutating func repeatOrMove(
        _ id: RADIUSRequestID,
        _ now: Instant,
        _ random: inout some RandomNumberGenerator,
        _ actions: inout [RADIUSAction]
    ) {
        // What came before in this turn may have moved it already.
        guard var request = pending[id], request.nextSend <= now else { return }
        if request.transmissions >= settings.transmissions {
            blame(request, now, &random, &actions)
            // With its server dead it may be elsewhere already.
            guard let current = pending[id], current.nextSend <= now else { return }
            if move(id, now, &random, &actions) { return }
        }
        request.transmissions += 1
        request.timeout = min(request.timeout * 2, Self.longestTimeout)
        request.nextSend = now + Self.jitter(request.timeout, &random)
        pending[id] = request
        servers[request.server].sent &+= 1
        actions.append(.send(request.bytes, RADIUSLane(server: request.server, socket: request.lane)))
    }

    /// Takes a request to the next server; after the last it begins with the first again, more patiently. False when there
    /// is nobody else to ask.
    private mutating func move(
        _ id: RADIUSRequestID,
        _ now: Instant,
        _ random: inout some RandomNumberGenerator,
        _ actions: inout [RADIUSAction]
    ) -> Bool {
        guard let request = pending[id], request.request.server == nil, servers.count > 1 else { return false }
        var asked = request.asked
        var pause = settings.timeout
        var next = candidates(request.request, excluding: asked)
        if next.isEmpty {
            asked = []
            pause = min(request.timeout * 2, Self.longestTimeout)
            next = candidates(request.request, excluding: [request.server])
        }
        for server in next {
            let old = request
            let sent = send(
                id,
                request.request,
                to: server,
                asked: asked.union([server]),
                deadline: request.deadline,
                timeout: pause,
                now,
                &random,
                &actions
            )
            guard sent else { continue }
            servers[old.server].free(lane: old.lane, identifier: old.identifier)
            return true
        }
        return false
    }

    /// A server that was asked as often as it is asked, and answered nothing since, is dead. Requests that wait for it
    /// and may be asked elsewhere are taken there at once.
    private mutating func blame(
        _ request: PendingRequest,
        _ now: Instant,
        _ random: inout some RandomNumberGenerator,
        _ actions: inout [RADIUSAction]
    ) {
        let server = request.server
        guard !request.isProbe, servers[server].isAlive, request.transmissions >= settings.transmissions,
            servers[server].lastAnswer.map({ $0 < request.firstSent }) ?? true
        else { return }
        servers[server].isAlive = false
        servers[server].deadSince = now
        servers[server].nextProbe = now + Self.jitter(settings.probeInterval, &random)
        wake(now + settings.probeInterval / 2)
        actions.append(.report(.serverDead(server)))
        if servers.allSatisfy({ !$0.isAlive }), !toldAllDead {
            toldAllDead = true
            actions.append(.report(.allServersDead))
        }
        guard servers.contains(where: \.isAlive) else { return }
        let waiting = pending.filter { $0.value.server == server && $0.value.request.server == nil }.keys
        for id in waiting.sorted(by: { $0.rawValue < $1.rawValue }) { _ = move(id, now, &random, &actions) }
    }

    // MARK: Probes

    private mutating func probeIfDue(
        _ server: Int,
        _ now: Instant,
        _ random: inout some RandomNumberGenerator,
        _ actions: inout [RADIUSAction]
    ) {
        guard let due = servers[server].nextProbe, due <= now else { return }
        if !servers[server].answersProbes, now - servers[server].deadSince >= settings.deadTime {
            // It may be one that knows no Status-Server: the next request tries it.
            servers[server].isAlive = true
            servers[server].nextProbe = nil
            toldAllDead = false
            return
        }
        servers[server].nextProbe = now + Self.jitter(settings.probeInterval, &random)
        let id = RADIUSRequestID(rawValue: nextID)
        nextID &+= 1
        // RFC 5997 §4.2: a watchdog is sent once, not again.
        let request = RADIUSRequest(.statusServer, settings.identification, server: server)
        _ = send(
            id,
            request,
            to: server,
            asked: [server],
            deadline: now + settings.timeout * 3,
            isProbe: true,
            timeout: Self.longestBudget,
            now,
            &random,
            &actions
        )
    }

    private mutating func wake(_ instant: Instant) { wakeUp = wakeUp.map { min($0, instant) } ?? instant }

    private static func randomAuthenticator(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        var writer = WireWriter(capacity: 16)
        writer.writeUInt64(random.next())
        writer.writeUInt64(random.next())
        return writer.bytes
    }

    /// RFC 5080 §2.2.1: a tenth more or less, so that many clients do not repeat in step.
    private static func jitter(_ pause: Duration, _ random: inout some RandomNumberGenerator) -> Duration {
        pause * Double.random(in: 0.9...1.1, using: &random)
    }
}
