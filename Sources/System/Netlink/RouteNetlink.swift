import Glibc
import IPsecTypes

/// Links, addresses, routes and rules of the network namespace it was opened in, through NETLINK_ROUTE.
///
/// Calls block for as long as the kernel takes, so they belong on a bounded pool, not on a shard. One request runs at a
/// time. Errors carry what the kernel said in words.
public final class RouteNetlink: Sendable {
    let socket: NetlinkSocket

    /// Opens the socket; no privilege is needed for that, nor for listing.
    public init() throws(IOFailure) {
        socket = try NetlinkSocket(netlinkProtocol: 0)
    }

    /// All interfaces.
    public func links() throws(IOFailure) -> [LinkInfo] {
        let call = "list interfaces"
        let answers = try socket.dump(call, type: Message.getLink, body: Self.linkHeader(index: 0, flags: 0, change: 0))
        return try answers.decoded(call, Message.newLink) { (body) throws(ParseError) in try LinkInfo(body) }
    }

    /// One interface by name; nil when there is none.
    public func link(named name: String) throws(IOFailure) -> LinkInfo? {
        let call = "look up interface \(name)"
        guard Self.isInterfaceName(name) else { return nil }
        var writer = NetlinkWriter()
        writer.writeBytes(Self.linkHeader(index: 0, flags: 0, change: 0))
        writer.attribute(LinkAttribute.name, text: name)
        do throws(IOFailure) {
            let answers = try socket.transact(call, type: Message.getLink, body: writer.bytes)
            return try answers.decoded(call, Message.newLink) { (body) throws(ParseError) in try LinkInfo(body) }.first
        } catch {
            if error.code == ENODEV { return nil }
            throw error
        }
    }

    /// What an interface has carried and dropped; nil when there is no such interface.
    public func counters(of name: String) throws(IOFailure) -> LinkCounters? {
        let call = "count packets of \(name)"
        guard Self.isInterfaceName(name) else { return nil }
        var writer = NetlinkWriter()
        writer.writeBytes(Self.linkHeader(index: 0, flags: 0, change: 0))
        writer.attribute(LinkAttribute.name, text: name)
        do throws(IOFailure) {
            let answers = try socket.transact(call, type: Message.getLink, body: writer.bytes)
            return try answers.decoded(call, Message.newLink) { (body) throws(ParseError) in try LinkCounters(body) }
                .first
        } catch {
            if error.code == ENODEV { return nil }
            throw error
        }
    }

    /// Brings an interface up or down.
    public func setLink(_ index: Int32, isUp: Bool) throws(IOFailure) {
        let header = Self.linkHeader(index: index, flags: isUp ? 1 : 0, change: 1)
        try socket.transact("set interface \(index) \(isUp ? "up" : "down")", type: Message.setLink, body: header)
    }

    /// Sets an interface's MTU.
    public func setLink(_ index: Int32, mtu: Int) throws(IOFailure) {
        var writer = NetlinkWriter()
        writer.writeBytes(Self.linkHeader(index: index, flags: 0, change: 0))
        writer.attribute(LinkAttribute.mtu, number: UInt32(clamping: mtu))
        try socket.transact("set the MTU of interface \(index) to \(mtu)", type: Message.setLink, body: writer.bytes)
    }

    /// Makes a virtual interface of a kind without parameters, such as "dummy" or "bridge".
    ///
    /// It outlives this process: journal it (``CleanupStep/link(name:)``) before.
    public func createLink(name: String, kind: String) throws(IOFailure) {
        let call = "create \(kind) interface \(name)"
        guard Self.isInterfaceName(name) else {
            throw IOFailure(call: call, code: EINVAL, text: "not an interface name")
        }
        var writer = NetlinkWriter()
        writer.writeBytes(Self.linkHeader(index: 0, flags: 0, change: 0))
        writer.attribute(LinkAttribute.name, text: name)
        writer.nested(LinkAttribute.info) { $0.attribute(1, text: kind) }
        do throws(IOFailure) {
            try socket.transact(
                call,
                type: Message.newLink,
                flags: NetlinkCode.create | NetlinkCode.exclusive,
                body: writer.bytes
            )
        } catch {
            var failure = error
            if error.code == EOPNOTSUPP { failure.hint = "the kernel has no \(kind) interfaces; try: modprobe \(kind)" }
            throw failure
        }
    }

    /// Makes a dummy interface.
    public func createDummy(name: String) throws(IOFailure) {
        try createLink(name: name, kind: "dummy")
    }

    /// Deletes an interface.
    public func deleteLink(_ index: Int32) throws(IOFailure) {
        try socket.transact(
            "delete interface \(index)",
            type: Message.deleteLink,
            body: Self.linkHeader(index: index, flags: 0, change: 0)
        )
    }

    static func isInterfaceName(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && !name.utf8.contains { $0 <= 32 || $0 == 47 || $0 >= 127 }
    }

    /// struct ifinfomsg: family, padding, type, index, flags, change mask.
    private static func linkHeader(index: Int32, flags: UInt32, change: UInt32) -> [UInt8] {
        var writer = NetlinkWriter()
        writer.writeUInt32(0)
        writer.writeInt32(index)
        writer.writeUInt32(flags)
        writer.writeUInt32(change)
        return writer.bytes
    }

    /// Message types (linux/rtnetlink.h).
    enum Message {
        static let newLink: UInt16 = 16
        static let deleteLink: UInt16 = 17
        static let getLink: UInt16 = 18
        static let setLink: UInt16 = 19
        static let newAddress: UInt16 = 20
        static let deleteAddress: UInt16 = 21
        static let getAddress: UInt16 = 22
        static let newRoute: UInt16 = 24
        static let deleteRoute: UInt16 = 25
        static let getRoute: UInt16 = 26
        static let newRule: UInt16 = 32
        static let deleteRule: UInt16 = 33
        static let getRule: UInt16 = 34
    }

    enum LinkAttribute {
        static let name: UInt16 = 3
        static let mtu: UInt16 = 4
        static let info: UInt16 = 18
        static let statistics: UInt16 = 23
    }
}

/// What an interface has carried since it was made. On a TUN, `sent` is what this host routed into it, and
/// `sentDropped` what found the queue to the reading program full.
public struct LinkCounters: Hashable, Sendable {
    /// Packets that came in.
    public var received: UInt64
    /// Packets that went out.
    public var sent: UInt64
    /// Bytes that came in.
    public var receivedBytes: UInt64
    /// Bytes that went out.
    public var sentBytes: UInt64
    /// Packets that came in and were dropped.
    public var receivedDropped: UInt64
    /// Packets that were to go out and were dropped.
    public var sentDropped: UInt64

    /// Reads struct rtnl_link_stats64; nil when it is not there.
    init?(_ body: [UInt8]) throws(ParseError) {
        guard let raw = try NetlinkAttributes(body, skipping: 16).bytes(RouteNetlink.LinkAttribute.statistics) else {
            return nil
        }
        let bytes = raw.span
        var reader = NetlinkReader(count: bytes.count)
        received = try reader.readUInt64(bytes)
        sent = try reader.readUInt64(bytes)
        receivedBytes = try reader.readUInt64(bytes)
        sentBytes = try reader.readUInt64(bytes)
        try reader.skip(16)  // errors
        receivedDropped = try reader.readUInt64(bytes)
        sentDropped = try reader.readUInt64(bytes)
    }
}

/// A network interface.
public struct LinkInfo: Hashable, Sendable {
    /// The number that other calls name it by.
    public var index: Int32
    /// Its name.
    public var name: String
    /// Its MTU.
    public var mtu: Int
    /// Whether it is administratively up.
    public var isUp: Bool
    /// Whether it is a loopback.
    public var isLoopback: Bool
    /// What made it: "tun", "veth", "bridge"; empty for hardware.
    public var kind: String

    init(_ body: [UInt8]) throws(ParseError) {
        let bytes = body.span
        var reader = NetlinkReader(count: bytes.count)
        try reader.skip(4)
        index = try reader.readInt32(bytes)
        let flags = try reader.readUInt32(bytes)
        let attributes = try NetlinkAttributes(body, skipping: 16)
        guard let name = attributes.text(RouteNetlink.LinkAttribute.name) else { throw .badValue }
        self.name = name
        mtu = Int(try attributes.number(RouteNetlink.LinkAttribute.mtu) ?? 0)
        isUp = flags & 1 != 0
        isLoopback = flags & 8 != 0
        kind = try attributes.nest(RouteNetlink.LinkAttribute.info)?.text(1) ?? ""
    }
}

extension [NetlinkMessage] {
    /// Decodes the messages of one type; an answer that cannot be read is a failure of the call.
    func decoded<Value>(
        _ call: String,
        _ type: UInt16,
        _ decode: ([UInt8]) throws(ParseError) -> Value?
    )
        throws(IOFailure) -> [Value]
    {
        var values: [Value] = []
        for message in self where message.type == type {
            do throws(ParseError) {
                if let value = try decode(message.body) { values.append(value) }
            } catch {
                throw NetlinkSocket.malformed(call, error)
            }
        }
        return values
    }
}
