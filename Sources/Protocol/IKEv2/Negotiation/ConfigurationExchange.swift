import IKEMessage
import IPsecTypes

/// The configuration payload (RFC 7296 §2.19, §3.15): virtual addresses, DNS, subnets.
enum ConfigurationExchange {
    /// What the initiator asks for; nil when it wants nothing. `former` are addresses that it had and would like again.
    static func request(_ connection: ConnectionConfiguration, former: [IPAddress] = []) -> Payload? {
        let families = connection.requestedAddresses
        guard !families.isEmpty else { return nil }
        var attributes: [ConfigurationAttribute] = []
        // RFC 7296 §3.15.1: an address in the request is one that is asked for.
        if families.contains(.v4) { attributes.append(.internalIP4Address(former.first { $0.family == .v4 })) }
        if families.contains(.v6) {
            let wanted = former.first { $0.family == .v6 }
            attributes.append(.internalIP6Address(wanted.map { .init($0, prefixLength: 128) }))
        }
        if connection.requestsDNS {
            if families.contains(.v4) { attributes.append(.internalIP4DNS(nil)) }
            if families.contains(.v6) { attributes.append(.internalIP6DNS(nil)) }
            attributes.append(.internalDNSDomain(nil))
        }
        if families.contains(.v4) { attributes.append(.internalIP4Subnet(nil)) }
        if families.contains(.v6) { attributes.append(.internalIP6Subnet(nil)) }
        return .configuration(ConfigurationPayload(type: .request, attributes: attributes))
    }

    /// What the responder answers: of the grant, what was asked for.
    static func reply(_ grant: AuthorizationGrant, to request: [ConfigurationAttribute]) -> Payload? {
        let asked = Set(request.map(\.type))
        var attributes: [ConfigurationAttribute] = []
        for address in grant.addresses {
            switch address.family {
            case .v4 where asked.contains(.internalIP4Address): attributes.append(.internalIP4Address(address))
            case .v6 where asked.contains(.internalIP6Address):
                attributes.append(.internalIP6Address(.init(address, prefixLength: 128)))
            default: break
            }
        }
        for server in grant.dnsServers {
            switch server.family {
            case .v4 where asked.contains(.internalIP4DNS): attributes.append(.internalIP4DNS(server))
            case .v6 where asked.contains(.internalIP6DNS): attributes.append(.internalIP6DNS(server))
            default: break
            }
        }
        if asked.contains(.internalDNSDomain) {
            attributes += grant.dnsDomains.map { .internalDNSDomain($0) }
        }
        for subnet in grant.subnets {
            switch subnet.address.family {
            case .v4 where asked.contains(.internalIP4Subnet): attributes.append(.internalIP4Subnet(subnet))
            case .v6 where asked.contains(.internalIP6Subnet): attributes.append(.internalIP6Subnet(subnet))
            default: break
            }
        }
        return attributes.isEmpty
            ? nil : .configuration(ConfigurationPayload(type: .reply, attributes: attributes))
    }

    /// Whether the request asks for an address of any family.
    static func asksForAddress(_ request: [ConfigurationAttribute]) -> Bool {
        request.contains { $0.type == .internalIP4Address || $0.type == .internalIP6Address }
    }

    /// What the initiator takes from a reply: only what it asked for, each kind bounded.
    static func accept(_ reply: ConfigurationPayload?, _ connection: ConnectionConfiguration) -> ReceivedConfiguration {
        var result = ReceivedConfiguration()
        guard let reply, reply.type == .reply else { return result }
        for attribute in reply.attributes.prefix(limit) {
            switch attribute {
            case .internalIP4Address(let address?) where connection.requestedAddresses.contains(.v4):
                if !result.addresses.contains(where: { $0.family == .v4 }) { result.addresses.append(address) }
            case .internalIP6Address(let address?) where connection.requestedAddresses.contains(.v6):
                if !result.addresses.contains(where: { $0.family == .v6 }) { result.addresses.append(address.address) }
            case .internalIP4DNS(let server?) where connection.requestsDNS,
                .internalIP6DNS(let server?) where connection.requestsDNS:
                result.dnsServers.append(server)
            case .internalDNSDomain(let domain?) where connection.requestsDNS: result.dnsDomains.append(domain)
            case .internalIP4Subnet(let subnet?), .internalIP6Subnet(let subnet?): result.subnets.append(subnet)
            default: break
            }
        }
        return result
    }

    /// Attributes of a reply that are looked at.
    private static let limit = 128
}
