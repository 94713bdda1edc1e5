import IKEv2
import IPsecTypes

/// What a run does to itself until the faults stop.
extension ScenarioRun {
    func scheduleDisturbance() {
        guard !scenario.disturbances.isEmpty else { return }
        world.script(after: random.duration(scenario.disturbancePause)) { [unowned self] _ in
            guard !turmoilIsOver else { return }
            disturb(random.pick(scenario.disturbances))
            scheduleDisturbance()
        }
    }

    private func disturb(_ disturbance: Scenario.Disturbance) {
        let agent = random.pick(agents)
        let side = random.chance(500) ? agent : gateway
        world.note("- \(disturbance) at \(side.name)")
        switch disturbance {
        case .rekeyChild: rekeyChild(side, agent)
        case .rekeyIKE: withSA(side, agent) { side.perform(.rekeyIKE($0.id)) }
        case .rekeyBoth: rekeyBoth(agent)
        case .probe: withSA(side, agent) { side.perform(.probe($0.id)) }
        case .addChild:
            let wanted = scenario.child(scenario.children - 1, isAgent: true, number: agent.index - 1)
            withSA(agent, agent) { agent.perform(.addChild($0.id, wanted)) }
        case .closeChild:
            withSA(side, agent) { status in
                guard !status.children.isEmpty else { return }
                side.perform(.closeChild(status.id, random.pick(status.children).inboundSPI))
            }
        case .closeIKE: withSA(side, agent) { side.perform(.close($0.id, .requested)) }
        case .crash: crash(side)
        case .handOver: side.handOver(gap: random.duration(.zero ... .seconds(3)), takeover: random.chance(400))
        case .rebootNAT: world.network.reboot(side.index)
        case .partition: partition()
        case .move: move(agent)
        case .restartWithState:
            side.handOver(gap: random.duration(.milliseconds(100) ... .seconds(45)), takeover: true)
        case .stepClock: side.stepClock(by: random.pick(scenario.clockSteps))
        case .suspend: side.suspend(for: random.duration(.seconds(1) ... .seconds(300)))
        }
    }

    /// Both ends have the same idea within a moment.
    private func rekeyBoth(_ agent: SimulatedHost) {
        let isChild = random.chance(500)
        for host in [agent, gateway] {
            world.script(after: random.duration(.zero ... .milliseconds(150))) { [unowned self] _ in
                if isChild { rekeyChild(host, agent) } else { withSA(host, agent) { host.perform(.rekeyIKE($0.id)) } }
            }
        }
    }

    private func rekeyChild(_ side: SimulatedHost, _ agent: SimulatedHost) {
        withSA(side, agent) { status in
            guard let child = status.children.first(where: { $0.phase == .installed }) else { return }
            side.perform(.rekeyChild(status.id, child.inboundSPI))
        }
    }

    /// The established IKE SA between an agent and the gateway, as `side` has it.
    private func withSA(_ side: SimulatedHost, _ agent: SimulatedHost, _ body: (IKESAStatus) -> Void) {
        let peer = side === agent ? gateway : agent
        guard side.isUp, !side.isFrozen, !side.isSuspended,
            let status = side.endpoint.statuses().last(where: {
                $0.phase == .established && $0.remoteIdentity == peer.description.identity
            })
        else { return }
        body(status)
    }

    private func crash(_ host: SimulatedHost) {
        host.crash()
        let index = host.index
        world.script(after: random.duration(.milliseconds(100) ... .seconds(40))) { $0.hosts[index].restart() }
    }

    /// The agent is somewhere else: on the outside, or behind another NAT.
    private func move(_ agent: SimulatedHost) {
        moves += 1
        let number = UInt32(moves)
        let isOutside = scenario.nat == nil || random.chance(300)
        guard !isOutside, let behaviour = scenario.nat else {
            let outside: IPAddress =
                scenario.usesIPv6
                ? .v6(0x2001_0DB8_0000_0003, UInt64(number)) : .v4(0xC000_0280 + number % 120)
            return agent.move(to: outside, nat: nil)
        }
        let outside = IPAddress.v4(0xCB00_7180 + number % 64)
        agent.move(
            to: .v4(0xC0A8_0200 + number % 250),
            nat: NATBox(outside: outside, behaviour: behaviour, seed: random.next())
        )
    }

    private func partition() {
        world.network.conditions.isPartitioned = true
        world.script(after: random.duration(.milliseconds(500) ... .seconds(50))) {
            $0.network.conditions.isPartitioned = false
        }
    }
}
