import IPsecTypes
import Testing

@testable import RADIUS

@Suite("RADIUS client in virtual time")
struct RADIUSClientTests {
    @Test("An answered request ends with the answer")
    func answered() {
        var world = VirtualServers(1)
        world.answers[0] = VirtualServers.accepts
        let id = world.begin(.plain)
        #expect(world.answer(id)?.code == .accessAccept)
        #expect(world.client.waiting == 0)
    }

    @Test("Every request begins with its Message-Authenticator, but accounting, which has none")
    func messageAuthenticatorFirst() throws {
        var world = VirtualServers(1)
        _ = world.begin(.plain)
        _ = world.begin(RADIUSRequest(.statusServer, []))
        _ = world.begin(RADIUSRequest(.accountingRequest, [RADIUSAttribute(.acctStatusType, number: 1)]))
        let first = try world.sent.map { try RADIUSPacket(parsing: $0.bytes).attributes.first?.type }
        #expect(first == [.messageAuthenticator, .messageAuthenticator, .acctStatusType])
    }

    @Test("A repetition is the same octets; pauses grow; the budget ends it (RFC 5080 §2.2.1)")
    func repetition() {
        var world = VirtualServers(1)
        let id = world.begin(.plain)
        world.run(until: .zero + .seconds(60))
        let own = world.sent.filter { $0.bytes.first == 1 }
        #expect(Set(own.map(\.bytes)).count == 1)
        let pauses = zip(own, own.dropFirst()).map { $1.at - $0.at }
        #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 * 1.5 < $1 || $1 > .seconds(7) })
        guard case .unanswered? = world.finished[id]?.outcome else {
            Issue.record("it did not end")
            return
        }
        #expect(world.finished[id].map { $0.at - .zero < .milliseconds(20_010) } == true)
    }

    @Test("No budget is longer than 30 s (E11)")
    func budget() {
        var settings = RADIUSClientSettings()
        settings.budget = .seconds(300)
        var world = VirtualServers(2, settings: settings)
        let id = world.begin(.plain)
        world.run(until: .zero + .seconds(31))
        #expect(world.finished[id].map { $0.at < .zero + .milliseconds(30_010) } == true)
    }

    @Test("The first server black-holed: the second answers within four seconds, and is asked first from then on")
    func failover() {
        var world = VirtualServers(2)
        world.answers[1] = VirtualServers.accepts
        let first = world.begin(.plain)
        world.run(until: .zero + .seconds(5))
        #expect(world.answer(first)?.server == 1)
        #expect(world.finished[first].map { $0.at < .zero + .seconds(4) } == true)
        #expect(world.reports == [.serverDead(0)])
        let second = world.begin(.plain)
        #expect(world.answer(second)?.server == 1)
        #expect(world.finished[second]?.at == world.now)
    }

    @Test("All that wait for a dead server move together")
    func moveTogether() {
        var world = VirtualServers(2)
        world.answers[1] = VirtualServers.accepts
        let ids = (0..<600).map { _ in world.begin(.plain) }
        world.run(until: .zero + .seconds(4))
        #expect(ids.allSatisfy { world.answer($0)?.server == 1 })
        #expect(world.reports == [.serverDead(0)])
    }

    @Test("A dead server is asked by Status-Server, and comes back with its answer (RFC 5997)")
    func probing() {
        var world = VirtualServers(2)
        world.answers[1] = VirtualServers.accepts
        _ = world.begin(.plain)
        world.run(until: .zero + .seconds(30))
        let probes = world.sent.filter { $0.bytes.first == RADIUSCode.statusServer.rawValue }
        #expect((2...3).contains(probes.count))
        #expect(probes.allSatisfy { $0.lane.server == 0 })
        world.answers[0] = VirtualServers.accepts
        world.run(until: .zero + .seconds(45))
        #expect(world.reports.last == .serverAlive(0))
        let id = world.begin(.plain)
        #expect(world.answer(id)?.server == 0)
    }

    @Test("A dead server that knows no Status-Server is tried again after its dead time")
    func deadTime() {
        var world = VirtualServers(2)
        world.answers[1] = VirtualServers.accepts
        _ = world.begin(.plain)
        world.run(until: .zero + .seconds(90))
        world.answers[0] = { $0.code == .statusServer ? nil : VirtualServers.accepts($0) }
        let id = world.begin(.plain)
        #expect(world.answer(id)?.server == 0)
    }

    @Test("E11: all servers black-holed, 1000 clients: each ends in time, one alert, nothing stays")
    func outage() {
        var world = VirtualServers(2)
        let ids = (0..<1000).map { _ in world.begin(.plain) }
        world.run(until: .zero + .seconds(31))
        #expect(ids.allSatisfy { world.finished[$0].map { $0.at < .zero + .milliseconds(30_010) } ?? false })
        #expect(world.reports.filter { $0 == .allServersDead }.count == 1)
        #expect(world.client.waiting == 0)
        #expect(world.client.statuses.allSatisfy { $0.waiting <= 1 })
    }

    @Test("Beyond all identifiers of all sockets a request is refused at once")
    func bounded() {
        var world = VirtualServers(1)
        let limit = ServerState.laneLimit * ServerState.identifiersPerLane
        for _ in 0..<limit { _ = world.begin(.plain) }
        #expect(world.client.waiting == limit)
        #expect(Set(world.sent.map(\.lane)).count == ServerState.laneLimit)
        let over = world.begin(.plain)
        guard case .notSent? = world.finished[over]?.outcome else {
            Issue.record("it was sent")
            return
        }
    }

    @Test("A request with a server's State stays with that server")
    func pinned() {
        var world = VirtualServers(2)
        world.answers[1] = VirtualServers.accepts
        var request = RADIUSRequest.plain
        request.server = 0
        let id = world.begin(request)
        world.run(until: .zero + .seconds(25))
        #expect(world.sent.filter { $0.bytes.first == 1 }.allSatisfy { $0.lane.server == 0 })
        guard case .unanswered? = world.finished[id]?.outcome else {
            Issue.record("it ended otherwise")
            return
        }
    }

    @Test("What does not fit into 4096 octets is not sent")
    func tooLong() {
        var world = VirtualServers(1)
        let attributes = (0..<17).map { _ in RADIUSAttribute(.class, [UInt8](repeating: 1, count: 253)) }
        let id = world.begin(RADIUSRequest(.accessRequest, attributes))
        guard case .notSent? = world.finished[id]?.outcome else {
            Issue.record("it was sent")
            return
        }
        #expect(world.sent.isEmpty)
    }
}

@Suite("E10: answers that are not the server's")
struct RADIUSSpoofTests {
    /// A world with one request under way, and the answer that its server would give.
    static func waiting() throws -> (VirtualServers, RADIUSRequestID, [UInt8]) {
        var world = VirtualServers(2)
        let id = world.begin(.plain)
        let request = try RADIUSPacket(parsing: try #require(world.sent.first?.bytes))
        let good = VirtualServers.seal(RADIUSPacket(code: .accessAccept, identifier: 0), to: request)
        return (world, id, good)
    }

    static let lane = RADIUSLane(server: 0, socket: 0)

    private func discards(
        _ reason: RADIUSDiscard,
        from source: Endpoint = VirtualServers.endpoint(0),
        on lane: RADIUSLane = Self.lane,
        _ change: (inout [UInt8]) -> Void
    ) throws {
        var (world, id, bytes) = try Self.waiting()
        let good = bytes
        change(&bytes)
        world.deliver(bytes, from: source, on: lane)
        #expect(world.finished[id] == nil)
        #expect(world.reports == [.discarded(reason, server: lane.server, from: source)])
        #expect(world.client.statuses[lane.server].discarded == [reason: 1])
        // The true answer still counts.
        world.deliver(good, from: VirtualServers.endpoint(0), on: Self.lane)
        #expect(world.answer(id)?.code == .accessAccept)
    }

    @Test("Wrong source address or port")
    func source() throws {
        try discards(.wrongSource, from: VirtualServers.endpoint(1)) { _ in }
        try discards(.wrongSource, from: Endpoint(VirtualServers.endpoint(0).address, port: 1813)) { _ in }
    }

    @Test("Wrong identifier")
    func identifier() throws { try discards(.unexpectedIdentifier) { $0[1] ^= 1 } }

    @Test("An answer on another lane")
    func lane() throws {
        try discards(.unexpectedIdentifier, on: RADIUSLane(server: 0, socket: 1)) { _ in }
    }

    @Test("Another server's lane: its source is not this one's")
    func otherServer() throws {
        try discards(.wrongSource, on: RADIUSLane(server: 1, socket: 0)) { _ in }
    }

    @Test("Wrong Response Authenticator")
    func authenticator() throws { try discards(.authenticatorWrong) { $0[4] ^= 1 } }

    @Test("Wrong code: a Challenge turned Accept")
    func code() throws {
        try discards(.messageAuthenticatorWrong) { $0[0] = RADIUSCode.accessChallenge.rawValue }
        try discards(.unexpectedCode) { $0[0] = RADIUSCode.coaACK.rawValue }
    }

    @Test("No Message-Authenticator, or a wrong one")
    func messageAuthenticator() throws {
        try discards(.messageAuthenticatorWrong) { $0[30] ^= 1 }
        try discards(.messageAuthenticatorMissing) { $0[20] = 89 }
    }

    @Test("Rubbish")
    func rubbish() throws {
        try discards(.malformed) { $0[21] = 0 }
        try discards(.malformed) { $0 = [] }
    }

    @Test("A duplicate")
    func duplicate() throws {
        var (world, id, good) = try Self.waiting()
        world.deliver(good, from: VirtualServers.endpoint(0), on: Self.lane)
        world.deliver(good, from: VirtualServers.endpoint(0), on: Self.lane)
        #expect(world.answer(id) != nil)
        #expect(world.client.statuses[0].discarded == [.unexpectedIdentifier: 1])
    }
}
