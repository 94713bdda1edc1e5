import IPsecTypes

/// A NAT in front of one host, after RFC 4787.
public struct NATBox: Sendable {
    /// Which remote ends share a mapping.
    public enum Mapping: Sendable, CaseIterable {
        /// All of them (RFC 4787 §4.1).
        case endpointIndependent
        /// Each remote end has one of its own ("symmetric").
        case endpointDependent
    }

    private struct Key: Hashable {
        var inside: Endpoint
        var remote: Endpoint?
    }

    private struct Entry {
        var key: Key
        var lastOutbound: Instant
        /// Remote ends that were sent to; only they may send back (address and port dependent filtering).
        var permitted: Set<Endpoint>
    }

    /// The address of its outside.
    public let outside: IPAddress
    private let mapping: Mapping
    private let lifetime: Duration
    private var nextPort: UInt16
    private var ports: [Key: UInt16] = [:]
    private var entries: [UInt16: Entry] = [:]

    /// Makes a NAT without mappings. A mapping ends `lifetime` after the last packet from inside.
    public init(outside: IPAddress, mapping: Mapping, lifetime: Duration, firstPort: UInt16) {
        self.outside = outside
        self.mapping = mapping
        self.lifetime = lifetime
        nextPort = max(firstPort, 1024)
    }

    /// Forgets all mappings, as a restart does: what is sent next comes from other ports.
    mutating func rebind() {
        ports.removeAll()
        entries.removeAll()
    }

    /// Translates a packet from inside; nil when it cannot be.
    mutating func outward(_ packet: SimulatedPacket, now: Instant) -> SimulatedPacket? {
        guard packet.carrier == .udp else { return nil }
        let key = Key(
            inside: packet.source,
            remote: mapping == .endpointDependent ? packet.destination : nil
        )
        var port = ports[key]
        if let known = port, let entry = entries[known], now - entry.lastOutbound > lifetime {
            entries[known] = nil
            port = nil
        }
        let chosen = port ?? allocate()
        ports[key] = chosen
        var entry = entries[chosen] ?? Entry(key: key, lastOutbound: now, permitted: [])
        entry.lastOutbound = now
        entry.permitted.insert(packet.destination)
        entries[chosen] = entry
        var translated = packet
        translated.source = Endpoint(outside, port: chosen)
        return translated
    }

    /// Translates a packet from outside; nil when no mapping lets it in.
    mutating func inward(_ packet: SimulatedPacket, now: Instant) -> SimulatedPacket? {
        guard packet.carrier == .udp, let entry = entries[packet.destination.port],
            now - entry.lastOutbound <= lifetime, entry.permitted.contains(packet.source)
        else { return nil }
        var translated = packet
        translated.destination = entry.key.inside
        return translated
    }

    private mutating func allocate() -> UInt16 {
        repeat {
            nextPort = nextPort == .max ? 1024 : nextPort + 1
        } while entries[nextPort] != nil || nextPort == SimulatedPacket.natPort
        return nextPort
    }
}
