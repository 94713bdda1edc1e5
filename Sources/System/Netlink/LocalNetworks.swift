import IPsecTypes

/// An interface with its addresses.
public struct InterfaceInfo: Hashable, Sendable {
    /// The interface.
    public var link: LinkInfo
    /// Its addresses, those that are checked for duplicates still not among them.
    public var addresses: [AddressInfo]
    /// Whether a default route leaves by it.
    public var hasDefaultRoute: Bool
}

/// What networks this host is in, to refuse pools and selectors that collide with them and to guess a gateway's address.
public struct LocalNetworks: Sendable {
    /// A network of this host that shares addresses with a prefix.
    public struct Overlap: Hashable, Sendable, CustomStringConvertible {
        /// The prefix asked about.
        public var prefix: IPPrefix
        /// The network that it overlaps.
        public var network: IPPrefix
        /// The interface of that network; empty when the route goes nowhere.
        public var interface: String
        /// Whether the network is an interface's own, rather than a route's.
        public var isAddress: Bool

        /// "10.99.0.0/16 overlaps 10.99.4.0/22, a route by eth0".
        public var description: String {
            "\(prefix) overlaps \(network), \(isAddress ? "the network of" : "a route by") "
                + (interface.isEmpty ? "no interface" : interface)
        }
    }

    /// All interfaces, by index.
    public let interfaces: [InterfaceInfo]
    /// All routes.
    public let routes: [Route]

    /// Asks the kernel.
    public init(_ netlink: RouteNetlink) throws(IOFailure) {
        let links = try netlink.links()
        let addresses = try netlink.addresses()
        let routes = try netlink.routes()
        interfaces = links.sorted { $0.index < $1.index }.map { link in
            InterfaceInfo(
                link: link,
                addresses: addresses.filter { $0.interfaceIndex == link.index && !$0.isTentative },
                hasDefaultRoute: routes.contains { $0.isDefault && $0.interfaceIndex == link.index }
            )
        }
        self.routes = routes
    }

    /// Networks of this host that share addresses with `prefix`, default routes and our own routes not counted.
    ///
    /// - Parameters:
    ///   - prefix: a pool or a selector.
    ///   - ignored: interfaces that do not count, such as our own TUN.
    public func overlaps(_ prefix: IPPrefix, ignoring ignored: Set<String> = []) -> [Overlap] {
        var found: [Overlap] = []
        for interface in interfaces where !ignored.contains(interface.link.name) {
            for address in interface.addresses {
                guard let network = address.network, network.range.intersection(prefix.range) != nil else { continue }
                found.append(
                    Overlap(prefix: prefix, network: network, interface: interface.link.name, isAddress: true)
                )
            }
        }
        for route in routes where !route.isDefault && route.originProtocol != Route.ownProtocol {
            guard route.kind == .unicast, route.table != Route.localTable,
                route.destination.range.intersection(prefix.range) != nil
            else { continue }
            let name = interfaces.first { $0.link.index == route.interfaceIndex }?.link.name ?? ""
            guard !ignored.contains(name), !found.contains(where: { $0.network == route.destination }) else { continue }
            found.append(Overlap(prefix: prefix, network: route.destination, interface: name, isAddress: false))
        }
        return found
    }

    /// The addresses by which others most likely reach this host: global ones of the interfaces with a default route, the
    /// preferred source of that route first, IPv4 before IPv6; failing that of any interface that is up.
    public var likelyAddresses: [IPAddress] {
        let usable = interfaces.filter { $0.link.isUp && !$0.link.isLoopback }
        let outward = usable.filter(\.hasDefaultRoute)
        let preferred = routes.filter(\.isDefault).compactMap(\.preferredSource)
        var seen: Set<IPAddress> = []
        return (outward.isEmpty ? usable : outward)
            .flatMap(\.addresses)
            .filter { $0.scope == .global }
            .map(\.address)
            .sorted { left, right in
                (left.family.rawValue, preferred.contains(left) ? 0 : 1)
                    < (right.family.rawValue, preferred.contains(right) ? 0 : 1)
            }
            .filter { seen.insert($0).inserted }
    }
}

extension Route {
    /// Whether it is a route for everything in a table that decides for all packets.
    var isDefault: Bool { destination.length == 0 && kind == .unicast && table != Route.localTable }
}
