public import IPsecTypes

extension GatewayConfiguration {
    /// Reads gateway.yaml. Relative paths are taken from the directory of `file`. Throws every problem it finds.
    public static func decode(
        _ bytes: [UInt8],
        file: String,
        paths: StandardPaths = .system
    ) throws(ConfigProblems) -> GatewayConfiguration {
        try decode(ConfigDocument.parse(bytes, file: file), paths: paths)
    }

    /// Reads a parsed gateway.yaml.
    public static func decode(
        _ node: ConfigNode,
        paths: StandardPaths = .system
    ) throws(ConfigProblems) -> GatewayConfiguration {
        let diagnostics = ConfigDiagnostics()
        var result = GatewayConfiguration(paths: paths)
        let schema = schema(directory: node.place.directory)
        if let map = ConfigMap(node, diagnostics, subject: schema.subject) {
            schema.apply(map, to: &result)
            map.finish()
            result.check(map)
        }
        try diagnostics.throwProblems()
        return result
    }

    /// gateway.yaml with every key, its default, what it means and what may stand there.
    public static func defaultsText(_ configuration: GatewayConfiguration = GatewayConfiguration()) -> String {
        schema(directory: "").text(configuration)
    }

    /// The keys as tables in Markdown, for docs/reference.
    public static var reference: String { schema(directory: "").reference(GatewayConfiguration()) }

    static func schema(directory: String) -> ConfigSchema<GatewayConfiguration> {
        ConfigSchema(
            subject: "the gateway's configuration",
            introduction: "Culvert gateway. Every key is optional; what stands here are the defaults. "
                + "Check with: culvert gateway check -c gateway.yaml",
            sections: [
                ConfigSection(
                    nil,
                    "",
                    [
                        .setting("name", \.name, .name(), "The name in logs and audit records."),
                        .setting(
                            "trust_domain",
                            \.trustDomain,
                            .hostname(),
                            "The domain of job identities and SPIFFE names."
                        ),
                        .setting(
                            "log_level",
                            \.logLevel,
                            .choice(LogLevel.allCases.map { ($0.rawValue, $0) }),
                            "The level of detail in the log."
                        ),
                    ]
                ),
                ConfigSection(
                    "listen",
                    "Where the gateway listens.",
                    ListenSettings.fields.map { $0.lifted(\.listen) }
                ),
                ConfigSection(
                    "identity",
                    "Who the gateway is.",
                    GatewayIdentitySettings.fields(directory).map { $0.lifted(\.identity) }
                ),
                ConfigSection(
                    "network",
                    "Tunnel interface, address pools, forwarding.",
                    GatewayNetworkSettings.fields.map { $0.lifted(\.network) }
                ),
                ConfigSection(
                    "ike",
                    "IKE SAs.",
                    (IKESettings.commonFields + IKESettings.gatewayFields).map { $0.lifted(\.ike) }
                ),
                ConfigSection(
                    "esp",
                    "Child SAs.",
                    (ESPSettings.commonFields + ESPSettings.gatewayFields).map { $0.lifted(\.esp) }
                ),
                ConfigSection(
                    "radius",
                    "RADIUS servers that authenticate peers by EAP.",
                    RADIUSSettings.fields(directory).map { $0.lifted(\.radius) }
                ),
                ConfigSection(
                    "eap",
                    "Authentication of peers by EAP; whom the policy's eap_group and eap_user name.",
                    EAPSettings.fields(directory).map { $0.lifted(\.eap) }
                ),
                ConfigSection("limits", "Bounds.", LimitSettings.fields.map { $0.lifted(\.limits) }),
                ConfigSection("files", "Files.", GatewayFileSettings.fields(directory).map { $0.lifted(\.files) }),
            ]
        )
    }

    private func check(_ map: ConfigMap) {
        ike.check(map.map("ike", subject: "ike"), rawESP: listen.rawESP)
        esp.check(map.map("esp", subject: "esp"))
        if eap.server == .local, eap.users == nil, let inner = map.map("eap", subject: "eap") {
            map.diagnostics.report(
                .missingKey,
                at: inner.place,
                "eap needs users: the file that names them",
                hint: "a file with \"version: 1\" and \"users:\", mode 0600"
            )
        }
        checkRADIUS(map)
        if listen.ikePort == listen.natPort, let inner = map.map("listen", subject: "listen") {
            map.diagnostics.report(
                .invalidValue,
                at: inner.place(of: "nat_port"),
                "ike_port and nat_port must differ",
                hint: "the two ports carry different framings (RFC 3948)"
            )
        }
        guard let inner = map.map("network", subject: "network"), let node = inner.node("pools") else { return }
        let places = node.elements ?? [node]
        for (index, pool) in (network.pools ?? []).enumerated() {
            let place = index < places.count ? places[index].place : node.place
            checkPool(pool, index, place, map.diagnostics)
        }
    }

    private func checkRADIUS(_ map: ConfigMap) {
        if eap.server == .radius, radius.servers.isEmpty, let inner = map.map("eap", subject: "eap") {
            map.diagnostics.report(
                .missingKey,
                at: inner.place(of: "server"),
                "eap.server is radius, and radius.servers names none",
                hint: "radius: {servers: [{name: r1, address: 192.0.2.2, secret_file: radius.secret}]}"
            )
        }
        guard let inner = map.map("radius", subject: "radius") else { return }
        // Whoever cannot be judged must still be told (E11).
        if radius.budget >= ike.halfOpenLife {
            map.diagnostics.report(
                .outOfRange,
                at: inner.place(of: "budget"),
                "radius.budget must be shorter than ike.half_open_life"
            )
        }
        var seen: Set<String> = []
        for server in radius.servers where !seen.insert(server.name).inserted {
            map.diagnostics.report(
                .duplicateName,
                at: inner.place(of: "servers"),
                "two RADIUS servers are named \(server.name)"
            )
        }
    }

    private func checkPool(_ pool: IPPrefix, _ index: Int, _ place: SourcePlace, _ diagnostics: ConfigDiagnostics) {
        let allowed = pool.address.family == .v4 ? 8...30 : 48...124
        if !allowed.contains(pool.length) {
            diagnostics.report(
                .outOfRange,
                at: place,
                "a pool must be from /\(allowed.lowerBound) to /\(allowed.upperBound), not \(pool)"
            )
        }
        let special = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "fe80::/10", "ff00::/8", "::/8"]
        for text in special where IPPrefix(text)?.range.intersection(pool.range) != nil {
            diagnostics.report(.poolConflict, at: place, "\(pool) lies in \(text), which cannot be handed out")
        }
        for other in (network.pools ?? []).prefix(index) where other.range.intersection(pool.range) != nil {
            diagnostics.report(.poolConflict, at: place, "the pools \(other) and \(pool) overlap")
        }
    }
}
