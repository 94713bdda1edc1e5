import IKEMessage
import IKEv2
import IPsecTypes

/// One run of a scenario: turmoil, recovery, proof that all works, orderly end.
public final class ScenarioRun {
    let scenario: Scenario
    let world: SimulatedWorld
    var random: SplitMix64
    private var trafficIsOn = true
    var moves = 0
    private(set) var turmoilIsOver = false

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - kind: the family.
    ///   - seed: everything else follows from it.
    ///   - isTracing: whether the course of events is written down.
    ///   - sabotage: a bug planted in one host: the gateway, or every agent.
    public init(
        kind: ScenarioKind,
        seed: UInt64,
        isTracing: Bool = false,
        sabotage: (Sabotage, inGateway: Bool)? = nil
    ) {
        scenario = Scenario(kind: kind, seed: seed)
        random = SplitMix64(seed: seed ^ 0xD1_570B)
        world = SimulatedWorld(seed: seed, conditions: scenario.conditions, isTracing: isTracing)
        world.adversary.settings = scenario.adversary
        var gateway = scenario.gateway()
        if let sabotage, sabotage.inGateway { gateway.sabotage = sabotage.0 }
        world.add(gateway)
        for number in 0..<scenario.agents {
            var agent = scenario.agent(number)
            if let sabotage, !sabotage.inGateway { agent.sabotage = sabotage.0 }
            let host = world.add(agent)
            if scenario.strangers, number == 0 { world.strangers.insert(host.index) }
        }
    }

    var gateway: SimulatedHost { world.hosts[0] }
    var agents: [SimulatedHost] { Array(world.hosts.dropFirst()) }
    private var honestAgents: [SimulatedHost] { agents.filter { !world.strangers.contains($0.index) } }

    /// Runs it to its end.
    public func run() -> SimulationOutcome {
        world.setFaults(scenario.answerFaults > 0)
        for agent in agents {
            agent.wantsUp = true
            let index = agent.index
            world.script(after: random.duration(.zero ... .seconds(2))) { $0.hosts[index].connect() }
        }
        scheduleTraffic()
        scheduleDisturbance()
        world.flood()
        world.run(for: scenario.turmoil)
        if scenario.adversary.flood > 0 { proveAccess() }
        recover()
        if world.findings.isEmpty { proveTraffic() }
        if world.findings.isEmpty { end() }
        return outcome()
    }

    private func outcome() -> SimulationOutcome {
        var statistics = world.statistics
        statistics.runs = 1
        statistics.resumed += world.hosts.reduce(0) { $0 + $1.resumed }
        statistics.fragments = world.wire.fragments
        statistics.intermediates = world.wire.exchanges[ExchangeType.ikeIntermediate.rawValue] ?? 0
        statistics.followUps = world.wire.exchanges[ExchangeType.ikeFollowupKE.rawValue] ?? 0
        statistics.packetsSent = world.traffic.sentCount
        statistics.packetsDelivered = world.traffic.deliveredCount
        statistics.sealed = world.ledger.sealed
        statistics.hostilePackets = world.adversary.sent
        statistics.virtualSeconds = Int(world.now.nanoseconds / 1_000_000_000)
        return SimulationOutcome(
            kind: scenario.kind,
            seed: scenario.seed,
            findings: world.findings,
            digest: world.digest,
            statistics: statistics,
            trace: world.trace
        )
    }

    /// While the flood goes on, whoever is honest got in.
    private func proveAccess() {
        for agent in honestAgents where !agent.endpoint.statuses().contains(where: { $0.phase == .established }) {
            world.find(.notRecovered, "\(agent.name) did not get in through the flood")
        }
    }

    // MARK: Traffic

    private func scheduleTraffic() {
        guard let pause = scenario.trafficPause else { return }
        world.script(after: pause) { [unowned self] _ in
            guard trafficIsOn else { return }
            for agent in agents { sendOnce(agent) }
            scheduleTraffic()
        }
    }

    /// One packet each way, and for each child.
    @discardableResult
    private func sendOnce(_ agent: SimulatedHost) -> [UInt64?] {
        if scenario.transport {
            return [
                world.sendTraffic(agent, to: scenario.gatewayAddress),
                world.sendTraffic(gateway, to: scenario.outerAddress(of: agent)),
            ]
        }
        let servers = (0..<scenario.children).map { world.sendTraffic(agent, to: SimulatedWorld.server($0)) }
        return servers + [world.sendTraffic(gateway, to: SimulatedWorld.lease(UInt32(agent.index - 1)))]
    }

    // MARK: Afterwards

    /// How long it takes at most until everything stands again: the peer's death is noticed, the request in flight is given
    /// up, the pause before the next attempt passes, and that attempt may collide with the last of the old ones.
    private var recoveryBound: Duration {
        let timing: ConnectionTiming = scenario.site ? .site : ConnectionTiming()
        return (timing.deadPeerDetection ?? .zero) + timing.giveUp * 2 + SimulatedHost.longestBackoff * 2 + .seconds(10)
    }

    /// The network is good again and nobody meddles: within the bound every agent is up, and both ends agree.
    private func recover() {
        turmoilIsOver = true
        world.setFaults(false)
        var conditions = LinkConditions()
        conditions.delay = scenario.conditions.delay
        conditions.mtu = scenario.conditions.mtu
        world.network.conditions = conditions
        world.adversary.settings = AdversarySettings()
        for host in world.hosts {
            host.resume()
            host.restart()
        }
        world.note("- the faults stop")
        for _ in 0..<60 where world.hosts.contains(where: \.isFrozen) { world.run(for: .seconds(1)) }
        world.run(for: recoveryBound)
        settle { honestAgents.flatMap { world.disagreements($0, gateway) } }
        // Reassemblies, half-open IKE SAs, replays and lingering Child SAs have an end.
        world.run(for: .seconds(35))
        guard world.findings.isEmpty else { return }
        // Where rekeyings never pause, something lingers at any moment; the end tells.
        guard scenario.ikeRekey.lowerBound > .seconds(60) else { return }
        settle { (honestAgents + [gateway]).flatMap(world.leftovers) }
    }

    /// Checks again and again for a while, because a rekeying may be under way at any moment.
    private func settle(_ check: () -> [Finding]) {
        var found = check()
        for _ in 0..<100 where !found.isEmpty && world.findings.isEmpty {
            world.run(for: .milliseconds(200))
            found = check()
        }
        world.report(found)
    }

    /// Packets sent now arrive, each once.
    private func proveTraffic() {
        trafficIsOn = false
        world.run(for: .seconds(1))
        if scenario.nat != nil {
            // A mapping may have ended meanwhile: the gateway hears of the next one by what comes through it.
            for agent in agents { sendOnce(agent) }
            world.run(for: .seconds(1))
        }
        var numbers: [UInt64?] = []
        for _ in 0..<3 {
            for agent in honestAgents { numbers += sendOnce(agent) }
            world.run(for: .seconds(1))
        }
        for number in numbers where !(number.map(world.traffic.wasDelivered) ?? false) {
            world.find(.traffic, "a packet on a good network was lost")
            break
        }
        guard scenario.kind == .clean, scenario.disturbances == Scenario.Disturbance.harmless else { return }
        let lost = world.traffic.sentCount - world.traffic.deliveredCount - world.traffic.early
        if lost > 0 { world.find(.traffic, "\(lost) of \(world.traffic.sentCount) packets lost though nothing was") }
    }

    /// Everything is closed: nothing is left, and no timer runs.
    private func end() {
        for host in world.hosts { host.wantsUp = false }
        if random.chance(500) {
            gateway.perform(.closeAll)
            world.run(for: .seconds(5))
        }
        for agent in agents { agent.perform(.closeAll) }
        world.run(for: .seconds(150))
        gateway.perform(.closeAll)
        world.run(for: .seconds(40))
        for host in world.hosts {
            let statuses = host.endpoint.statuses()
            if !statuses.isEmpty { world.find(.leftover, "\(host.name): \(statuses.count) IKE SAs after the end") }
            world.report(world.leftovers(host))
        }
        let before = world.handled
        world.run(for: .seconds(3 * 3600))
        if !world.isIdle || world.handled - before > 2000 {
            world.find(.deadline, "timers never rest: \(world.handled - before) events after the end")
        }
    }
}
