import IKEMessage
import IKEv2
import IPsecTypes

/// An impaired peer and a sound one, and somebody else who has an IKE SA with the sound one throughout. Afterwards the rule
/// that every abuse is held to: others are not disturbed, nothing of it stays, there was an event with the reason, and no
/// more than one answer, not longer than the request, went to whoever was not authenticated.
public final class ImpairedRun {
    /// What was seen.
    public struct Outcome: Sendable {
        /// What the sound end ended up with.
        public var verdict: Impairment.Verdict
        /// What breaks the rule; empty when all is well.
        public var problems: [String]
        /// Messages that the impaired end changed.
        public var changes: Int
        /// The course of events, where it was asked for.
        public var trace: [String]
    }

    private let impairment: Impairment
    private let isInitiator: Bool
    private let world: SimulatedWorld
    private let sound: SimulatedHost
    private let rogue: SimulatedHost
    /// Who has an IKE SA with the sound end that nobody touches, and by which addresses they reach each other.
    private let bystander: SimulatedHost
    private let soundAddress: IPAddress
    private let bystanderAddress: IPAddress
    private var bystanderPackets: [UInt64] = []
    private var lostOfBystander = 0
    private var requests: [Int] = []
    private var answers: [(bytes: Int, isSuccess: Bool)] = []

    private static let rogueGateway = IPAddress.v4(0xC633_6409)
    private static let rogueName = "rogue.example"
    private static let rogueServers = IPPrefix(.v4(0x0A1E_0000), length: 16)

    /// Prepares a run with the impaired end as original initiator or responder.
    public init(_ impairment: Impairment, asInitiator: Bool, seed: UInt64 = 1, isTracing: Bool = false) {
        self.impairment = impairment
        isInitiator = asInitiator
        let scenario = Self.scenario(seed)
        world = SimulatedWorld(seed: seed, conditions: scenario.conditions, isTracing: isTracing)
        let gateway = world.add(scenario.gateway())
        let agent = world.add(scenario.agent(0))
        if asInitiator {
            rogue = world.add(scenario.agent(1))
            sound = gateway
            bystander = agent
            (soundAddress, bystanderAddress) = (SimulatedWorld.server(0), SimulatedWorld.lease(0))
        } else {
            rogue = world.add(Self.rogueGateway(scenario))
            sound = agent
            bystander = gateway
            (soundAddress, bystanderAddress) = (SimulatedWorld.lease(0), SimulatedWorld.server(0))
        }
        sound.keepsReports = true
    }

    private static func scenario(_ seed: UInt64) -> Scenario {
        var scenario = Scenario(kind: .clean, seed: seed)
        scenario.agents = 2
        scenario.children = 1
        scenario.credentials = .certificate
        scenario.certificateBytes = 300
        scenario.cipher = CipherChoice(.aesGCM16, keyBits: 256)
        scenario.nat = nil
        scenario.site = false
        scenario.usesIPv6 = false
        scenario.virtualAddresses = true
        scenario.refusesFirstMethod = false
        scenario.demandsCookies = false
        scenario.answerLatency = .zero ... .zero
        scenario.fragments = false
        scenario.conditions = .fixedDelay(.milliseconds(10))
        scenario.conditions.mtu = 65_535
        return scenario
    }

    private static func rogueGateway(_ scenario: Scenario) -> HostDescription {
        var description = scenario.gateway()
        description.name = "rogue"
        description.identity = .fqdn(rogueName)
        description.address = rogueGateway
        description.secret = rogueName
        description.networks = rogueServers ?? SimulatedWorld.servers
        for index in description.configuration.connections.indices {
            var connection = description.configuration.connections[index]
            connection.localIdentity = .fqdn(rogueName)
            if case .certificate(_, let key) = connection.localAuthentication {
                let leaf = SimulatedHost.certificate(of: rogueName, bytes: scenario.certificateBytes)
                let authority = SimulatedHost.certificate(of: "authority.example", bytes: 150)
                connection.localAuthentication = .certificate(chain: [leaf, authority], key: key)
            }
            for child in connection.children.indices {
                connection.children[child].localSelectors = [TrafficSelector(addresses: description.networks.range)]
            }
            description.configuration.connections[index] = connection
        }
        return description
    }

    /// Runs it.
    public func run() -> Outcome {
        let agent = isInitiator ? bystander : sound
        agent.wantsUp = true
        agent.connect()
        agent.wantsUp = false
        world.run(for: .seconds(1))
        keepBystanderBusy()
        watchUnauthenticated()
        rogue.sender = ImpairedSender(impairment, isInitiator: isInitiator)
        rogue.crypto.rememberSealed()
        begin()
        world.run(for: .seconds(4))
        provoke()
        world.run(for: .seconds(30))
        let verdict = verdict()
        rogue.crash()
        world.run(for: .seconds(120))
        return Outcome(
            verdict: verdict,
            problems: problems(verdict),
            changes: rogue.sender?.changes ?? 0,
            trace: world.trace
        )
    }

    // MARK: Acting

    private func begin() {
        let initiator = isInitiator ? rogue : sound
        guard var connection = initiator.description.connection else { return }
        if !isInitiator {
            connection.name = "rogue"
            connection.remoteIdentity = .oneOf([.fqdn(Self.rogueName)])
            for index in connection.children.indices {
                connection.children[index].remoteSelectors = [
                    TrafficSelector(addresses: rogue.description.networks.range)
                ]
            }
        }
        let path = Path(
            transport: .udp500,
            local: Endpoint(initiator.description.address, port: SimulatedPacket.ikePort),
            remote: Endpoint((isInitiator ? sound : rogue).description.address, port: SimulatedPacket.ikePort)
        )
        initiator.perform(.initiate(connection, path: path))
    }

    private func provoke() {
        rogue.sender?.isProvoked = true
        let (host, command): (SimulatedHost, ScriptedPair.Command)
        switch impairment.provocation {
        case .none: return
        case .ours(let wanted): (host, command) = (rogue, wanted)
        case .theirs(let wanted): (host, command) = (sound, wanted)
        }
        let peer = host === sound ? rogue : sound
        guard
            let status = host.endpoint.statuses().last(where: {
                $0.phase == .established && $0.remoteIdentity == peer.description.identity
            })
        else { return }
        let child = status.children.first { $0.phase == .installed }
        switch command {
        case .rekeyChild: if let child { host.perform(.rekeyChild(status.id, child.inboundSPI)) }
        case .closeChild: if let child { host.perform(.closeChild(status.id, child.inboundSPI)) }
        case .rekeyIKE: host.perform(.rekeyIKE(status.id))
        case .closeIKE: host.perform(.close(status.id, .requested))
        case .probe, .addChild: host.perform(.probe(status.id))
        }
    }

    private func keepBystanderBusy() {
        world.script(after: .milliseconds(200)) { [weak self] world in
            guard let self else { return }
            for number in [
                world.sendTraffic(sound, to: bystanderAddress), world.sendTraffic(bystander, to: soundAddress),
            ] {
                if let number { bystanderPackets.append(number) } else { lostOfBystander += 1 }
            }
            keepBystanderBusy()
        }
    }

    /// Requests of the impaired end, and what goes back to it, while it is not authenticated.
    private func watchUnauthenticated() {
        world.tap = { [weak self] packet, host in
            guard let self, let message = packet.ikeMessage, let header = try? IKEHeader.parse(message.span) else {
                return
            }
            guard isInitiator, host === rogue || host === sound else { return }
            if host === rogue, packet.destination.address == sound.description.address {
                requests.append(message.count)
            } else if host === sound, packet.destination.address == rogue.description.address,
                header.exchangeType == .ikeSAInit || header.nextPayload == .notify
            {
                answers.append((message.count, header.exchangeType == .ikeSAInit && header.responderSPI != .zero))
            }
        }
    }

    // MARK: Judging

    private var rogueStatus: IKESAStatus? {
        sound.endpoint.statuses().last { $0.remoteIdentity == rogue.description.identity && $0.phase == .established }
    }

    private func verdict() -> Impairment.Verdict {
        if let status = rogueStatus {
            return status.children.contains { $0.phase == .installed || $0.phase == .rekeying } ? .works : .childless
        }
        let wasUp = sound.reports.contains { report in
            if case .established(let status) = report {
                status.remoteIdentity == rogue.description.identity
            } else {
                false
            }
        }
        return wasUp ? .ended : .refused
    }

    private func problems(_ verdict: Impairment.Verdict) -> [String] {
        // What the rogue says of its own NAT or selectors is its own affair.
        var problems = world.findings.filter { $0.invariant != .disagreement }.map { "\($0)" }
        world.run(for: .seconds(1))
        let lost = bystanderPackets.dropLast(4).filter { !world.traffic.wasDelivered($0) }.count + lostOfBystander
        if lost > 0 { problems.append("\(lost) packets of somebody else were lost") }
        let statuses = sound.endpoint.statuses()
        if statuses.count != 1 || statuses.first?.phase != .established {
            problems.append("IKE SAs \(statuses.map { "\($0.remoteIdentity.map { "\($0)" } ?? "?") \($0.phase)" })")
        }
        problems += world.leftovers(sound).map(\.detail)
        if sound.dataplane.entries.count != 1 { problems.append("\(sound.dataplane.entries.count) Child SAs") }
        if verdict != .works, impairment.place != .everything, !hasReason { problems.append("no event says why") }
        let failures = sound.reports.filter { if case .failed = $0 { true } else { false } }
        if failures.count > 3 { problems.append("\(failures.count) failures were told") }
        return problems + amplification()
    }

    /// Whether something was told that explains why the peer got less than it wanted.
    private var hasReason: Bool {
        sound.reports.contains { report in
            switch report {
            case .failed, .childFailed, .closed, .childClosed, .dropped: true
            default: false
            }
            // INVALID_KE_PAYLOAD is a step of the negotiation, and nobody has failed yet.
        } || (isInitiator && requests.isEmpty) || impairment.name == "groupOfKEAlone"
    }

    private func amplification() -> [String] {
        var problems: [String] = []
        if answers.count > requests.count { problems.append("\(answers.count) answers to \(requests.count) requests") }
        let longest = requests.max() ?? 0
        for answer in answers where !answer.isSuccess && answer.bytes > longest {
            problems.append("an answer of \(answer.bytes) octets to a request of \(longest)")
        }
        return problems
    }
}
