import IPsecTypes

/// How a NAT treats packets, in the words of RFC 4787.
public struct NATBehaviour: Hashable, Sendable {
    /// On what of the remote end something depends.
    public enum Dependence: Sendable, CaseIterable {
        /// Nothing.
        case endpointIndependent
        /// Its address.
        case addressDependent
        /// Its address and port ("symmetric").
        case addressAndPortDependent
    }

    /// How a mapping gets its port (RFC 4787 §4.2.1).
    public enum Ports: Sendable, CaseIterable {
        /// The port of inside, where nobody has it yet.
        case preserved
        /// One after another.
        case sequential
        /// Any.
        case random
    }

    /// Which remote ends share a mapping (RFC 4787 §4.1).
    public var mapping: Dependence
    /// Who may send in through a mapping (RFC 4787 §5).
    public var filtering: Dependence
    /// Where ports come from.
    public var ports: Ports
    /// Whether those inside reach each other by their outside ends (RFC 4787 §6).
    public var hairpins: Bool
    /// A mapping ends this long after the last packet from inside (RFC 4787 §4.3).
    public var lifetime: Duration

    /// A NAT of one kind.
    public init(
        mapping: Dependence = .endpointIndependent,
        filtering: Dependence = .addressAndPortDependent,
        ports: Ports = .sequential,
        hairpins: Bool = false,
        lifetime: Duration = .seconds(60)
    ) {
        self.mapping = mapping
        self.filtering = filtering
        self.ports = ports
        self.hairpins = hairpins
        self.lifetime = lifetime
    }
}

/// A NAT in front of one host or several, after RFC 4787.
public struct NATBox: Sendable {
    private struct Key: Hashable {
        var inside: Endpoint
        /// The part of the remote end that the mapping depends on.
        var remote: Endpoint?
    }

    private struct Entry {
        var key: Key
        var lastOutbound: Instant
        /// Remote ends that were sent to.
        var permitted: Set<Endpoint>
        /// A port forwarded by whoever runs the NAT: it never ends and lets everybody in.
        var isForwarded = false
    }

    /// The address of its outside.
    public let outside: IPAddress
    /// How it treats packets.
    public let behaviour: NATBehaviour
    /// Ports of outside that lead to the same port of the first host behind it.
    public let forwards: [UInt16]
    private var random: SplitMix64
    private var nextPort: UInt16
    private var ports: [Key: UInt16] = [:]
    private var entries: [UInt16: Entry] = [:]

    /// Makes a NAT without mappings.
    public init(outside: IPAddress, behaviour: NATBehaviour, seed: UInt64, forwards: [UInt16] = []) {
        self.outside = outside
        self.behaviour = behaviour
        self.forwards = forwards
        random = SplitMix64(seed: seed)
        nextPort = 1024 + UInt16(seed % 40_000)
    }

    /// Mappings at the moment, ended ones included until their port is wanted.
    public var mappingCount: Int { entries.count }

    /// Forgets all mappings, as a restart does: what is sent next comes from other ports. Forwarded ports stay.
    public mutating func reboot() {
        ports = ports.filter { entries[$0.value]?.isForwarded ?? false }
        entries = entries.filter(\.value.isForwarded)
    }

    /// Leads the forwarded ports to a host inside.
    mutating func forward(to inside: IPAddress) {
        for port in forwards {
            let key = Key(inside: Endpoint(inside, port: port))
            ports[key] = port
            entries[port] = Entry(key: key, lastOutbound: .zero, permitted: [], isForwarded: true)
        }
    }

    /// Translates a packet from inside; nil when it cannot be.
    mutating func outward(_ packet: SimulatedPacket, now: Instant) -> SimulatedPacket? {
        guard packet.carrier == .udp else { return nil }
        let forwarded = Key(inside: packet.source)
        let isForwarded = ports[forwarded].flatMap { entries[$0]?.isForwarded } ?? false
        let key = isForwarded ? forwarded : key(packet)
        var port = ports[key]
        if let known = port, let entry = entries[known] {
            // The port may be another one's by now.
            if entry.key != key {
                port = nil
            } else if hasEnded(entry, now) {
                entries[known] = nil
                port = nil
            }
        }
        let chosen = port ?? allocate(packet.source.port, now)
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
        guard packet.carrier == .udp, let entry = entries[packet.destination.port], !hasEnded(entry, now),
            entry.isForwarded || admits(entry, packet.source)
        else { return nil }
        guard behaviour.hairpins || packet.source.address != outside else { return nil }
        var translated = packet
        translated.destination = entry.key.inside
        return translated
    }

    private func key(_ packet: SimulatedPacket) -> Key {
        let remote: Endpoint? =
            switch behaviour.mapping {
            case .endpointIndependent: nil
            case .addressDependent: Endpoint(packet.destination.address, port: 0)
            case .addressAndPortDependent: packet.destination
            }
        return Key(inside: packet.source, remote: remote)
    }

    private func hasEnded(_ entry: Entry, _ now: Instant) -> Bool {
        !entry.isForwarded && now - entry.lastOutbound > behaviour.lifetime
    }

    private func admits(_ entry: Entry, _ remote: Endpoint) -> Bool {
        switch behaviour.filtering {
        case .endpointIndependent: true
        case .addressDependent: entry.permitted.contains { $0.address == remote.address }
        case .addressAndPortDependent: entry.permitted.contains(remote)
        }
    }

    private mutating func allocate(_ wanted: UInt16, _ now: Instant) -> UInt16 {
        if behaviour.ports == .preserved, entries[wanted].map({ hasEnded($0, now) }) ?? true {
            entries[wanted] = nil
            return wanted
        }
        repeat {
            nextPort = behaviour.ports == .random ? UInt16(random.number(1024...65_535)) : nextPort &+ 1
            if nextPort < 1024 { nextPort = 1024 }
        } while entries[nextPort] != nil || nextPort == SimulatedPacket.natPort
        return nextPort
    }
}
