import IPsecTypes
import Netlink

/// Leads packets to peers in transport mode into the tunnel interface, by policy routing rules and a table of our own.
///
/// The packets have the very addresses that our own IKE and ESP go to. So two kinds of rules are made, in a block of
/// priorities before the main table's:
///
///     N      udp from port IKE      goto N+9      what our own sockets send, and, for the reverse path filter, what comes
///     N+1    udp from port NAT      goto N+9      back to them, goes the host's usual way
///     N+2    esp                    goto N+9
///     N+8    to PEER [protocol, ports]  lookup TABLE      PEER dev TUN src OURS
///     N+9    nothing
///
/// No packet is marked: nobody else can have our ports, and the kernel's check of a source by the reverse route
/// (`rp_filter`) asks the same rules with the ports turned round, so it passes both what comes to the sockets from outside
/// and what comes out of the tunnel interface. (`src_valid_mark` is about marks, and is not touched.)
///
/// Rules outlive a process: each is in the journal before it is made.
public final class TransportRouting {
    /// Priorities that are tried for a block, and the table that goes with the first.
    static let priorities = stride(from: UInt32(19_700), to: 20_700, by: 10)
    static let firstTable: UInt32 = 19_700

    private let netlink: RouteNetlink
    private let interface: Int32
    private let ports: [UInt16]
    private let journal: CleanupJournal
    /// The first priority of our block, by family.
    private var blocks: [IPAddress.Family: UInt32] = [:]
    private var owners: [RoutingRule: Int] = [:]
    private var routes: [IPAddress: (local: IPAddress, owners: Int)] = [:]
    private var entries: [RoutingRule: CleanupJournal.Entry] = [:]

    /// Makes nothing yet.
    ///
    /// - Parameters:
    ///   - interface: the index of the tunnel interface.
    ///   - ports: the UDP ports that our own sockets are bound to.
    ///   - journal: where rules are written before they are made.
    public init(interface: Int32, ports: [UInt16], journal: CleanupJournal) throws(IOFailure) {
        netlink = try RouteNetlink()
        self.interface = interface
        self.ports = ports
        self.journal = journal
    }

    /// Leads a flow into the tunnel; counted. The SA's packets, and our own to the peer, are not caught.
    public func protect(_ flow: ProtectedFlow) throws(IOFailure) {
        let block = try block(flow.remote.family)
        let route = route(flow, block)
        if let known = routes[flow.remote], known.local == flow.local {
            routes[flow.remote] = (flow.local, known.owners + 1)
        } else {
            // Another address of ours takes the place of the one before.
            try netlink.replaceRoute(route)
            routes[flow.remote] = (flow.local, (routes[flow.remote]?.owners ?? 0) + 1)
        }
        let rule = rule(flow, block)
        if owners[rule] == nil {
            do throws(IOFailure) {
                try add(rule)
            } catch {
                dropRoute(flow, block)
                throw error
            }
        }
        owners[rule, default: 0] += 1
    }

    /// Takes a flow back when its last owner lets go.
    public func release(_ flow: ProtectedFlow) {
        guard let block = blocks[flow.remote.family] else { return }
        let rule = rule(flow, block)
        guard let count = owners[rule] else { return }
        owners[rule] = count > 1 ? count - 1 : nil
        if count == 1 { remove(rule) }
        dropRoute(flow, block)
    }

    private func dropRoute(_ flow: ProtectedFlow, _ block: UInt32) {
        guard let known = routes[flow.remote] else { return }
        routes[flow.remote] = known.owners > 1 ? (known.local, known.owners - 1) : nil
        if known.owners == 1 { try? netlink.deleteRoute(route(flow, block)) }
    }

    /// The block of a family, made at its first use. What was made of it goes again when a part fails.
    private func block(_ family: IPAddress.Family) throws(IOFailure) -> UInt32 {
        if let made = blocks[family] { return made }
        let taken = Set(try netlink.rules().filter { $0.family == family }.map(\.priority))
        guard let first = Self.priorities.first(where: { first in !taken.contains { first <= $0 && $0 < first + 10 } })
        else { throw IOFailure(call: "find room for routing rules", code: 0, text: "19700 to 20699 are all taken") }
        var made: [RoutingRule] = []
        do throws(IOFailure) {
            for rule in passes(family, first) {
                try add(rule)
                made.append(rule)
            }
        } catch {
            for rule in made.reversed() { remove(rule) }
            throw error
        }
        blocks[family] = first
        return first
    }

    /// The rules that our own packets pass by, the end of the block first: a jump needs somewhere to go.
    private func passes(_ family: IPAddress.Family, _ first: UInt32) -> [RoutingRule] {
        var end = RoutingRule(family: family, priority: first + 9, table: 0)
        end.action = .nothing
        var rules = [end]
        for (place, port) in ports.prefix(2).enumerated() {
            var pass = RoutingRule(family: family, priority: first + UInt32(place), table: 0)
            pass.ipProtocol = 17
            pass.sourcePorts = PortRange(port)
            pass.action = .goTo(end.priority)
            rules.append(pass)
        }
        var pass = RoutingRule(family: family, priority: first + 2, table: 0)
        pass.ipProtocol = 50
        pass.action = .goTo(end.priority)
        return rules + [pass]
    }

    private func rule(_ flow: ProtectedFlow, _ block: UInt32) -> RoutingRule {
        var rule = RoutingRule(family: flow.remote.family, priority: block + 8, table: table(block))
        rule.destination = IPPrefix(flow.remote, length: flow.remote.family.bits)
        if flow.ipProtocol != 0 { rule.ipProtocol = flow.ipProtocol }
        if flow.localPorts != .any { rule.sourcePorts = flow.localPorts }
        if flow.remotePorts != .any { rule.destinationPorts = flow.remotePorts }
        return rule
    }

    private func route(_ flow: ProtectedFlow, _ block: UInt32) -> Route {
        Route(
            to: IPPrefix(host: flow.remote),
            interfaceIndex: interface,
            preferredSource: flow.local,
            table: table(block)
        )
    }

    private func table(_ block: UInt32) -> UInt32 { Self.firstTable + (block - 19_700) / 10 }

    private func add(_ rule: RoutingRule) throws(IOFailure) {
        let entry = try journal.record(.rule(rule))
        do throws(IOFailure) {
            try netlink.addRule(rule)
        } catch {
            try journal.forget(entry)
            throw error
        }
        entries[rule] = entry
    }

    private func remove(_ rule: RoutingRule) {
        try? netlink.deleteRule(rule)
        if let entry = entries.removeValue(forKey: rule) { try? journal.forget(entry) }
    }
}
