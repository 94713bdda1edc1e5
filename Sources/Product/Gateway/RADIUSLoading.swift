import ConfigFile
import IPsecTypes
import RADIUS
import Runtime

extension GatewayConfiguration {
    /// RFC 2865 §3 wants a secret that is not less than 16 octets: each answer lets it be guessed offline.
    private static let shortestRADIUSSecret = 16

    /// What the RADIUS service is made of; nil without servers. Reads the secret files, which nobody else may read.
    public func radiusParts() throws(CulvertError) -> RADIUSService.Parts? {
        guard !radius.servers.isEmpty else { return nil }
        var access: [RADIUSServer] = []
        var accounting: [RADIUSServer] = []
        for server in radius.servers {
            let secret = try Self.radiusSecret(server.secretFile)
            access.append(
                RADIUSServer(
                    name: server.name,
                    endpoint: Endpoint(server.address, port: UInt16(clamping: server.port)),
                    secret: secret
                )
            )
            accounting.append(
                RADIUSServer(
                    name: server.name,
                    endpoint: Endpoint(server.address, port: UInt16(clamping: server.accountingPort)),
                    secret: secret
                )
            )
        }
        var clients: [DynamicClient] = []
        for client in radius.dynamicClients {
            clients.append(DynamicClient(address: client.address, secret: try Self.radiusSecret(client.secretFile)))
        }
        var settings = RADIUSClientSettings()
        settings.timeout = radius.timeout
        settings.budget = radius.budget
        return RADIUSService.Parts(
            access: access,
            accounting: radius.accounting ? accounting : [],
            settings: settings,
            localAddress: radius.nasAddress,
            nasIdentifier: radius.nasIdentifier ?? name,
            asksIdentity: radius.asksIdentity,
            dynamicClients: clients,
            dynamicPort: UInt16(clamping: radius.dynamicPort)
        )
    }

    private static func radiusSecret(_ path: String) throws(CulvertError) -> SecretBytes {
        var bytes = try readFile(path, isPrivate: true)
        defer { bytes.wipe() }
        while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
        guard bytes.count >= shortestRADIUSSecret else {
            throw CulvertError(
                .weakPSK,
                "\(path): a RADIUS secret needs at least \(shortestRADIUSSecret) octets, not \(bytes.count)",
                next: "make one: openssl rand -base64 24"
            )
        }
        return SecretBytes(bytes)
    }
}
