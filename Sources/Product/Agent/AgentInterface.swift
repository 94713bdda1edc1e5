import IPsecTypes
import Netlink
import Runtime

/// What tunnels change on the host: addresses and routes on the agent's interface.
protocol AgentInterface: AnyObject {
    /// The address this host would send from to reach `remote`, and nil when there is no route.
    func source(towards remote: IPAddress) -> IPAddress?
    /// Addresses that packets to a gateway may leave from, best first; those of our own interface are not among them.
    func localAddresses() -> [IPAddress]
    /// A network of this host that a route to `prefix` would take packets from.
    func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap?
    /// Adds an address as a host prefix.
    func add(_ address: IPAddress) throws(IOFailure)
    /// Removes an address.
    func remove(_ address: IPAddress)
    /// Leads a network into the tunnel.
    func addRoute(_ prefix: IPPrefix, from source: IPAddress?) throws(IOFailure)
    /// Takes a route back.
    func removeRoute(_ prefix: IPPrefix)
    /// Leads packets to a peer in transport mode into the tunnel, and our own past it.
    func protect(_ flow: ProtectedFlow) throws(IOFailure)
    /// Takes that back.
    func release(_ flow: ProtectedFlow)
    /// Takes everything back that would stay, at the end.
    func tearDown()
}

/// What a gateway may put on this host's interface (C09): a rogue one must not take over addresses or the whole traffic.
enum PushedSettings {
    /// Why an address cannot be ours; nil when it can.
    static func refusal(_ address: IPAddress) -> String? {
        let bytes = address.bytes
        switch address.family {
        case .v4:
            switch bytes[0] {
            case 0, 127: return "\(address) is not an address of a host"
            case 224...255: return "\(address) is a multicast or reserved address"
            default: return nil
            }
        case .v6:
            if bytes[0] == 0xff { return "\(address) is a multicast address" }
            if bytes.dropLast().allSatisfy({ $0 == 0 }) { return "\(address) is not an address of a host" }
            if bytes[0] == 0xfe, bytes[1] & 0xc0 == 0x80 { return "\(address) is a link-local address" }
            return nil
        }
    }

    /// Whether networks make up half of a family's addresses or more: that is all of a host's traffic, however it is cut.
    static func isEverything(_ prefixes: some Sequence<IPPrefix>) -> Bool {
        var share: [IPAddress.Family: Double] = [:]
        for prefix in prefixes {
            // Exact: 2 to the power of minus 128 is a normal number.
            share[prefix.address.family, default: 0] += Double(sign: .plus, exponent: -prefix.length, significand: 1)
        }
        return share.values.contains { $0 >= 0.5 }
    }

    /// The prefixes that lead to a granted range, packets to any address of the gateway itself left out. Never a default route: the
    /// host's own would be replaced and gone with the tunnel, so everything is led here by its two halves.
    static func routes(to range: IPRange, gateways: [IPAddress]) -> [IPPrefix] {
        gateways.reduce([range]) { ranges, gateway in ranges.flatMap { $0.excluding(gateway) } }.flatMap(\.prefixes)
            .flatMap { prefix -> [IPPrefix] in
                guard prefix.length == 0, let low = IPPrefix(prefix.range.first, length: 1),
                    let high = IPPrefix(prefix.range.last, length: 1)
                else { return [prefix] }
                return [low, high]
            }
    }
}
