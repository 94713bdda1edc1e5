import Glibc
import IPsecTypes

/// How to take back one change of this machine's network settings.
public enum CleanupStep: Hashable, Sendable {
    /// Write `previous` to a file below /proc/sys/net, provided it still says `ours`.
    case sysctl(path: String, previous: String, ours: String)
    /// Delete an nftables table of the inet family.
    case nftables(table: String)
    /// Delete a routing rule.
    case rule(RoutingRule)
    /// Delete a route.
    case route(Route)
    /// Delete an interface.
    case link(name: String)

    /// Takes the change back. What is gone already counts as taken back.
    public func undo() throws(IOFailure) {
        switch self {
        case .sysctl(let path, let previous, let ours):
            try Self.undoSysctl(path, previous, ours)
        case .nftables(let table):
            try Self.ignoring([ENOENT]) { () throws(IOFailure) in try NftablesTable.delete(named: table) }
        case .rule(let rule):
            try Self.ignoring([ENOENT]) { () throws(IOFailure) in try RouteNetlink().deleteRule(rule) }
        case .route(let route):
            try Self.ignoring([ESRCH, ENODEV]) { () throws(IOFailure) in try RouteNetlink().deleteRoute(route) }
        case .link(let name):
            let netlink = try RouteNetlink()
            guard let link = try netlink.link(named: name) else { return }
            try Self.ignoring([ENODEV]) { () throws(IOFailure) in try netlink.deleteLink(link.index) }
        }
    }

    private static func undoSysctl(_ path: String, _ previous: String, _ ours: String) throws(IOFailure) {
        do throws(IOFailure) {
            let current = try SystemFile.read(path)
            // Somebody else has changed it since: theirs stays.
            guard current.trimmed == ours else { return }
        } catch {
            // The interface is gone, and its settings with it.
            if error.code == ENOENT || error.code == ENODEV { return }
            throw error
        }
        try SystemFile.write(previous, to: path)
    }

    private static func ignoring(_ codes: [CInt], _ body: () throws(IOFailure) -> Void) throws(IOFailure) {
        do throws(IOFailure) {
            try body()
        } catch {
            if !codes.contains(error.code) { throw error }
        }
    }
}

/// The text form in the journal: fields separated by tabs, none of which may hold a tab or a line end.
extension CleanupStep {
    var fields: [String] {
        switch self {
        case .sysctl(let path, let previous, let ours): ["sysctl", path, previous, ours]
        case .nftables(let table): ["nftables", table]
        case .link(let name): ["link", name]
        case .rule(let rule):
            [
                "rule", "\(rule.family.rawValue)", "\(rule.priority)", "\(rule.table)",
                rule.source?.description ?? "-", rule.destination?.description ?? "-", rule.inputInterface ?? "-",
                rule.mark.map { "\($0)" } ?? "-", rule.isInverted ? "1" : "0",
                rule.suppressedPrefixLength.map { "\($0)" } ?? "-", rule.ipProtocol.map { "\($0)" } ?? "-",
                rule.sourcePorts?.journal ?? "-", rule.destinationPorts?.journal ?? "-", rule.action.journal,
            ]
        case .route(let route):
            [
                "route", route.destination.description, route.interfaceIndex.map { "\($0)" } ?? "-",
                route.gateway?.description ?? "-", "\(route.table)", "\(route.metric)", "\(route.kind.rawValue)",
            ]
        }
    }

    /// Reads the text form; nil for what this version did not write.
    init?(fields: [String]) {
        guard let kind = fields.first else { return nil }
        switch (kind, fields.count) {
        case ("sysctl", 4):
            // Only what we change may be changed back, whoever wrote the journal.
            guard fields[1].hasPrefix("/proc/sys/net/"), !fields[1].contains("/../") else { return nil }
            self = .sysctl(path: fields[1], previous: fields[2], ours: fields[3])
        case ("nftables", 2): self = .nftables(table: fields[1])
        case ("link", 2): self = .link(name: fields[1])
        // Ten fields are what earlier versions wrote.
        case ("rule", 10), ("rule", 14):
            guard let rule = RoutingRule(journal: fields) else { return nil }
            self = .rule(rule)
        case ("route", 7):
            guard let route = Route(journal: fields) else { return nil }
            self = .route(route)
        default: return nil
        }
    }
}

extension RoutingRule {
    fileprivate init?(journal fields: [String]) {
        guard let family = UInt8(fields[1]).flatMap(IPAddress.Family.init(rawValue:)),
            let priority = UInt32(fields[2]), let table = UInt32(fields[3])
        else { return nil }
        self.init(family: family, priority: priority, table: table)
        if fields[4] != "-" { source = IPPrefix(fields[4]) }
        if fields[5] != "-" { destination = IPPrefix(fields[5]) }
        if fields[6] != "-" { inputInterface = fields[6] }
        mark = UInt32(fields[7])
        isInverted = fields[8] == "1"
        suppressedPrefixLength = UInt32(fields[9])
        guard fields.count == 14 else { return }
        ipProtocol = UInt8(fields[10])
        sourcePorts = PortRange(journal: fields[11])
        destinationPorts = PortRange(journal: fields[12])
        guard let action = Action(journal: fields[13]) else { return nil }
        self.action = action
    }
}

extension RoutingRule.Action {
    fileprivate var journal: String {
        switch self {
        case .lookUp: "lookup"
        case .goTo(let target): "\(target)"
        case .nothing: "nothing"
        }
    }

    fileprivate init?(journal text: String) {
        switch text {
        case "lookup": self = .lookUp
        case "nothing": self = .nothing
        default:
            guard let target = UInt32(text) else { return nil }
            self = .goTo(target)
        }
    }
}

extension PortRange {
    fileprivate var journal: String { "\(first)-\(last)" }

    fileprivate init?(journal text: String) {
        let ends = text.split(separator: "-", maxSplits: 1).compactMap { UInt16($0) }
        guard ends.count == 2 else { return nil }
        self.init(ends[0], ends[1])
    }
}

extension Route {
    fileprivate init?(journal fields: [String]) {
        guard let destination = IPPrefix(fields[1]), let table = UInt32(fields[4]), let metric = UInt32(fields[5]),
            let kind = UInt8(fields[6]).flatMap(Kind.init(rawValue:))
        else { return nil }
        self.init(
            to: destination,
            interfaceIndex: Int32(fields[2]),
            gateway: IPAddress(fields[3]),
            table: table,
            metric: metric,
            kind: kind
        )
    }
}

extension String {
    /// Without blanks and line ends around it.
    var trimmed: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "\r\n" }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
