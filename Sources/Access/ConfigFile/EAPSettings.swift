import IPsecTypes

/// How a gateway authenticates peers by EAP.
public struct EAPSettings: Hashable, Sendable {
    /// Who talks EAP with the peer.
    public enum Server: String, Sendable, CaseIterable {
        /// The gateway itself, with the users' file.
        case local
        /// The RADIUS servers.
        case radius
    }

    /// What IDi must be.
    public enum Claimed: String, Sendable, CaseIterable {
        /// Anything: only what EAP proves counts.
        case ignored
        /// The same name as EAP proves.
        case same
    }

    /// Who talks EAP with the peer; nil for no EAP.
    public var server: Server?
    /// Methods in the order in which they are offered.
    public var methods = ["tls", "ttls", "mschapv2"]
    /// What users may do inside EAP-TTLS.
    public var inner = ["eap-mschapv2", "mschapv2", "pap", "eap-gtc"]
    /// The users' file.
    public var users: String?
    /// The roots that certificates of EAP-TLS must lead to; nil for the gateway's own.
    public var authorities: String?
    /// What IDi must be.
    public var claimed = Claimed.ignored
    /// Whether peers that ask for it get no certificate of the gateway's: EAP alone authenticates both ends.
    public var eapOnly = false

    /// No EAP.
    public init() {}

    /// The names of methods that a server may offer.
    static let methodNames = ["tls", "ttls", "mschapv2", "gtc"]
    static let innerNames = ["eap-mschapv2", "eap-gtc", "mschapv2", "pap"]

    static func fields(_ directory: String) -> [ConfigField<EAPSettings>] {
        let path = ConfigForm.path(relativeTo: directory)
        return [
            .optional(
                "server",
                \.server,
                .choice(Server.allCases.map { ($0.rawValue, $0) }),
                example: "local",
                "Who talks EAP with peers: the gateway itself (local) or RADIUS servers; by default EAP is off."
            ),
            .setting(
                "methods",
                \.methods,
                .list(of: .choice(methodNames.map { ($0, $0) }), count: 1...4),
                "Methods in the order in which they are offered."
            ),
            .setting(
                "inner",
                \.inner,
                .list(of: .choice(innerNames.map { ($0, $0) }), count: 1...4),
                "What users may do inside EAP-TTLS."
            ),
            .optional(
                "users",
                \.users,
                path,
                example: "/etc/culvert/users.yaml",
                "The users' file: names, passwords or their NT hashes, groups; mode 0600."
            ),
            .optional(
                "authorities",
                \.authorities,
                path,
                example: "/etc/culvert/users-ca.crt",
                "The roots that certificates of EAP-TLS must lead to; by default those of identity.authorities."
            ),
            .setting(
                "claimed_identity",
                \.claimed,
                .choice(Claimed.allCases.map { ($0.rawValue, $0) }),
                "What the peer must send as IDi: anything (only what EAP proves counts), or the same name."
            ),
            .setting(
                "eap_only",
                \.eapOnly,
                .boolean,
                "Whether peers that ask for it are spared the gateway's certificate (RFC 5998), with methods that "
                    + "authenticate both ends."
            ),
        ]
    }
}

/// How an agent's connection proves itself by EAP.
public struct AgentEAP: Hashable, Sendable {
    /// The methods that are allowed, best first.
    public var methods: [String]
    /// Who we are.
    public var identity: String
    /// What EAP-TLS and EAP-TTLS say before the tunnel stands; nil for the truth.
    public var anonymousIdentity: String?
    /// The password's file.
    public var passwordFile: String?
    /// Inside EAP-TTLS.
    public var inner: [String]
    /// Our certificate and key for EAP-TLS: paths of PEM files.
    public var certificate: String?
    /// The key of ``certificate``.
    public var key: String?
    /// The roots that the EAP server's certificate must lead to; nil for the connection's.
    public var authorities: String?
    /// Names of which the EAP server's certificate must carry one; empty for the gateway's.
    public var serverNames: [String]
    /// Whether the gateway may leave its own certificate out (RFC 5998).
    public var isAlone: Bool

    init?(_ map: ConfigMap, _ path: ConfigForm<String>) {
        let names = EAPSettings.methodNames.map { ($0, $0) }
        let inner = EAPSettings.innerNames.map { ($0, $0) }
        methods = map.value("methods", .list(of: .choice(names), count: 1...4)) ?? ["tls", "ttls", "mschapv2"]
        let identity = map.required("identity", .text("the name of a user", length: 1...253))
        anonymousIdentity = map.value("anonymous_identity", .text("a name", length: 1...253))
        passwordFile = map.value("password_file", path)
        self.inner = map.value("inner", .list(of: .choice(inner), count: 1...4)) ?? ["eap-mschapv2"]
        certificate = map.value("certificate", path)
        key = map.value("key", path)
        authorities = map.value("authorities", path)
        serverNames = map.value("server_names", .list(of: .hostname(), count: 1...8)) ?? []
        isAlone = map.value("eap_only", .boolean) ?? false
        map.finish()
        if (certificate == nil) != (key == nil) {
            map.diagnostics.report(.missingKey, at: map.place, "EAP-TLS needs certificate and key")
        }
        if certificate == nil, passwordFile == nil, map.node("certificate") == nil, map.node("password_file") == nil {
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "eap needs password_file, or certificate and key for EAP-TLS"
            )
        }
        guard let identity else { return nil }
        self.identity = identity
    }
}
