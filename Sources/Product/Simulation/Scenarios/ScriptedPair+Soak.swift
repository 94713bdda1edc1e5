import IKEv2
import IPsecTypes

/// Cycles of a life: connect, carry, rekey, move, carry on, disconnect. After each of them nothing may be left.
extension ScriptedPair {
    /// One cycle. What goes wrong is among the ``findings``.
    public func soakCycle(_ number: Int) {
        agent.wantsUp = true
        agent.connect()
        awaitUp("connected")
        carry("at first")
        let commands: [Command] = [.rekeyChild, .rekeyIKE, .probe, .rekeyChild]
        perform(commands[number % commands.count], agent)
        run(for: .milliseconds(500))
        perform(commands[(number / 2) % commands.count], gateway)
        run(for: .seconds(3))
        carry("after rekeying")
        agent.move(to: .v4(0xC000_0280 + UInt32(number % 100)), nat: nil)
        awaitTraffic("after moving")
        if number.isMultiple(of: 10) {
            gateway.crash()
            run(for: .seconds(1))
            gateway.restart()
            awaitTraffic("after the restart")
        }
        agent.wantsUp = false
        (number.isMultiple(of: 3) ? gateway : agent).perform(.closeAll)
        run(for: .seconds(60))
        if saCounts != (0, 0) { world.find(.leftover, "IKE SAs \(saCounts) after cycle \(number)") }
        world.report(world.leftovers(agent) + world.leftovers(gateway))
        for host in [agent, gateway] where !host.dataplane.entries.isEmpty || !host.leases.isEmpty {
            world.find(
                .leftover,
                "\(host.name): \(host.dataplane.entries.count) Child SAs, \(host.leases.count) leases"
            )
        }
    }

    /// Waits until both ends are established and agree.
    private func awaitUp(_ what: String) {
        // A silent end is noticed by liveness checks, and the next attempt comes after a pause.
        for _ in 0..<200 {
            run(for: .milliseconds(500))
            if world.disagreements(agent, gateway).isEmpty { return }
        }
        world.find(
            .notRecovered,
            "not \(what) within 100 s: \(world.disagreements(agent, gateway).first?.detail ?? "")"
        )
    }

    /// Waits until packets arrive both ways again: both ends may think for a while that all is well.
    private func awaitTraffic(_ what: String) {
        for _ in 0..<200 {
            let numbers = sendBothWays()
            run(for: .milliseconds(500))
            if numbers.allSatisfy({ $0.map(world.traffic.wasDelivered) ?? false }) {
                return awaitUp("up \(what)")
            }
        }
        world.find(.notRecovered, "nothing passes \(what) within 100 s")
    }

    private func sendBothWays() -> [UInt64?] {
        [
            world.sendTraffic(agent, to: SimulatedWorld.server(0)),
            world.sendTraffic(gateway, to: SimulatedWorld.lease(0)),
        ]
    }

    /// A packet each way arrives.
    private func carry(_ what: String) {
        let numbers = sendBothWays()
        run(for: .milliseconds(200))
        for number in numbers where !(number.map(world.traffic.wasDelivered) ?? false) {
            world.find(.traffic, "a packet was lost \(what)")
        }
    }
}
