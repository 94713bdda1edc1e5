import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// R10 with real engines: a gateway, two hundred agents, and a restart, in virtual time. The arithmetic of ten thousand is in
/// ``ReconnectScheduleTests``.
@Suite struct StampedeTests {
    /// How the gateway goes.
    enum Outage: CaseIterable, Sendable {
        /// It dies without a word.
        case crash
        /// It deletes its IKE SAs first.
        case shutDown
        /// It dies, and its ticket keys with it.
        case crashWithoutTickets
    }

    private static let agents = 200
    private static let secret = SecretBytes(Array("a shared secret of enough length".utf8))

    @Test(arguments: Outage.allCases) func twoHundredAgentsComeBackOneAfterTheOther(_ outage: Outage) {
        let star = Star(Self.agents, secret: Self.secret)
        star.run(.seconds(20))
        #expect(star.established == Self.agents, "\(star.trace.first ?? "")")
        star.trace = []
        if outage == .shutDown {
            star.command(.closeAll)
            star.run(.seconds(1))
        }
        star.isDown = true
        star.run(.seconds(5))
        star.restart(keepsTickets: outage != .crashWithoutTickets)
        let up = star.now
        star.run(.seconds(60))
        #expect(star.established == Self.agents, "nobody gives up")
        let back = star.lastBack.map { $0 - up } ?? .zero
        #expect(back <= .seconds(30), "\(back)")
        // Without any order all 200 would call within the first second; so do no more than a fifth of them.
        let peak = star.begins.values.max() ?? 0
        #expect(peak <= 60, "\(peak) new calls in one second")
        if outage == .crash { #expect(star.gateway.endpoint.statistics.resumed >= UInt64(Self.agents * 9 / 10)) }
        if outage == .crashWithoutTickets { #expect(star.gateway.endpoint.statistics.resumed == 0) }
    }
}

/// A gateway with agents around it.
private final class Star {
    private struct Agent {
        var node: Node
        var connection: ConnectionConfiguration
        var path: Path
        var schedule = ReconnectSchedule()
        var begins: Instant?
        var since: Instant?
        var ticket: SessionTicket?
        var read = 0
    }

    let gateway: Node
    var now = Instant.zero
    var isDown = false
    /// Calls by the second in which they began.
    var begins: [Int64: Int] = [:]
    var trace: [String] = []
    var lastBack: Instant?
    private let configuration: IKEConfiguration
    private var agents: [Agent] = []
    private var byAddress: [IPAddress: Int] = [:]
    private var random = SplitMix64(state: 77)
    private static let step: Duration = .milliseconds(100)

    init(_ count: Int, secret: SecretBytes) {
        configuration = Self.configuration(count)
        gateway = Node("gw", configuration, seed: 1, crypto: SimulatedCryptoProvider(seed: 5))
        gateway.preSharedKeys["psk"] = secret
        useSecrets(1)
        for index in 0..<count {
            let address = IPAddress.v4(0x0a01_0000 + UInt32(index) + 1)
            var connection = pskA()
            connection.localIdentity = .fqdn("a\(index).example")
            connection.timing.deadPeerDetection = .seconds(10)
            let node = Node(
                "a\(index)",
                IKEConfiguration(connections: [connection]),
                seed: UInt64(index) + 100,
                crypto: SimulatedCryptoProvider(seed: UInt64(index) + 9)
            )
            node.preSharedKeys["psk"] = secret
            let path = Path(
                transport: .udp500,
                local: Endpoint(address, port: 500),
                remote: Endpoint(Pair.addressB, port: 500)
            )
            byAddress[address] = index
            var agent = Agent(node: node, connection: connection, path: path)
            // They did not come all at once, so their liveness checks do not either.
            agent.begins = .zero + .milliseconds(Int64(index * 10_000 / count))
            agents.append(agent)
        }
    }

    private static func configuration(_ count: Int) -> IKEConfiguration {
        var connection = pskB()
        connection.remoteIdentity = .oneOf((0..<count).map { .fqdn("a\($0).example") })
        return IKEConfiguration(connections: [connection])
    }

    private var wall: WallTime { WallTime(secondsSinceEpoch: 1_800_000_000 + (now - .zero).components.seconds) }

    private func useSecrets(_ ids: UInt64...) {
        let keys = ids.compactMap {
            TicketKey(id: $0, secret: SecretBytes([UInt8](repeating: UInt8($0), count: TicketKey.secretLength)))
        }
        gateway.command(.useSecrets(ReturnSecrets(crash: [CrashDetectionTests.secret], tickets: keys)), now, wall)
    }

    func command(_ command: IKECommand) { gateway.command(command, now, wall) }

    func restart(keepsTickets: Bool) {
        gateway.restart(configuration)
        if keepsTickets { useSecrets(2, 1) } else { useSecrets(9) }
        isDown = false
        begins = [:]
    }

    var established: Int { agents.count { $0.node.status?.phase == .established } }

    func run(_ duration: Duration) {
        let end = now + duration
        while now < end {
            now = now + Self.step
            for index in agents.indices { turn(index) }
            if !isDown, let due = gateway.endpoint.nextDeadline, due <= now { gateway.timeout(now, wall) }
            exchange()
        }
    }

    private func turn(_ index: Int) {
        if let due = agents[index].node.endpoint.nextDeadline, due <= now { agents[index].node.timeout(now, wall) }
        if let begin = agents[index].begins, begin <= now {
            agents[index].begins = nil
            begins[(now - .zero).components.seconds, default: 0] += 1
            var initiation = Initiation(agents[index].connection, path: agents[index].path)
            initiation.ticket = agents[index].ticket
            agents[index].ticket = nil
            agents[index].node.command(.begin(initiation), now, wall)
        }
        let reports = agents[index].node.reports
        for report in reports[min(agents[index].read, reports.count)...] { heard(report, index) }
        agents[index].read = reports.count
    }

    /// What an agent does: it comes back, soon at first and then with growing pauses.
    private func heard(_ report: IKEReport, _ index: Int) {
        switch report {
        case .established:
            agents[index].since = now
            lastBack = now
        case .closed(let status, let reason):
            agents[index].ticket = agents[index].node.tickets[status.id]
            let cause: ReconnectSchedule.Cause =
                reason == .peerRestarted ? .called : reason == .deletedByPeer ? .deleted : .lost
            again(index, cause)
        case .failed(_, let failure):
            trace.append("\(failure)")
            again(index, .failed)
        default: break
        }
    }

    private func again(_ index: Int, _ cause: ReconnectSchedule.Cause) {
        let stood = agents[index].since.map { _ in Duration.seconds(600) }
        agents[index].since = nil
        agents[index].begins = now + agents[index].schedule.next(after: cause, stood: stood, using: &random)
    }

    private func exchange() {
        while true {
            var packets = gateway.outbox
            gateway.outbox = []
            for agent in agents {
                packets += agent.node.outbox
                agent.node.outbox = []
            }
            guard !packets.isEmpty else { return }
            for packet in packets {
                if packet.sender == "gw" {
                    guard !isDown, let index = byAddress[packet.path.remote.address] else { continue }
                    agents[index].node.receive(packet.bytes, packet.path.reversed, now, wall)
                } else if !isDown {
                    gateway.receive(packet.bytes, packet.path.reversed, now, wall)
                }
            }
        }
    }
}
