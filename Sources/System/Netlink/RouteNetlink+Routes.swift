import Glibc
import IPsecTypes

/// A route.
public struct Route: Hashable, Sendable {
    /// What becomes of packets.
    public enum Kind: UInt8, Sendable {
        /// They go on.
        case unicast = 1
        /// They are for this host.
        case local = 2
        /// They are broadcast.
        case broadcast = 3
        /// They are for any of several hosts.
        case anycast = 4
        /// They are multicast.
        case multicast = 5
        /// They vanish silently.
        case blackhole = 6
        /// The sender is told that there is no way.
        case unreachable = 7
        /// The sender is told that the way is forbidden.
        case prohibit = 8
        /// Another kind.
        case other = 255
    }

    /// The main table.
    public static let mainTable: UInt32 = 254
    /// The table of this host's own addresses.
    public static let localTable: UInt32 = 255
    /// The mark of routes and rules that Culvert made (`proto 197`), to know them again.
    public static let ownProtocol: UInt8 = 197

    /// Where to; length 0 for everything.
    public var destination: IPPrefix
    /// The interface to leave by; nil for kinds that go nowhere.
    public var interfaceIndex: Int32?
    /// The next router; nil for what is on the link.
    public var gateway: IPAddress?
    /// The source address that this host prefers for it.
    public var preferredSource: IPAddress?
    /// The routing table.
    public var table: UInt32 = Route.mainTable
    /// The metric; the lower wins. 0 for the default (IPv6: 1024).
    public var metric: UInt32 = 0
    /// The MTU; nil for the interface's.
    public var mtu: Int?
    /// What becomes of packets.
    public var kind: Kind = .unicast
    /// Who made it.
    public var originProtocol: UInt8 = Route.ownProtocol

    /// Makes a route.
    public init(
        to destination: IPPrefix,
        interfaceIndex: Int32?,
        gateway: IPAddress? = nil,
        preferredSource: IPAddress? = nil,
        table: UInt32 = Route.mainTable,
        metric: UInt32 = 0,
        mtu: Int? = nil,
        kind: Kind = .unicast
    ) {
        self.destination = destination
        self.interfaceIndex = interfaceIndex
        self.gateway = gateway
        self.preferredSource = preferredSource
        self.table = table
        self.metric = metric
        self.mtu = mtu
        self.kind = kind
    }
}

extension RouteNetlink {
    /// All routes of both families and all tables, those of this host's own addresses included.
    public func routes() throws(IOFailure) -> [Route] {
        var all: [Route] = []
        for family in IPAddress.Family.allCases {
            let call = "list IP\(family) routes"
            let answers = try socket.dump(
                call,
                type: Message.getRoute,
                body: [family.socketFamily] + [UInt8](repeating: 0, count: 11)
            )
            all += try answers.decoded(call, Message.newRoute) { (body) throws(ParseError) in try Route(body) }
        }
        return all
    }

    /// The route that a packet to `address` would take; from a UDP port where rules are about ports (Linux 4.17).
    public func route(to address: IPAddress, fromUDPPort port: UInt16? = nil) throws(IOFailure) -> Route? {
        let call = "look up the route to \(address)"
        var writer = NetlinkWriter()
        writer.writeBytes([address.family.socketFamily, UInt8(address.family.bits)])
        writer.writeBytes([UInt8](repeating: 0, count: 10))
        writer.attribute(RouteAttribute.destination, address.bytes)
        if let port {
            writer.attribute(RouteAttribute.ipProtocol, [17])
            writer.attribute(RouteAttribute.sourcePort, [UInt8(port >> 8), UInt8(port & 0xFF)])
        }
        do throws(IOFailure) {
            let answers = try socket.transact(call, type: Message.getRoute, body: writer.bytes)
            return try answers.decoded(call, Message.newRoute) { (body) throws(ParseError) in
                try Route(body, acceptCloned: true)
            }.first
        } catch {
            if error.code == ENETUNREACH || error.code == EHOSTUNREACH { return nil }
            throw error
        }
    }

    /// Adds a route; an equal one (destination, table, metric) is an error.
    public func addRoute(_ route: Route) throws(IOFailure) {
        try socket.transact(
            "add route to \(route.destination)",
            type: Message.newRoute,
            flags: NetlinkCode.create | NetlinkCode.exclusive,
            body: Self.routeBody(route)
        )
    }

    /// Adds a route, or puts it in place of the one with the same destination, table and metric.
    public func replaceRoute(_ route: Route) throws(IOFailure) {
        try socket.transact(
            "replace route to \(route.destination)",
            type: Message.newRoute,
            flags: NetlinkCode.create | NetlinkCode.replace,
            body: Self.routeBody(route)
        )
    }

    /// Deletes a route.
    public func deleteRoute(_ route: Route) throws(IOFailure) {
        try socket.transact(
            "delete route to \(route.destination)",
            type: Message.deleteRoute,
            body: Self.routeBody(route)
        )
    }

    /// struct rtmsg: family, destination length, source length, TOS, table, protocol, scope, type, flags.
    private static func routeBody(_ route: Route) -> [UInt8] {
        let destination = route.destination.address
        let linkScope = destination.family == .v4 && route.gateway == nil && route.kind == .unicast
        var writer = NetlinkWriter()
        writer.writeUInt8(destination.family.socketFamily)
        writer.writeUInt8(UInt8(clamping: route.destination.length))
        writer.writeUInt8(0)
        writer.writeUInt8(0)
        writer.writeUInt8(UInt8(clamping: route.table <= 255 ? route.table : 252))
        writer.writeUInt8(route.originProtocol)
        writer.writeUInt8(linkScope ? 253 : 0)
        writer.writeUInt8(route.kind.rawValue)
        writer.writeUInt32(0)
        writer.attribute(RouteAttribute.destination, destination.bytes)
        writer.attribute(RouteAttribute.table, number: route.table)
        if let index = route.interfaceIndex {
            writer.attribute(RouteAttribute.interface, number: UInt32(bitPattern: index))
        }
        if let gateway = route.gateway { writer.attribute(RouteAttribute.gateway, gateway.bytes) }
        if let source = route.preferredSource { writer.attribute(RouteAttribute.preferredSource, source.bytes) }
        if route.metric != 0 { writer.attribute(RouteAttribute.metric, number: route.metric) }
        if let mtu = route.mtu {
            writer.nested(RouteAttribute.metrics) { $0.attribute(2, number: UInt32(clamping: mtu)) }
        }
        return writer.bytes
    }

    enum RouteAttribute {
        static let destination: UInt16 = 1
        static let interface: UInt16 = 4
        static let gateway: UInt16 = 5
        static let metric: UInt16 = 6
        static let preferredSource: UInt16 = 7
        static let metrics: UInt16 = 8
        static let multipath: UInt16 = 9
        static let table: UInt16 = 15
        static let ipProtocol: UInt16 = 27
        static let sourcePort: UInt16 = 28
    }
}

extension Route {
    /// Reads RTM_NEWROUTE; nil for a family that is not IP and for entries of the route cache.
    init?(_ body: [UInt8], acceptCloned: Bool = false) throws(ParseError) {
        let bytes = body.span
        var reader = NetlinkReader(count: bytes.count)
        let rawFamily = try reader.readUInt8(bytes)
        let length = Int(try reader.readUInt8(bytes))
        try reader.skip(2)
        let shortTable = try reader.readUInt8(bytes)
        let originProtocol = try reader.readUInt8(bytes)
        try reader.skip(1)
        let kind = try reader.readUInt8(bytes)
        let flags = try reader.readUInt32(bytes)
        guard let family = IPAddress.Family(socketFamily: rawFamily), acceptCloned || flags & 0x200 == 0 else {
            return nil
        }
        typealias Attribute = RouteNetlink.RouteAttribute
        let attributes = try NetlinkAttributes(body, skipping: 12)
        let address = try attributes.address(Attribute.destination) ?? .unspecified(family)
        guard address.family == family, let destination = IPPrefix(address, length: length) else { throw .badValue }
        self.destination = destination
        interfaceIndex = try attributes.number(Attribute.interface).map { Int32(bitPattern: $0) }
        if interfaceIndex == nil, let paths = attributes.bytes(Attribute.multipath) {
            interfaceIndex = try Self.firstPath(paths)
        }
        gateway = try attributes.address(Attribute.gateway)
        preferredSource = try attributes.address(Attribute.preferredSource)
        table = try attributes.number(Attribute.table) ?? UInt32(shortTable)
        metric = try attributes.number(Attribute.metric) ?? 0
        mtu = try attributes.nest(Attribute.metrics)?.number(2).map { Int($0) }
        self.kind = Kind(rawValue: kind) ?? .other
        self.originProtocol = originProtocol
    }

    /// The interface of the first next hop of a route with several (struct rtnexthop: length, flags, hops, index).
    private static func firstPath(_ paths: [UInt8]) throws(ParseError) -> Int32 {
        var reader = NetlinkReader(count: paths.count)
        try reader.skip(4)
        return try reader.readInt32(paths.span)
    }
}
