import IPsecTypes

/// An address on an interface.
public struct AddressInfo: Hashable, Sendable {
    /// The interface.
    public var interfaceIndex: Int32
    /// The address.
    public var address: IPAddress
    /// The length of the network it is in.
    public var prefixLength: Int
    /// How far it is valid.
    public var scope: Scope
    /// Whether it is being checked for duplicates and cannot be used yet.
    public var isTentative: Bool
    /// Whether it came with an interface to a known other end (a point-to-point link).
    public var peer: IPAddress?

    /// How far an address is valid.
    public enum Scope: UInt8, Sendable {
        /// Everywhere.
        case global = 0
        /// A site.
        case site = 200
        /// The link.
        case link = 253
        /// This host.
        case host = 254
        /// Nowhere, or a scope without a name.
        case other = 255
    }

    /// The network that the address is in.
    public var network: IPPrefix? { IPPrefix(address, length: prefixLength) }
}

extension RouteNetlink {
    /// All addresses of this host.
    public func addresses() throws(IOFailure) -> [AddressInfo] {
        let call = "list addresses"
        let answers = try socket.dump(call, type: Message.getAddress, body: [UInt8](repeating: 0, count: 8))
        return try answers.decoded(call, Message.newAddress) { (body) throws(ParseError) in try AddressInfo(body) }
    }

    /// Gives an interface an address. It is usable at once (no duplicate detection) and vanishes with the interface.
    ///
    /// - Parameters:
    ///   - address: the address.
    ///   - prefixLength: the length of its network; the kernel makes a route for the network when it is shorter than the
    ///     address.
    ///   - interfaceIndex: the interface.
    public func addAddress(_ address: IPAddress, prefixLength: Int, interfaceIndex: Int32) throws(IOFailure) {
        try socket.transact(
            "add address \(address)/\(prefixLength)",
            type: Message.newAddress,
            flags: NetlinkCode.create | NetlinkCode.replace,
            body: Self.addressBody(address, prefixLength, interfaceIndex)
        )
    }

    /// Takes an address from an interface.
    public func removeAddress(_ address: IPAddress, prefixLength: Int, interfaceIndex: Int32) throws(IOFailure) {
        try socket.transact(
            "remove address \(address)/\(prefixLength)",
            type: Message.deleteAddress,
            body: Self.addressBody(address, prefixLength, interfaceIndex)
        )
    }

    /// struct ifaddrmsg: family, prefix length, flags, scope, index.
    private static func addressBody(_ address: IPAddress, _ prefixLength: Int, _ index: Int32) -> [UInt8] {
        var writer = NetlinkWriter()
        writer.writeUInt8(address.family.socketFamily)
        writer.writeUInt8(UInt8(clamping: prefixLength))
        writer.writeUInt8(0)
        writer.writeUInt8(0)
        writer.writeInt32(index)
        writer.attribute(AddressAttribute.local, address.bytes)
        writer.attribute(AddressAttribute.address, address.bytes)
        if address.family == .v6 { writer.attribute(AddressAttribute.flags, number: 0x02) }  // IFA_F_NODAD
        return writer.bytes
    }

    enum AddressAttribute {
        static let address: UInt16 = 1
        static let local: UInt16 = 2
        static let flags: UInt16 = 8
    }
}

extension AddressInfo {
    /// Reads RTM_NEWADDR; nil for a family that is not IP.
    init?(_ body: [UInt8]) throws(ParseError) {
        let bytes = body.span
        var reader = NetlinkReader(count: bytes.count)
        let family = try reader.readUInt8(bytes)
        guard family == IPAddress.Family.v4.socketFamily || family == IPAddress.Family.v6.socketFamily else {
            return nil
        }
        prefixLength = Int(try reader.readUInt8(bytes))
        var flags = UInt32(try reader.readUInt8(bytes))
        scope = Scope(rawValue: try reader.readUInt8(bytes)) ?? .other
        interfaceIndex = try reader.readInt32(bytes)
        let attributes = try NetlinkAttributes(body, skipping: 8)
        flags = try attributes.number(RouteNetlink.AddressAttribute.flags) ?? flags
        isTentative = flags & 0x40 != 0
        // On a point-to-point link `address` is the other end's and `local` ours.
        let far = try attributes.address(RouteNetlink.AddressAttribute.address)
        guard let ours = try attributes.address(RouteNetlink.AddressAttribute.local) ?? far else { throw .badValue }
        guard ours.family.socketFamily == family, prefixLength <= ours.family.bits else { throw .badValue }
        address = ours
        peer = far == ours ? nil : far
    }
}

extension IPAddress.Family {
    /// AF_INET or AF_INET6.
    var socketFamily: UInt8 { self == .v4 ? 2 : 10 }

    init?(socketFamily: UInt8) {
        switch socketFamily {
        case 2: self = .v4
        case 10: self = .v6
        default: return nil
        }
    }
}
