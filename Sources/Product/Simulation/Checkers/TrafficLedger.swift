import IPsecTypes

/// Inner packets: what was sent, what became of it.
struct TrafficLedger {
    private struct Sent {
        var sender: Int
        var outboundSPI: SPI
        /// The sender's side, which the receiver's SA for the same traffic has as its remote side.
        var localSelectors: [TrafficSelector]
        /// Whether the sender's SA replaced by rekeying an older one, which the sender still has.
        var succeeds: Bool
    }

    private var sent: [UInt64: Sent] = [:]
    private var delivered: Set<UInt64> = []
    private var last: UInt64 = 0
    private(set) var withoutSA = 0
    private(set) var unknownSPI = 0
    /// Packets on a first Child SA that overtook the message which makes it: nobody is to blame.
    private(set) var early = 0
    /// Packets that a NAT brought to another host than the one they were sent to.
    private(set) var misled = 0
    private(set) var refused: [String: Int] = [:]

    var sentCount: Int { sent.count }
    var deliveredCount: Int { delivered.count }

    func wasDelivered(_ number: UInt64) -> Bool { delivered.contains(number) }

    /// Sends one packet; returns its number when an SA took it.
    mutating func send(_ host: SimulatedHost, to destination: IPAddress) -> UInt64? {
        guard let entry = host.dataplane.outbound(to: destination) else {
            withoutSA += 1
            return nil
        }
        last += 1
        sent[last] = Sent(
            sender: host.index,
            outboundSPI: entry.parameters.outboundSPI,
            localSelectors: entry.parameters.localSelectors,
            succeeds: host.successors.contains(entry.parameters.inboundSPI)
                && host.dataplane.entries.values.contains { $0 !== entry && $0.carriesSame(as: entry.parameters) }
        )
        return last
    }

    mutating func arrived(_ outcome: SimulatedDataplane.Outcome, _ packet: SimulatedPacket, _ host: SimulatedHost) {
        switch outcome {
        case .delivered(let number):
            if !delivered.insert(number).inserted {
                host.world.find(.traffic, "\(host.name) accepts packet \(number) twice")
            }
            if packet.isTampered { host.world.find(.traffic, "\(host.name) accepts a changed packet") }
        case .refused(let reason):
            refused[reason, default: 0] += 1
            guard !packet.isTampered, ["integrity", "selectors", "checksum"].contains(reason) else { return }
            host.world.find(.disagreement, "\(host.name) refuses a genuine packet: \(reason)")
        case .unknownSPI(let spi):
            unknownSPI += 1
            // Between two owners nobody receives.
            guard !packet.isTampered, !packet.isReplay, !host.isFrozen else { return }
            judge(spi, packet, host)
        }
    }

    private mutating func judge(_ spi: SPI, _ packet: SimulatedPacket, _ host: SimulatedHost) {
        if host.excused.contains(spi) { return }
        // A NAT that gave its port to another host leads packets astray.
        if host.world.hosts.contains(where: { $0 !== host && $0.dataplane.entries[spi] != nil }) {
            misled += 1
            return
        }
        if host.rekeyed.contains(spi) {
            // Where no other SA takes the traffic, the IKE SA has ended.
            guard host.dataplane.entries.values.contains(where: { $0.activation != nil }) else { return }
            host.world.find(.unknownSPI, "\(host.name) dropped \(spi) too early after its rekeying")
            return
        }
        guard let number = SimulatedESP.parse(packet.payload)?.number, let record = sent[number], record.succeeds,
            host.incarnation == 0,
            host.dataplane.entries.values.contains(where: {
                $0.parameters.remoteSelectors == record.localSelectors && $0.parameters.outboundSPI != spi
            })
        else {
            early += 1
            return
        }
        host.world.find(.unknownSPI, "\(host.name) got \(spi) before it could receive on it")
    }
}
