public import IPsecTypes

/// agent.yaml: what `culvert agent run` needs to know.
public struct AgentConfiguration: Hashable, Sendable {
    /// The name in logs and audit records.
    public var name = "agent"
    /// The level of detail in the log.
    public var logLevel = GatewayConfiguration.LogLevel.info
    /// The tunnel interface.
    public var network = AgentNetworkSettings()
    /// IKE SAs.
    public var ike = IKESettings()
    /// Child SAs.
    public var esp = ESPSettings()
    /// Files.
    public var files: AgentFileSettings
    /// Tunnels that are brought up at start.
    public var connections: [AgentConnection] = []

    /// The defaults.
    public init(paths: StandardPaths = .system) {
        files = AgentFileSettings(paths)
    }
}

/// An agent's tunnel interface.
public struct AgentNetworkSettings: Hashable, Sendable {
    /// The name of the TUN interface.
    public var tun = "culvert-agent0"
    /// The inner MTU.
    public var mtu = 1380
    /// Whether routes to what was granted lead into the tunnel.
    public var routes = true
    /// The local UDP port of IKE; 0 for any.
    public var ikePort = 0
    /// The local UDP port of IKE and ESP behind a NAT; 0 for any.
    public var natPort = 0
    /// Whether ESP may travel as IP protocol 50.
    public var rawESP = false

    static var fields: [ConfigField<AgentNetworkSettings>] {
        [
            .setting("tun", \.tun, .name("an interface name", length: 1...15), "The name of the TUN interface."),
            .setting("mtu", \.mtu, .integer(1280...9000, "bytes"), "The inner MTU before any discovery."),
            .setting(
                "routes",
                \.routes,
                .boolean,
                "Whether routes to what was granted are led into the tunnel."
            ),
            .setting("ike_port", \.ikePort, .integer(0...65_535, "a port"), "The local UDP port of IKE; 0 for any."),
            .setting(
                "nat_port",
                \.natPort,
                .integer(0...65_535, "a port"),
                "The local UDP port of IKE and ESP behind a NAT; 0 for any."
            ),
            .setting(
                "raw_esp",
                \.rawESP,
                .boolean,
                "Whether ESP may travel as IP protocol 50 where no NAT is in the way; else always in UDP."
            ),
        ]
    }
}

/// An agent's files.
public struct AgentFileSettings: Hashable, Sendable {
    /// The control socket.
    public var control: String
    /// The directory of what must survive a restart.
    public var state: String
    /// The audit trail; nil for none.
    public var audit: String?

    init(_ paths: StandardPaths) {
        control = "\(paths.run)/agent.sock"
        state = "\(paths.state)/agent"
    }

    static func fields(_ directory: String) -> [ConfigField<AgentFileSettings>] {
        let path = ConfigForm.path(relativeTo: directory)
        return [
            .setting("control", \.control, path, "The control socket."),
            .setting("state", \.state, path, "The directory of what must survive a restart."),
            .optional(
                "audit",
                \.audit,
                path,
                example: "/var/lib/culvert/agent-audit.jsonl",
                "The agent's own audit trail; by default the gateway's is the only one."
            ),
        ]
    }
}

/// One tunnel of an agent, from `connections:` or a profile.
public struct AgentConnection: Hashable, Sendable {
    /// How the agent proves who it is.
    public enum Credentials: Hashable, Sendable {
        /// A profile file that holds everything.
        case profile(path: String)
        /// Certificate with its chain, private key, and roots to trust: paths of PEM files.
        case certificate(certificate: String, key: String, authorities: String)
        /// A pre-shared key in a file of mode 0600.
        case presharedKey(path: String)
        /// EAP, while the gateway proves itself by a certificate that leads to these roots; nil where EAP alone does both.
        case eap(authorities: String?)
    }

    /// Its name in `status`.
    public var name: String
    /// The gateway's DNS name or address; nil when the profile names it.
    public var gateway: String?
    /// The gateway's port when it is not 500.
    public var port: Int?
    /// The identity the gateway must prove; nil for `gateway`.
    public var gatewayID: String?
    /// The identity we show; nil for the certificate's.
    public var id: String?
    /// How we prove it.
    public var credentials: Credentials
    /// SHA-256 of a root's public key, in hexadecimal; empty when the roots' file decides.
    public var rootPins: [String] = []
    /// Networks to ask for; empty for everything that is granted.
    public var remote: [IPPrefix] = []
    /// Networks of ours to offer; empty for the virtual address.
    public var local: [IPPrefix] = []
    /// Whether to ask for a virtual address.
    public var virtualAddress = true
    /// Whether traffic with the gateway itself is protected (transport), rather than with what is behind it (tunnel).
    public var mode = ChildSAParameters.Mode.tunnel
    /// With transport: whether a tunnel will do where the gateway declines transport mode.
    public var allowsTunnel = false
    /// With transport: whether traffic with the gateway is refused, rather than sent in clear, while there is no SA.
    public var blocksWhenDown = true
    /// Whether the agent brings it up at start and again whenever it goes down.
    public var autostart = true
    /// EAP: alone, or in a round of its own after ``credentials`` (RFC 4739).
    public var eap: AgentEAP?
    /// IKE proposals instead of the agent's.
    public var ikeProposals: [IKEProposalSpecification]?
    /// ESP proposals instead of the agent's.
    public var espProposals: [ESPProposalSpecification]?
    /// A post-quantum pre-shared key; nil for none.
    public var ppk: PPKReference?
    /// Gateways that ours may redirect to, besides its own name and addresses (RFC 5685).
    public var redirects: [String] = []

    /// Makes a connection.
    public init(name: String, gateway: String?, credentials: Credentials) {
        self.name = name
        self.gateway = gateway
        self.credentials = credentials
    }
}
