import IPsecTypes

/// A data plane of the simulation: SAs as the control plane asks for them, replay protection, selectors, counters.
struct SimulatedDataplane: SABackend {
    /// One Child SA.
    final class Entry {
        var parameters: ChildSAParameters
        /// Order of activation among those that send; nil while it does not.
        var activation: UInt64?
        var sequence: UInt64
        var iv: IVCounter
        let inboundDigest: UInt64
        let outboundDigest: UInt64
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        var counters = SACounters()
        var softReported = false

        init(_ parameters: ChildSAParameters, sequence: UInt64) {
            self.parameters = parameters
            self.sequence = sequence
            iv = IVCounter(epoch: parameters.ivEpoch)
            inboundDigest = parameters.inboundKeys.digest
            outboundDigest = parameters.outboundKeys.digest
        }

        func carriesSame(as other: ChildSAParameters) -> Bool {
            parameters.localSelectors == other.localSelectors && parameters.remoteSelectors == other.remoteSelectors
        }
    }

    /// What became of an arriving ESP packet.
    enum Outcome {
        case delivered(number: UInt64)
        case unknownSPI(SPI)
        case refused(String)
    }

    private(set) var entries: [SPI: Entry] = [:]
    /// SAs of an IKE SA that is between two owners: the sequence number continues from them.
    private var parked: [Entry] = []
    private var activations: UInt64 = 0
    /// How far a new owner skips ahead, so that no number repeats whatever the old one sent last (law 5).
    static let skip: UInt64 = 1000

    mutating func install(_ parameters: ChildSAParameters, sendNow: Bool) throws(SABackendError) {
        let spi = parameters.inboundSPI
        guard entries[spi] == nil else { throw .duplicateSPI(spi) }
        let entry = Entry(parameters, sequence: 0)
        entries[spi] = entry
        if sendNow { activate(entry) }
    }

    mutating func activateOutbound(_ inboundSPI: SPI) throws(SABackendError) {
        guard let entry = entries[inboundSPI] else { throw .unknownSPI(inboundSPI) }
        activate(entry)
    }

    mutating func deactivateOutbound(_ inboundSPI: SPI) throws(SABackendError) {
        guard let entry = entries[inboundSPI] else { throw .unknownSPI(inboundSPI) }
        entry.activation = nil
        entry.parameters.sendsWhenHeard = false
    }

    mutating func remove(_ inboundSPI: SPI) { entries[inboundSPI] = nil }

    mutating func updatePath(_ inboundSPI: SPI, path: Path, udpEncapsulation: Bool) throws(SABackendError) {
        guard let entry = entries[inboundSPI] else { throw .unknownSPI(inboundSPI) }
        entry.parameters.path = path
        entry.parameters.udpEncapsulation = udpEncapsulation
    }

    func counters(_ inboundSPI: SPI) -> SACounters? { entries[inboundSPI]?.counters }

    /// Takes an SA away from its owner.
    mutating func park(_ spi: SPI) {
        guard let entry = entries.removeValue(forKey: spi) else { return }
        parked.append(entry)
    }

    /// Hands the SAs that were taken away to their new owner, which skips ahead and seals in an epoch of its own.
    mutating func unpark(ivEpoch: UInt16) {
        for old in parked {
            var parameters = old.parameters
            parameters.ivEpoch = ivEpoch
            let entry = Entry(parameters, sequence: old.sequence + Self.skip)
            entry.seen = old.seen
            entry.highest = old.highest
            entry.counters = old.counters
            entry.activation = old.activation
            entries[parameters.inboundSPI] = entry
        }
        parked.removeAll()
    }

    private mutating func activate(_ entry: Entry) {
        activations += 1
        entry.activation = activations
    }

    /// The SA that carries a packet: the one activated last among those that fit.
    func outbound(to destination: IPAddress) -> Entry? {
        entries.values
            .filter { entry in
                entry.activation != nil
                    && entry.parameters.remoteSelectors.contains { $0.addresses.contains(destination) }
            }
            .max { ($0.activation ?? 0) < ($1.activation ?? 0) }
    }

    /// Opens an ESP packet that came from `remote`.
    mutating func open(_ bytes: [UInt8], from remote: Endpoint, now: Instant, events: inout [SABackendEvent]) -> Outcome
    {
        guard let packet = SimulatedESP.parse(bytes) else { return .refused("malformed") }
        guard let entry = entries[packet.spi] else { return .unknownSPI(packet.spi) }
        guard packet.tag == packet.tag(keyDigest: entry.inboundDigest) else {
            entry.counters.integrityDrops += 1
            return .refused("integrity")
        }
        let window = UInt64(entry.parameters.replayWindow)
        guard packet.sequence + window > entry.highest, entry.seen.insert(packet.sequence).inserted else {
            entry.counters.replayDrops += 1
            return .refused("replay")
        }
        entry.highest = max(entry.highest, packet.sequence)
        var (source, destination) = (IPAddress.v4(packet.source), IPAddress.v4(packet.destination))
        if entry.parameters.mode == .transport {
            // RFC 7296 §2.23.1: checksums come with the addresses that the sender knew, and leave with those of the SA.
            guard entry.parameters.originalAddresses == OriginalAddresses(local: destination, remote: source) else {
                return .refused("checksum")
            }
            if let near = entry.parameters.localSelectors.first, let far = entry.parameters.remoteSelectors.first {
                (source, destination) = (far.addresses.first, near.addresses.first)
            }
        }
        guard entry.parameters.remoteSelectors.contains(where: { $0.addresses.contains(source) }),
            entry.parameters.localSelectors.contains(where: { $0.addresses.contains(destination) })
        else {
            entry.counters.policyDrops += 1
            return .refused("selectors")
        }
        let isFirst = entry.counters.inboundPackets == 0
        entry.counters.inboundPackets += 1
        entry.counters.lastInbound = now
        if isFirst {
            if entry.parameters.sendsWhenHeard { activate(entry) }
            events.append(.firstInbound(inboundSPI: packet.spi))
        }
        if entry.parameters.udpEncapsulation, remote != entry.parameters.path.remote {
            events.append(.mappingChanged(inboundSPI: packet.spi, remote: remote))
        }
        return .delivered(number: packet.number)
    }
}

extension ESPKeys {
    /// A number that differs when any key byte does.
    var digest: UInt64 { Digest.of(encryption, salt, integrity) }
}
