public import IPsecTypes

/// A protocol with ports, as `ports:` names it: tcp/443, udp/8000-8100, icmp, any.
public struct PortSpecification: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IP protocol, 0 for any. 1 stands for ICMP of either family.
    public var ipProtocol: UInt8
    /// The ports.
    public var ports: PortRange

    private static let names: [(name: String, number: UInt8)] = [
        ("tcp", 6), ("udp", 17), ("sctp", 132), ("udplite", 136), ("dccp", 33),
    ]

    /// Makes one.
    public init(ipProtocol: UInt8, ports: PortRange = .any) {
        self.ipProtocol = ipProtocol
        self.ports = ports
    }

    /// Reads the text; nil when it has another form.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2 else { return nil }
        let name = String(first)
        switch name {
        case "any" where parts.count == 1: self.init(ipProtocol: 0)
        case "icmp" where parts.count == 1, "icmpv6" where parts.count == 1: self.init(ipProtocol: 1)
        case "esp" where parts.count == 1: self.init(ipProtocol: 50)
        case "gre" where parts.count == 1: self.init(ipProtocol: 47)
        case "proto":
            guard parts.count == 2, let number = UInt8(parts[1]), number > 0 else { return nil }
            self.init(ipProtocol: number == 58 ? 1 : number)
        default:
            guard let number = Self.names.first(where: { $0.name == name })?.number else { return nil }
            guard parts.count == 2 else {
                self.init(ipProtocol: number)
                return
            }
            guard let ports = Self.range(String(parts[1])) else { return nil }
            self.init(ipProtocol: number, ports: ports)
        }
    }

    private static func range(_ text: String) -> PortRange? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count), let low = ends.first, let high = ends.last,
            ends.allSatisfy({ (1...5).contains($0.utf8.count) && $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let first = UInt16(low), let last = UInt16(high), first <= last
        else { return nil }
        return PortRange(first, last)
    }

    /// The selector of these ports at some addresses.
    public func selector(_ addresses: IPRange) -> TrafficSelector {
        let number: UInt8 = ipProtocol == 1 && addresses.family == .v6 ? 58 : ipProtocol
        return TrafficSelector(ipProtocol: number, ports: ports, addresses: addresses)
    }

    /// The text form.
    public var description: String {
        switch ipProtocol {
        case 0: return "any"
        case 1: return "icmp"
        case 47: return "gre"
        case 50: return "esp"
        default: break
        }
        guard let name = Self.names.first(where: { $0.number == ipProtocol })?.name else {
            return "proto/\(ipProtocol)"
        }
        guard ports != .any else { return name }
        return ports.first == ports.last ? "\(name)/\(ports.first)" : "\(name)/\(ports.first)-\(ports.last)"
    }
}

extension ConfigForm where Value == PortSpecification {
    /// A protocol with ports.
    static var port: ConfigForm {
        ConfigForm(
            scalar: "a protocol with ports, such as tcp/443, udp/8000-8100, tcp, icmp or any",
            show: \.description,
            parse: { PortSpecification($0) }
        )
    }
}

/// Something that can be granted: addresses and the ports on them.
public struct PolicyResource: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Where it stands.
    public var place: SourcePlace
    /// Its networks.
    public var addresses: [IPPrefix]
    /// Its ports.
    public var ports: [PortSpecification]

    /// Makes a resource.
    public init(name: String, place: SourcePlace, addresses: [IPPrefix], ports: [PortSpecification]) {
        self.name = name
        self.place = place
        self.addresses = addresses
        self.ports = ports
    }

    init?(_ entry: ConfigNode.Entry, _ diagnostics: ConfigDiagnostics) {
        guard entry.key.isConfigName, entry.key.utf8.count <= 64 else {
            diagnostics.report(
                .invalidValue,
                at: entry.place,
                "a resource's name has letters, digits, '.', '_' and '-', at most 64; not "
                    + "\"\(entry.key.printable(limit: 60))\""
            )
            return nil
        }
        guard let map = ConfigMap(entry.value, diagnostics, subject: "the resource \(entry.key)") else { return nil }
        let addresses = map.required("address", .list(of: .prefix, count: 1...64))
        let ports = map.required("ports", .list(of: .port, count: 1...64))
        map.finish()
        guard let addresses, let ports else { return nil }
        self.init(name: entry.key, place: entry.place, addresses: addresses, ports: ports)
    }

    /// The selectors of every address with every port.
    public var selectors: [TrafficSelector] {
        addresses.flatMap { prefix in ports.map { $0.selector(prefix.range) } }
    }
}
