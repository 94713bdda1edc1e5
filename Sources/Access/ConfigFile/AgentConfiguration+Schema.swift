public import IPsecTypes

extension AgentConfiguration {
    /// Reads agent.yaml. Relative paths are taken from the directory of `file`. Throws every problem it finds.
    public static func decode(
        _ bytes: [UInt8],
        file: String,
        paths: StandardPaths = .system
    ) throws(ConfigProblems) -> AgentConfiguration {
        let node = try ConfigDocument.parse(bytes, file: file)
        let diagnostics = ConfigDiagnostics()
        var result = AgentConfiguration(paths: paths)
        let schema = schema(directory: node.place.directory)
        if let map = ConfigMap(node, diagnostics, subject: schema.subject) {
            schema.apply(map, to: &result)
            for element in map.list("connections", subject: "connections") {
                guard let connection = AgentConnection(element, diagnostics) else { continue }
                if result.connections.contains(where: { $0.name == connection.name }) {
                    diagnostics.report(
                        .duplicateName,
                        at: element.place,
                        "two connections are named \"\(connection.name)\""
                    )
                }
                result.connections.append(connection)
            }
            map.finish()
            result.ike.check(map.map("ike", subject: "ike"), rawESP: result.network.rawESP)
            result.esp.check(map.map("esp", subject: "esp"))
        }
        try diagnostics.throwProblems()
        return result
    }

    /// agent.yaml with every key, its default, what it means and what may stand there.
    public static func defaultsText(_ configuration: AgentConfiguration = AgentConfiguration()) -> String {
        schema(directory: "").text(configuration) + AgentConnection.example
    }

    /// The keys as tables in Markdown, for docs/reference.
    public static var reference: String { schema(directory: "").reference(AgentConfiguration()) }

    static func schema(directory: String) -> ConfigSchema<AgentConfiguration> {
        ConfigSchema(
            subject: "the agent's configuration",
            introduction: "Culvert agent. Every key is optional; what stands here are the defaults.",
            sections: [
                ConfigSection(
                    nil,
                    "",
                    [
                        .setting("name", \.name, .name(), "The name in logs and audit records."),
                        .setting(
                            "log_level",
                            \.logLevel,
                            .choice(GatewayConfiguration.LogLevel.allCases.map { ($0.rawValue, $0) }),
                            "The level of detail in the log."
                        ),
                    ]
                ),
                ConfigSection(
                    "network",
                    "The tunnel interface.",
                    AgentNetworkSettings.fields.map { $0.lifted(\.network) }
                ),
                ConfigSection("ike", "IKE SAs.", IKESettings.commonFields.map { $0.lifted(\.ike) }),
                ConfigSection("esp", "Child SAs.", ESPSettings.commonFields.map { $0.lifted(\.esp) }),
                ConfigSection("files", "Files.", AgentFileSettings.fields(directory).map { $0.lifted(\.files) }),
            ]
        )
    }
}

extension AgentConnection {
    static let example = """

        # Tunnels to bring up at start.
        # connections:
        #   - name: office
        #     gateway: vpn.example.com       # DNS name or address
        #     profile: runner1.culvert       # or: certificate, key and authorities; or: psk_file
        #     gateway_id: vpn.example.com    # what the gateway must prove; by default gateway
        #     remote: [10.20.0.0/16]         # by default all that is granted
        #     redirects: [vpn2.example.com]  # where the gateway may send us, besides its own addresses
        #     mode: tunnel                   # or transport: what goes to the gateway itself, without remote

        """

    init?(_ node: ConfigNode, _ diagnostics: ConfigDiagnostics) {
        guard let map = ConfigMap(node, diagnostics, subject: "a connection") else { return nil }
        let path = ConfigForm.path(relativeTo: node.place.directory)
        let name = map.required("name", .name())
        let gateway = map.value("gateway", .gatewayName)
        let eap = map.map("eap", subject: "eap").flatMap { AgentEAP($0, path) }
        let credentials = Self.credentials(map, path, eap)
        guard let name, let credentials else {
            _ = [
                "port", "gateway_id", "id", "ca_sha256", "remote", "local", "virtual_address", "autostart", "ike",
                "esp", "mode", "allow_tunnel", "block_when_down", "ppk_id", "ppk_type", "ppk_file", "ppk_required",
                "redirects",
            ]
            .map(map.entry)
            map.finish()
            return nil
        }
        self.init(name: name, gateway: gateway, credentials: credentials)
        self.eap = eap
        port = map.value("port", .integer(1...65_535, "a port"))
        gatewayID = map.value("gateway_id", .text("an identity", length: 1...253))
        id = map.value("id", .text("an identity", length: 1...253))
        rootPins = map.value("ca_sha256", .list(of: .sha256, count: 1...8)) ?? []
        remote = map.value("remote", .list(of: .prefix)) ?? []
        local = map.value("local", .list(of: .prefix)) ?? []
        virtualAddress = map.value("virtual_address", .boolean) ?? true
        autostart = map.value("autostart", .boolean) ?? true
        readMode(map)
        ikeProposals = map.value("ike", .list(of: .ikeProposal, count: 1...16))
        espProposals = map.value("esp", .list(of: .espProposal, count: 1...16))
        ppk = PPKReference(map, directory: node.place.directory)
        redirects = map.value("redirects", .list(of: .gatewayName, count: 0...16)) ?? []
        map.finish()
        if gateway == nil, map.node("gateway") == nil {
            guard case .profile = credentials else {
                diagnostics.report(.missingKey, at: map.place, "a connection without a profile needs gateway")
                return nil
            }
        }
        if case .eap = credentials, id == nil { id = eap?.identity }
        if case .presharedKey = credentials, id == nil {
            diagnostics.report(.missingKey, at: map.place, "a connection with psk_file needs id: the identity to show")
        }
    }

    /// Transport mode is between two hosts, with the addresses that they have.
    private mutating func readMode(_ map: ConfigMap) {
        mode = map.value("mode", .choice([("tunnel", .tunnel), ("transport", .transport)])) ?? .tunnel
        allowsTunnel = map.value("allow_tunnel", .boolean) ?? false
        blocksWhenDown = map.value("block_when_down", .boolean) ?? true
        guard mode == .transport else {
            for key in ["allow_tunnel", "block_when_down"] where map.node(key) != nil {
                map.diagnostics.report(.invalidValue, at: map.place(of: key), "\(key) is for mode: transport")
            }
            return
        }
        for key in ["remote", "local"] where map.node(key) != nil {
            map.diagnostics.report(
                .invalidValue,
                at: map.place(of: key),
                "transport mode protects what goes between this host and the gateway: there is no \(key)"
            )
        }
        if map.node("virtual_address") != nil, virtualAddress {
            map.diagnostics.report(
                .invalidValue,
                at: map.place(of: "virtual_address"),
                "transport mode uses this host's own address"
            )
        }
        virtualAddress = false
    }

    private static func credentials(_ map: ConfigMap, _ path: ConfigForm<String>, _ eap: AgentEAP?) -> Credentials? {
        let profile = map.value("profile", path)
        let certificate = map.value("certificate", path)
        let key = map.value("key", path)
        let authorities = map.value("authorities", path)
        let secret = map.value("psk_file", path)
        let pair = ["certificate", "key", "authorities"].contains { map.node($0) != nil }
        let ways = [map.node("profile") != nil, pair, map.node("psk_file") != nil].count { $0 }
        // authorities alone say whom to believe, while EAP proves who we are.
        if map.node("eap") != nil, map.node("certificate") == nil, map.node("key") == nil,
            ways == 0 || (ways == 1 && map.node("authorities") != nil)
        {
            guard let eap else { return nil }
            if authorities == nil, !eap.isAlone {
                map.diagnostics.report(
                    .missingKey,
                    at: map.place,
                    "a connection with eap needs authorities, which the gateway's certificate leads to",
                    hint: "or eap_only: true in eap, for methods that authenticate the gateway too"
                )
            }
            return .eap(authorities: authorities)
        }
        guard ways == 1 else {
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "a connection needs exactly one of: profile; certificate, key and authorities; psk_file; eap"
            )
            return nil
        }
        if let profile { return .profile(path: profile) }
        if let secret { return .presharedKey(path: secret) }
        guard pair else { return nil }
        guard let certificate, let key, let authorities else {
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "certificate, key and authorities belong together; one is missing"
            )
            return nil
        }
        return .certificate(certificate: certificate, key: key, authorities: authorities)
    }
}
