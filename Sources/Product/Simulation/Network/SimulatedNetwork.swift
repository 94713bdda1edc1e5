import IPsecTypes

/// Everything between the hosts: NATs, and one set of conditions for all links.
struct SimulatedNetwork {
    struct Arrival {
        var at: Instant
        var packet: SimulatedPacket
    }

    var conditions: LinkConditions
    /// NATs by the host behind them.
    private(set) var nats: [Int: NATBox] = [:]
    private var hosts: [IPAddress: Int] = [:]
    /// Packets a script takes out of the network.
    var filter: ((SimulatedPacket) -> Bool)?

    init(conditions: LinkConditions) { self.conditions = conditions }

    mutating func attach(_ host: Int, address: IPAddress, nat: NATBox?) {
        hosts[address] = host
        guard let nat else { return }
        nats[host] = nat
        hosts[nat.outside] = host
    }

    mutating func rebind(_ host: Int) { nats[host]?.rebind() }

    /// Sends a packet of `host` on its way: none, one or several arrivals.
    mutating func send(
        _ packet: SimulatedPacket,
        from host: Int,
        now: Instant,
        using random: inout SplitMix64
    ) -> [Arrival] {
        var packet = packet
        if nats[host] != nil {
            guard let translated = nats[host]?.outward(packet, now: now) else { return [] }
            packet = translated
        }
        if let filter, filter(packet) { return [] }
        guard !conditions.isPartitioned, packet.datagramBytes <= conditions.mtu else { return [] }
        var arrivals: [Arrival] = []
        for _ in 0..<(random.chance(conditions.duplication) ? 2 : 1) where !random.chance(conditions.loss) {
            var delay = random.duration(conditions.delay)
            if random.chance(conditions.reordering) { delay += random.duration(conditions.reorderingDelay) }
            var copy = packet
            if random.chance(conditions.corruption), !copy.payload.isEmpty {
                copy.payload[random.number(0...(copy.payload.count - 1))] ^= UInt8(1 << random.number(0...7))
                copy.isTampered = true
            }
            arrivals.append(Arrival(at: now + delay, packet: copy))
        }
        if random.chance(conditions.replay) {
            var copy = packet
            copy.isReplay = true
            arrivals.append(Arrival(at: now + random.duration(conditions.replayDelay), packet: copy))
        }
        return arrivals
    }

    /// The host that a packet reaches, after its NAT; nil when there is none.
    mutating func arrive(_ packet: SimulatedPacket, now: Instant) -> (host: Int, packet: SimulatedPacket)? {
        guard let host = hosts[packet.destination.address] else { return nil }
        guard let nat = nats[host] else { return (host, packet) }
        guard packet.destination.address == nat.outside, let inside = nats[host]?.inward(packet, now: now) else {
            return nil
        }
        return (host, inside)
    }
}
