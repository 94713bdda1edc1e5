import IPsecTypes

/// A policy routing rule: which packets look into which table.
///
/// Rules outlive their maker: journal each (``CleanupStep/rule(_:)``) before it is added.
public struct RoutingRule: Hashable, Sendable {
    /// What becomes of the packets that fit.
    public enum Action: Hashable, Sendable {
        /// They look into ``RoutingRule/table``.
        case lookUp
        /// They go on at the rule of this priority, a later one.
        case goTo(UInt32)
        /// They go on at the next rule.
        case nothing
    }

    /// The family of the packets.
    public var family: IPAddress.Family
    /// Where it stands among the rules; the lower is asked first.
    public var priority: UInt32
    /// The table to look into.
    public var table: UInt32
    /// Packets from here only.
    public var source: IPPrefix?
    /// Packets to there only.
    public var destination: IPPrefix?
    /// Packets that came in by this interface only.
    public var inputInterface: String?
    /// Packets with this firewall mark only.
    public var mark: UInt32?
    /// Packets of this protocol only (Linux 4.17).
    public var ipProtocol: UInt8?
    /// Packets from these ports only, 1...65534; with ``ipProtocol``.
    public var sourcePorts: PortRange?
    /// Packets to these ports only, 1...65534; with ``ipProtocol``.
    public var destinationPorts: PortRange?
    /// What becomes of them.
    public var action = Action.lookUp
    /// Take the packets for which the conditions do not hold.
    public var isInverted: Bool = false
    /// Ignore answers of the table whose prefix is this long or shorter: 0 ignores default routes.
    public var suppressedPrefixLength: UInt32?
    /// Who made it.
    public var originProtocol: UInt8 = Route.ownProtocol

    /// Makes a rule without conditions.
    public init(family: IPAddress.Family, priority: UInt32, table: UInt32) {
        self.family = family
        self.priority = priority
        self.table = table
    }
}

extension RouteNetlink {
    /// All rules of both families.
    public func rules() throws(IOFailure) -> [RoutingRule] {
        var all: [RoutingRule] = []
        for family in IPAddress.Family.allCases {
            let call = "list IP\(family) rules"
            let answers = try socket.dump(
                call,
                type: Message.getRule,
                body: [family.socketFamily] + [UInt8](repeating: 0, count: 11)
            )
            all += try answers.decoded(call, Message.newRule) { (body) throws(ParseError) in try RoutingRule(body) }
        }
        return all
    }

    /// Adds a rule; an equal one is an error.
    public func addRule(_ rule: RoutingRule) throws(IOFailure) {
        try socket.transact(
            "add rule \(rule.priority)",
            type: Message.newRule,
            flags: NetlinkCode.create | NetlinkCode.exclusive,
            body: Self.ruleBody(rule)
        )
    }

    /// Deletes a rule.
    public func deleteRule(_ rule: RoutingRule) throws(IOFailure) {
        try socket.transact("delete rule \(rule.priority)", type: Message.deleteRule, body: Self.ruleBody(rule))
    }

    /// struct fib_rule_hdr: family, destination length, source length, TOS, table, two reserved, action, flags.
    private static func ruleBody(_ rule: RoutingRule) -> [UInt8] {
        var writer = NetlinkWriter()
        writer.writeUInt8(rule.family.socketFamily)
        writer.writeUInt8(UInt8(clamping: rule.destination?.length ?? 0))
        writer.writeUInt8(UInt8(clamping: rule.source?.length ?? 0))
        writer.writeUInt8(0)
        let table = rule.action == .lookUp ? rule.table : 0
        writer.writeUInt8(UInt8(clamping: table <= 255 ? table : 252))
        writer.writeUInt16(0)
        // FR_ACT_TO_TBL, FR_ACT_GOTO, FR_ACT_NOP.
        switch rule.action {
        case .lookUp: writer.writeUInt8(1)
        case .goTo: writer.writeUInt8(2)
        case .nothing: writer.writeUInt8(3)
        }
        writer.writeUInt32(rule.isInverted ? 2 : 0)
        if let destination = rule.destination {
            writer.attribute(RuleAttribute.destination, destination.address.bytes)
        }
        if let source = rule.source { writer.attribute(RuleAttribute.source, source.address.bytes) }
        if let name = rule.inputInterface { writer.attribute(RuleAttribute.inputInterface, text: name) }
        writer.attribute(RuleAttribute.priority, number: rule.priority)
        if let mark = rule.mark {
            writer.attribute(RuleAttribute.mark, number: mark)
            writer.attribute(RuleAttribute.mask, number: .max)
        }
        if let length = rule.suppressedPrefixLength {
            writer.attribute(RuleAttribute.suppressedPrefixLength, number: length)
        }
        if case .goTo(let target) = rule.action { writer.attribute(RuleAttribute.target, number: target) }
        if let number = rule.ipProtocol { writer.attribute(RuleAttribute.ipProtocol, [number]) }
        if let ports = rule.sourcePorts { writer.attribute(RuleAttribute.sourcePorts, range(ports)) }
        if let ports = rule.destinationPorts { writer.attribute(RuleAttribute.destinationPorts, range(ports)) }
        if table != 0 { writer.attribute(RuleAttribute.table, number: table) }
        writer.attribute(RuleAttribute.originProtocol, [rule.originProtocol])
        return writer.bytes
    }

    /// struct fib_rule_port_range: two numbers in the machine's order.
    private static func range(_ ports: PortRange) -> [UInt8] {
        [ports.first, ports.last].flatMap { port in withUnsafeBytes(of: port) { Array($0) } }
    }

    enum RuleAttribute {
        static let target: UInt16 = 4
        static let ipProtocol: UInt16 = 22
        static let sourcePorts: UInt16 = 23
        static let destinationPorts: UInt16 = 24
        static let destination: UInt16 = 1
        static let source: UInt16 = 2
        static let inputInterface: UInt16 = 3
        static let priority: UInt16 = 6
        static let mark: UInt16 = 10
        static let suppressedPrefixLength: UInt16 = 14
        static let table: UInt16 = 15
        static let mask: UInt16 = 16
        static let originProtocol: UInt16 = 21
    }
}

extension RoutingRule {
    /// Reads RTM_NEWRULE; nil for a family that is not IP.
    init?(_ body: [UInt8]) throws(ParseError) {
        let bytes = body.span
        var reader = NetlinkReader(count: bytes.count)
        let rawFamily = try reader.readUInt8(bytes)
        let destinationLength = Int(try reader.readUInt8(bytes))
        let sourceLength = Int(try reader.readUInt8(bytes))
        try reader.skip(1)
        let shortTable = try reader.readUInt8(bytes)
        try reader.skip(2)
        let kind = try reader.readUInt8(bytes)
        let flags = try reader.readUInt32(bytes)
        guard let family = IPAddress.Family(socketFamily: rawFamily) else { return nil }
        typealias Attribute = RouteNetlink.RuleAttribute
        let attributes = try NetlinkAttributes(body, skipping: 12)
        self.init(
            family: family,
            priority: try attributes.number(Attribute.priority) ?? 0,
            table: try attributes.number(Attribute.table) ?? UInt32(shortTable)
        )
        source = try attributes.address(Attribute.source).flatMap { IPPrefix($0, length: sourceLength) }
        destination = try attributes.address(Attribute.destination).flatMap { IPPrefix($0, length: destinationLength) }
        inputInterface = attributes.text(Attribute.inputInterface)
        mark = try attributes.number(Attribute.mark)
        isInverted = flags & 2 != 0
        let suppressed = try attributes.number(Attribute.suppressedPrefixLength)
        suppressedPrefixLength = suppressed == .max ? nil : suppressed
        originProtocol = attributes.bytes(Attribute.originProtocol)?.first ?? 0
        if kind == 2 { action = .goTo(try attributes.number(Attribute.target) ?? 0) }
        if kind == 3 { action = .nothing }
        ipProtocol = attributes.bytes(Attribute.ipProtocol)?.first
        sourcePorts = Self.ports(attributes.bytes(Attribute.sourcePorts))
        destinationPorts = Self.ports(attributes.bytes(Attribute.destinationPorts))
    }

    private static func ports(_ bytes: [UInt8]?) -> PortRange? {
        guard let bytes, bytes.count == 4 else { return nil }
        return bytes.withUnsafeBytes {
            PortRange($0.loadUnaligned(as: UInt16.self), $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }
}
