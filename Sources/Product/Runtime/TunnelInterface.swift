import IPsecTypes
import Netlink

/// Addresses and routes on the TUN interface. Everything here hangs off the interface and dies with its descriptor.
public final class TunnelInterface {
    /// The interface.
    public let name: String
    private let netlink: RouteNetlink
    private let index: Int32
    private var addressOwners: [IPAddress: Int] = [:]
    private var routeOwners: [IPPrefix: Int] = [:]
    private let transport: Transport?
    private var routing: TransportRouting?

    /// What transport mode needs besides the interface.
    public struct Transport {
        /// The UDP ports of our own sockets: IKE, then IKE and ESP behind NATs.
        public var ports: [UInt16]
        /// Opens the journal of rules, at the first need.
        public var journal: () throws(IOFailure) -> CleanupJournal

        /// Makes a value.
        public init(ports: [UInt16], journal: @escaping () throws(IOFailure) -> CleanupJournal) {
            self.ports = ports
            self.journal = journal
        }
    }

    /// Brings the interface up with an MTU. The data plane has made it.
    public init(name: String, mtu: Int, transport: Transport? = nil) throws(IOFailure) {
        self.name = name
        self.transport = transport
        netlink = try RouteNetlink()
        guard let link = try netlink.link(named: name) else {
            throw IOFailure(call: "find tun \(name)", code: 19)
        }
        index = link.index
        try netlink.setLink(index, mtu: mtu)
        try netlink.setLink(index, isUp: true)
    }

    /// The address this host would send from to reach `remote`, and nil when there is no route.
    public func source(towards remote: IPAddress) -> IPAddress? {
        // As our IKE would go, where packets of others are led into the tunnel.
        let port = routing == nil ? nil : transport?.ports.first
        return (try? netlink.route(to: remote, fromUDPPort: port))?.flatMap(\.preferredSource)
    }

    /// Addresses that packets to others may leave from: global ones of interfaces that are up, ours not among them, IPv4
    /// before IPv6. Empty when the system does not say.
    public func localAddresses() -> [IPAddress] {
        guard let links = try? netlink.links(), let addresses = try? netlink.addresses() else { return [] }
        let usable = Set(links.filter { $0.isUp && !$0.isLoopback && $0.index != index }.map(\.index))
        return addresses.filter { usable.contains($0.interfaceIndex) && $0.scope == .global && !$0.isTentative }
            .map(\.address)
            .sorted { $0.family.rawValue < $1.family.rawValue }
    }

    /// A network of this host that a route to `prefix` would take packets from. A wider grant leaves local networks alone,
    /// because the more specific route wins.
    public func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap? {
        overlaps(prefix).first { Self.isTaken($0.network, by: prefix) }
    }

    /// Networks of this host that share any address with `prefix`: none may with a pool, whose addresses are ours alone.
    public func overlaps(_ prefix: IPPrefix) -> [LocalNetworks.Overlap] {
        guard let local = try? LocalNetworks(netlink) else { return [] }
        return local.overlaps(prefix, ignoring: [name]).filter { $0.network.length > 0 }
    }

    /// Whether a route to `prefix` is at least as specific as the one to `network`, and so wins.
    static func isTaken(_ network: IPPrefix, by prefix: IPPrefix) -> Bool { network.length <= prefix.length }

    /// Adds an address as a host prefix; counted, so that two tunnels may share it.
    public func add(_ address: IPAddress) throws(IOFailure) {
        if addressOwners[address] == nil {
            try netlink.addAddress(address, prefixLength: address.family.bits, interfaceIndex: index)
        }
        addressOwners[address, default: 0] += 1
    }

    /// Removes an address when its last owner lets go.
    public func remove(_ address: IPAddress) {
        guard let count = addressOwners[address] else { return }
        addressOwners[address] = count > 1 ? count - 1 : nil
        if count == 1 { try? netlink.removeAddress(address, prefixLength: address.family.bits, interfaceIndex: index) }
    }

    /// Leads a network into the tunnel.
    public func addRoute(_ prefix: IPPrefix, from source: IPAddress?) throws(IOFailure) {
        if routeOwners[prefix] == nil {
            try netlink.replaceRoute(Route(to: prefix, interfaceIndex: index, preferredSource: source))
        }
        routeOwners[prefix, default: 0] += 1
    }

    /// Leads packets to a peer's own address into the tunnel; counted.
    public func protect(_ flow: ProtectedFlow) throws(IOFailure) {
        guard let transport else { throw IOFailure(call: "route transport mode", code: 95) }
        let routing: TransportRouting
        if let made = self.routing {
            routing = made
        } else {
            routing = try TransportRouting(interface: index, ports: transport.ports, journal: transport.journal())
            self.routing = routing
        }
        try routing.protect(flow)
    }

    /// Takes that back when its last owner lets go.
    public func release(_ flow: ProtectedFlow) { routing?.release(flow) }

    /// Takes a route back when its last owner lets go.
    public func removeRoute(_ prefix: IPPrefix) {
        guard let count = routeOwners[prefix] else { return }
        routeOwners[prefix] = count > 1 ? count - 1 : nil
        if count == 1 { try? netlink.deleteRoute(Route(to: prefix, interfaceIndex: index)) }
    }
}

extension IPRange {
    /// This range without one address: none, one or two ranges. Routes made of them never catch the packets to the
    /// gateway itself.
    public func excluding(_ address: IPAddress) -> [IPRange] {
        guard contains(address) else { return [self] }
        let below = address.previous.flatMap { IPRange(first, $0) }
        let above = address.next.flatMap { IPRange($0, last) }
        return [below, above].compactMap { $0 }
    }
}
