import IPsecTypes

/// Expressions of nf_tables rules, in the kernel's own form (linux/netfilter/nf_tables.h). Registers 1...4 hold 16 bytes.
struct NftablesExpression: Sendable, Hashable {
    var name: String
    var data: [UInt8]

    private init(_ name: String, _ build: (inout NetlinkWriter) -> Void = { _ in }) {
        var writer = NetlinkWriter()
        build(&writer)
        self.name = name
        data = writer.bytes
    }

    enum MetaKey: UInt32 {
        case inputName = 6
        case outputName = 7
        case family = 15
        case transport = 16
    }

    enum Side {
        case source
        case destination
    }

    /// Loads a fact about the packet into register 1.
    static func meta(_ key: MetaKey) -> NftablesExpression {
        NftablesExpression("meta") {
            $0.attribute(1, bigEndian: 1)
            $0.attribute(2, bigEndian: key.rawValue)
        }
    }

    /// Goes on only when register 1 equals, or does not equal, these bytes.
    static func compare(_ bytes: [UInt8], isEqual: Bool = true) -> NftablesExpression {
        NftablesExpression("cmp") {
            $0.attribute(1, bigEndian: 1)
            $0.attribute(2, bigEndian: isEqual ? 0 : 1)
            $0.nested(3) { $0.attribute(1, bytes) }
        }
    }

    /// Loads the source or destination address of the packet into register 1.
    static func address(_ side: Side, _ family: IPAddress.Family) -> NftablesExpression {
        let offset: UInt32 =
            switch (family, side) {
            case (.v4, .source): 12
            case (.v4, .destination): 16
            case (.v6, .source): 8
            case (.v6, .destination): 24
            }
        return NftablesExpression("payload") {
            $0.attribute(1, bigEndian: 1)
            $0.attribute(2, bigEndian: 1)  // the network header
            $0.attribute(3, bigEndian: offset)
            $0.attribute(4, bigEndian: UInt32(family.bits / 8))
        }
    }

    /// Masks register 1.
    static func mask(_ bytes: [UInt8]) -> NftablesExpression {
        NftablesExpression("bitwise") {
            $0.attribute(1, bigEndian: 1)
            $0.attribute(2, bigEndian: 1)
            $0.attribute(3, bigEndian: UInt32(clamping: bytes.count))
            $0.nested(4) { $0.attribute(1, bytes) }
            $0.nested(5) { $0.attribute(1, [UInt8](repeating: 0, count: bytes.count)) }
        }
    }

    /// Loads bytes into a register.
    static func load(_ bytes: [UInt8], register: UInt32) -> NftablesExpression {
        NftablesExpression("immediate") {
            $0.attribute(1, bigEndian: register)
            $0.nested(2) { $0.attribute(1, bytes) }
        }
    }

    /// Counts packets and bytes.
    static let counter = NftablesExpression("counter")

    /// Drops the packet.
    static let drop = NftablesExpression("immediate") {
        $0.attribute(1, bigEndian: 0)  // the verdict register
        $0.nested(2) { $0.nested(2) { $0.attribute(1, bigEndian: 0) } }  // NF_DROP
    }

    /// Source NAT to the address of the interface the packet leaves by; source ports, when given, out of the registers
    /// 2 and 3.
    static func masquerade(withPorts: Bool) -> NftablesExpression {
        NftablesExpression("masq") {
            guard withPorts else { return }
            $0.attribute(1, bigEndian: 2)  // NF_NAT_RANGE_PROTO_SPECIFIED
            $0.attribute(2, bigEndian: 2)
            $0.attribute(3, bigEndian: 3)
        }
    }

    /// Source NAT to the address in register 1; source ports, when given, out of the registers 2 and 3.
    static func sourceNAT(_ family: IPAddress.Family, withPorts: Bool) -> NftablesExpression {
        NftablesExpression("nat") {
            $0.attribute(1, bigEndian: 0)  // NFT_NAT_SNAT
            $0.attribute(2, bigEndian: UInt32(family.socketFamily))
            $0.attribute(3, bigEndian: 1)
            guard withPorts else { return }
            $0.attribute(5, bigEndian: 2)
            $0.attribute(6, bigEndian: 3)
            $0.attribute(7, bigEndian: 2)
        }
    }
}

extension [NftablesExpression] {
    /// Goes on for packets whose address lies in a prefix.
    static func inside(_ side: NftablesExpression.Side, _ prefix: IPPrefix) -> [NftablesExpression] {
        let family = prefix.address.family
        var result: [NftablesExpression] = [
            .meta(.family), .compare([family.socketFamily]), .address(side, family),
        ]
        if prefix.length < family.bits { result.append(.mask(maskBytes(prefix.length, family.bits / 8))) }
        return result + [.compare(prefix.address.bytes)]
    }

    /// Goes on for packets that come in by an interface, or do not.
    static func input(_ interface: String, isEqual: Bool) -> [NftablesExpression] {
        [.meta(.inputName), .compare(nameBytes(interface), isEqual: isEqual)]
    }

    /// Goes on for packets that go out by an interface, or do not.
    static func output(_ interface: String, isEqual: Bool) -> [NftablesExpression] {
        [.meta(.outputName), .compare(nameBytes(interface), isEqual: isEqual)]
    }

    /// Goes on for packets of a transport protocol.
    static func transport(_ number: UInt8) -> [NftablesExpression] {
        [.meta(.transport), .compare([number])]
    }

    private static func nameBytes(_ name: String) -> [UInt8] {
        let bytes = [UInt8](name.utf8.prefix(15))
        return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }

    private static func maskBytes(_ length: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { index in
            let bits = Swift.min(8, Swift.max(0, length - index * 8))
            return UInt8(truncatingIfNeeded: 0xff00 >> bits)
        }
    }
}
