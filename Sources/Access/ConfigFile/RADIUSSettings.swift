public import IPsecTypes

/// RADIUS servers that authenticate peers by EAP, and what they are told.
public struct RADIUSSettings: Hashable, Sendable {
    /// A server.
    public struct Server: Hashable, Sendable {
        /// Its name in logs and status.
        public var name: String
        /// Its address.
        public var address: IPAddress
        /// Its authentication port.
        public var port: Int
        /// Its accounting port.
        public var accountingPort: Int
        /// The file of the shared secret.
        public var secretFile: String
    }

    /// Who may send Disconnect-Requests and CoA-Requests.
    public struct Client: Hashable, Sendable {
        /// Its address.
        public var address: IPAddress
        /// The file of the shared secret.
        public var secretFile: String
    }

    /// The servers, in the order of preference.
    public var servers: [Server] = []
    /// How long the first answer may take before a request is sent again.
    public var timeout: Duration = .seconds(1)
    /// How long a request may take, all servers and repetitions together.
    public var budget: Duration = .seconds(20)
    /// The name that servers know the gateway by; nil for the gateway's name.
    public var nasIdentifier: String?
    /// The address that servers know the gateway by, and that requests leave from.
    public var nasAddress: IPAddress?
    /// Whether the peer is always asked for its EAP identity, not only when IDi cannot be one.
    public var asksIdentity = false
    /// Whether sessions are told to the servers' accounting ports.
    public var accounting = true
    /// How often a running session is told; a server's Acct-Interim-Interval goes before.
    public var interim: Duration = .seconds(600)
    /// Who may end and change sessions.
    public var dynamicClients: [Client] = []
    /// The port that listens for them.
    public var dynamicPort = 3799

    static func fields(_ directory: String) -> [ConfigField<RADIUSSettings>] {
        [
            .setting(
                "servers",
                \.servers,
                .radiusServers(directory),
                "RADIUS servers in the order of preference; each needs a secret of its own of at least 16 octets."
            ),
            .setting(
                "timeout",
                \.timeout,
                .duration(.milliseconds(100) ... .seconds(10)),
                "How long the first answer may take before a request is sent again."
            ),
            .setting(
                "budget",
                \.budget,
                .duration(.seconds(2) ... .seconds(29)),
                "How long a request may take, all servers and repetitions together; keep it below half_open_life."
            ),
            .optional(
                "nas_identifier",
                \.nasIdentifier,
                .name("a name", length: 3...64),
                example: "gw-fra1",
                "The name that servers know the gateway by (NAS-Identifier); by default its name."
            ),
            .optional(
                "nas_address",
                \.nasAddress,
                .address,
                example: "192.0.2.1",
                "The address that servers know the gateway by (NAS-IP-Address), and that requests leave from."
            ),
            .setting(
                "ask_identity",
                \.asksIdentity,
                .boolean,
                "Whether the peer is always asked for its EAP identity, not only when IDi cannot be a user's name."
            ),
            .setting(
                "accounting",
                \.accounting,
                .boolean,
                "Whether sessions are told to the servers' accounting ports."
            ),
            .setting(
                "interim",
                \.interim,
                .duration(.seconds(60) ... .seconds(86_400)),
                "How often a running session is told; a server's Acct-Interim-Interval goes before."
            ),
            .setting(
                "dynamic_authorization",
                \.dynamicClients,
                .radiusClients(directory),
                "Who may end and change sessions by Disconnect-Request and CoA-Request; nobody when empty."
            ),
            .setting(
                "dynamic_authorization_port",
                \.dynamicPort,
                .integer(1...65_535, "a port"),
                "The UDP port that listens for them."
            ),
        ]
    }
}

extension ConfigForm where Value == [RADIUSSettings.Server] {
    fileprivate static func radiusServers(_ directory: String) -> ConfigForm {
        list(of: .radiusServer(directory), count: 0...8)
    }
}

extension ConfigForm where Value == [RADIUSSettings.Client] {
    fileprivate static func radiusClients(_ directory: String) -> ConfigForm {
        list(of: .radiusClient(directory), count: 0...32)
    }
}

extension ConfigForm where Value == RADIUSSettings.Server {
    fileprivate static func radiusServer(_ directory: String) -> ConfigForm {
        let path = ConfigForm<String>.path(relativeTo: directory)
        let port = ConfigForm<Int>.integer(1...65_535, "a port")
        return ConfigForm(
            expected: "maps with name, address, secret_file and, where they are not 1812 and 1813, port and "
                + "accounting_port",
            read: { node, diagnostics in
                guard let map = ConfigMap(node, diagnostics, subject: "a RADIUS server") else { return nil }
                let name = map.required("name", .name())
                let address = map.required("address", .address)
                let secret = map.required("secret_file", path)
                let authentication = map.value("port", port) ?? 1812
                let accounting = map.value("accounting_port", port) ?? 1813
                map.finish()
                guard let name, let address, let secret else { return nil }
                return RADIUSSettings.Server(
                    name: name,
                    address: address,
                    port: authentication,
                    accountingPort: accounting,
                    secretFile: secret
                )
            },
            show: { server in
                "{name: \(server.name.yamlQuoted), address: \"\(server.address)\", port: \(server.port), "
                    + "accounting_port: \(server.accountingPort), secret_file: \(server.secretFile.yamlQuoted)}"
            }
        )
    }
}

extension ConfigForm where Value == RADIUSSettings.Client {
    fileprivate static func radiusClient(_ directory: String) -> ConfigForm {
        let path = ConfigForm<String>.path(relativeTo: directory)
        return ConfigForm(
            expected: "maps with address and secret_file",
            read: { node, diagnostics in
                guard let map = ConfigMap(node, diagnostics, subject: "a client of dynamic authorization") else {
                    return nil
                }
                let address = map.required("address", .address)
                let secret = map.required("secret_file", path)
                map.finish()
                guard let address, let secret else { return nil }
                return RADIUSSettings.Client(address: address, secretFile: secret)
            },
            show: { client in
                "{address: \"\(client.address)\", secret_file: \(client.secretFile.yamlQuoted)}"
            }
        )
    }
}
