import IKEv2
import IPsecTypes

/// A pair under loss, duplication, reordering and delay, with random commands on both ends.
struct Chaos {
    var loss: UInt64
    var duplication: UInt64
    var reordering: UInt64

    /// Runs `steps` events, then stops the faults and lets everything settle.
    func run(_ pair: Pair, steps: Int, seed: UInt64, commands: [@Sendable (IKESAStatus) -> IKECommand?]) {
        var random = SplitMix64(state: seed)
        for _ in 0..<steps {
            pair.collect()
            switch random.next() % 10 {
            case 0 where !commands.isEmpty:
                let node = random.next() % 2 == 0 ? pair.a : pair.b
                let choice = commands[Int(random.next() % UInt64(commands.count))]
                if let status = node.status, status.phase == .established, let command = choice(status) {
                    pair.command(node, command)
                }
            case 1...7: deliver(pair, &random)
            default: tick(pair, .milliseconds(Int(random.next() % 700)))
            }
            release(pair, &random)
        }
        for node in [pair.a, pair.b] {
            node.holdsOperations = false
            while !node.heldEvents.isEmpty { node.releaseOne(pair.now, pair.wall) }
        }
    }

    private func deliver(_ pair: Pair, _ random: inout SplitMix64) {
        guard !pair.wire.isEmpty else { return }
        let index = random.next() % 100 < reordering ? Int(random.next() % UInt64(pair.wire.count)) : 0
        let packet = pair.wire[index]
        if random.next() % 100 >= duplication { pair.wire.remove(at: index) }
        if random.next() % 100 >= loss { pair.inject(packet) }
    }

    private func tick(_ pair: Pair, _ pause: Duration) {
        let end = pair.now + pause
        while let next = [pair.a.endpoint.nextDeadline, pair.b.endpoint.nextDeadline].compactMap({ $0 }).min(),
            next <= end
        {
            pair.advance(to: max(pair.now, next))
            pair.a.timeout(pair.now, pair.wall)
            pair.b.timeout(pair.now, pair.wall)
            pair.collect()
        }
        pair.advance(to: end)
    }

    private func release(_ pair: Pair, _ random: inout SplitMix64) {
        for node in [pair.a, pair.b] where random.next() % 3 == 0 { node.releaseOne(pair.now, pair.wall) }
    }
}
