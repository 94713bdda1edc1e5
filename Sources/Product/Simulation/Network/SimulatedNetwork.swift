import IPsecTypes

/// Everything between the hosts: NATs, and one set of conditions for all links.
struct SimulatedNetwork {
    struct Arrival {
        var at: Instant
        var packet: SimulatedPacket
    }

    /// What has an address on the outside.
    private enum Place {
        case host(Int)
        case box(Int)
    }

    var conditions: LinkConditions
    private(set) var boxes: [NATBox] = []
    /// The NAT that a host is behind.
    private var boxOfHost: [Int: Int] = [:]
    private var places: [IPAddress: Place] = [:]
    /// Hosts behind each NAT; two NATs may have the same addresses inside.
    private var insiders: [Int: [IPAddress: Int]] = [:]
    private var addresses: [Int: IPAddress] = [:]
    /// Packets a script takes out of the network.
    var filter: ((SimulatedPacket) -> Bool)?

    init(conditions: LinkConditions) { self.conditions = conditions }

    /// Gives a host its address. NATs with the same outside are one.
    mutating func attach(_ host: Int, address: IPAddress, nat: NATBox?) {
        addresses[host] = address
        guard let nat else {
            places[address] = .host(host)
            return
        }
        var index = boxes.firstIndex { $0.outside == nat.outside }
        if index == nil {
            boxes.append(nat)
            boxes[boxes.count - 1].forward(to: address)
            index = boxes.count - 1
        }
        guard let index else { return }
        boxOfHost[host] = index
        places[nat.outside] = .box(index)
        insiders[index, default: [:]][address] = host
    }

    /// Takes a host's address away: what it sends with it, and what is sent to it, is lost.
    mutating func detach(_ host: Int) {
        guard let address = addresses.removeValue(forKey: host) else { return }
        if let box = boxOfHost.removeValue(forKey: host) {
            insiders[box]?[address] = nil
        } else {
            places[address] = nil
        }
    }

    /// Restarts the NAT in front of a host.
    mutating func reboot(_ host: Int) {
        if let box = boxOfHost[host] { boxes[box].reboot() }
    }

    /// Sends a packet of `host` on its way: none, one or several arrivals.
    mutating func send(
        _ packet: SimulatedPacket,
        from host: Int,
        now: Instant,
        using random: inout SplitMix64
    ) -> [Arrival] {
        guard packet.source.address == addresses[host] else { return [] }
        var packet = packet
        if let box = boxOfHost[host] {
            guard let translated = boxes[box].outward(packet, now: now) else { return [] }
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
        switch places[packet.destination.address] {
        case nil: return nil
        case .host(let host)?: return (host, packet)
        case .box(let box)?:
            guard let inside = boxes[box].inward(packet, now: now),
                let host = insiders[box]?[inside.destination.address]
            else { return nil }
            return (host, inside)
        }
    }
}
