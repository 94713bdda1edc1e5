public import IPsecTypes

/// gateway.yaml: everything a gateway needs to know besides its policy.
public struct GatewayConfiguration: Hashable, Sendable {
    /// The highest level of detail in the log.
    public enum LogLevel: String, Sendable, CaseIterable {
        /// Every packet's fate.
        case trace
        /// Every message, with addresses and identities.
        case debug
        /// What an operator wants to see.
        case info
        /// What an operator should look at.
        case warning
        /// What went wrong.
        case error
    }

    /// The name in logs and audit records.
    public var name = "gateway"
    /// The domain of SPIFFE names and of job identities (`<ulid>.jobs.<trust domain>`).
    public var trustDomain = "culvert.internal"
    /// Where it listens.
    public var listen = ListenSettings()
    /// Who it is.
    public var identity: GatewayIdentitySettings
    /// Tunnel interface, pools and forwarding.
    public var network = GatewayNetworkSettings()
    /// IKE SAs.
    public var ike = IKESettings()
    /// Child SAs.
    public var esp = ESPSettings()
    /// RADIUS servers.
    public var radius = RADIUSSettings()
    /// Authentication of peers by EAP.
    public var eap = EAPSettings()
    /// Bounds.
    public var limits = LimitSettings()
    /// Files.
    public var files: GatewayFileSettings
    /// The level of detail in the log.
    public var logLevel = LogLevel.info

    /// The defaults.
    public init(paths: StandardPaths = .system) {
        identity = GatewayIdentitySettings(paths)
        files = GatewayFileSettings(paths)
    }

    /// The pools: those configured, else 10.99.0.0/16 and a unique local /64 made from the trust domain and name.
    public var pools: [IPPrefix] {
        network.pools ?? [Self.prefix(.v4(0x0a63_0000), length: 16), Self.uniqueLocalPool(seed: poolSeed)]
    }

    /// The identity it shows: `identity.id`, else its name under the trust domain.
    public var identityName: String { identity.id ?? "\(name).\(trustDomain)" }

    /// A unique local /64 (RFC 4193) with a global identifier and subnet from 56 bits of `seed`; `culvert init` gives it
    /// random ones.
    public static func uniqueLocalPool(seed: UInt64) -> IPPrefix {
        prefix(.v6(0xfd << 56 | seed >> 8, 0), length: 64)
    }

    /// For the constant lengths 16 and 64 of this file only.
    private static func prefix(_ address: IPAddress, length: Int) -> IPPrefix {
        guard let prefix = IPPrefix(address, length: length) else { preconditionFailure("a length beyond its family") }
        return prefix
    }

    /// FNV-1a: the pool of a gateway that never ran `init` must only be unlikely to meet another and stay the same.
    private var poolSeed: UInt64 {
        "\(name).\(trustDomain)".utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// Where a gateway listens.
public struct ListenSettings: Hashable, Sendable {
    /// The addresses; unspecified ones stand for all of their family.
    public var addresses: [IPAddress] = [.unspecified(.v4), .unspecified(.v6)]
    /// Addresses that peers are told of besides the one they use; empty for the listed ones of `addresses`.
    public var announce: [IPAddress] = []
    /// The port of IKE.
    public var ikePort = 500
    /// The port of IKE and ESP in UDP.
    public var natPort = 4500
    /// Whether ESP is also sent and received as IP protocol 50, where no NAT is in the way.
    public var rawESP = true

    /// What MOBIKE peers are told (RFC 4555 section 3.4): `announce`, else each address that is listened on by name.
    public var announced: [IPAddress] {
        announce.isEmpty ? addresses.filter { $0 != .unspecified($0.family) } : announce
    }

    static var fields: [ConfigField<ListenSettings>] {
        [
            .setting(
                "addresses",
                \.addresses,
                .list(of: .address, count: 1...32),
                "Where to listen; 0.0.0.0 and :: stand for every address."
            ),
            .setting(
                "announce",
                \.announce,
                .list(of: .address, count: 0...8),
                "Addresses that MOBIKE peers may use besides the one they called; by default those listed in addresses."
            ),
            .setting("ike_port", \.ikePort, .integer(1...65_535, "a port"), "The UDP port of IKE."),
            .setting(
                "nat_port",
                \.natPort,
                .integer(1...65_535, "a port"),
                "The UDP port of IKE and ESP behind a NAT."
            ),
            .setting(
                "raw_esp",
                \.rawESP,
                .boolean,
                "Whether to carry ESP as IP protocol 50 where no NAT is in the way; else always in UDP."
            ),
        ]
    }
}

/// Who a gateway is.
public struct GatewayIdentitySettings: Hashable, Sendable {
    /// The identity it shows as IDr: a name or address of its certificate.
    public var id: String?
    /// Its certificate and the issuing CA's, in PEM.
    public var certificate: String
    /// Its private key, in PEM.
    public var key: String
    /// The roots it trusts, in PEM.
    public var authorities: String

    init(_ paths: StandardPaths) {
        certificate = "\(paths.configuration)/gateway.crt"
        key = "\(paths.configuration)/gateway.key"
        authorities = "\(paths.configuration)/ca.crt"
    }

    static func fields(_ directory: String) -> [ConfigField<GatewayIdentitySettings>] {
        let path = ConfigForm.path(relativeTo: directory)
        return [
            .optional(
                "id",
                \.id,
                .text("a DNS name or address of the certificate", length: 1...253),
                example: "vpn.example.com",
                "The identity it shows; by default name.trust_domain."
            ),
            .setting("certificate", \.certificate, path, "Its certificate, followed by the issuing CA's, in PEM."),
            .setting("key", \.key, path, "Its private key in PEM; mode 0600."),
            .setting("authorities", \.authorities, path, "The roots it trusts, in PEM."),
        ]
    }
}

/// A gateway's tunnel interface, pools and forwarding.
public struct GatewayNetworkSettings: Hashable, Sendable {
    /// The name of the TUN interface.
    public var tun = "culvert0"
    /// The inner MTU.
    public var mtu = 1380
    /// Where sessions get their addresses from; nil for the defaults.
    public var pools: [IPPrefix]?
    /// How long an address rests after a session.
    public var holdDown: Duration = .seconds(300)
    /// Resolvers that peers are told of.
    public var dns: [IPAddress] = []
    /// Whether traffic from the pools leaves under the gateway's own address.
    public var snat = true

    static var fields: [ConfigField<GatewayNetworkSettings>] {
        [
            .setting("tun", \.tun, .name("an interface name", length: 1...15), "The name of the TUN interface."),
            .setting(
                "mtu",
                \.mtu,
                .integer(1280...9000, "bytes"),
                "The inner MTU before any discovery."
            ),
            .optional(
                "pools",
                \.pools,
                .list(of: .prefix, count: 1...8),
                example: "[10.99.0.0/16, \"fd00:99::/64\"]",
                "Where sessions get addresses from; by default 10.99.0.0/16 and a unique local /64."
            ),
            .setting(
                "hold_down",
                \.holdDown,
                .duration(.zero ... .seconds(86_400)),
                "How long an address rests after its session."
            ),
            .setting("dns", \.dns, .list(of: .address, count: 0...8), "Resolvers that peers are told of."),
            .setting(
                "snat",
                \.snat,
                .boolean,
                "Whether traffic from the pools leaves under the gateway's own address; without it, hosts behind "
                    + "the gateway need a route to the pools."
            ),
        ]
    }
}

/// Bounds of a gateway.
public struct LimitSettings: Hashable, Sendable {
    /// Sessions at a time.
    public var sessions = 10_000
    /// Half-open IKE SAs at a time.
    public var halfOpen = 4096
    /// Children an IKE SA.
    public var children = 64
    /// Certificates in a chain.
    public var chain = 8
    /// Bytes that wait for one tunnel.
    public var queue: UInt64 = 1 << 20

    static var fields: [ConfigField<LimitSettings>] {
        [
            .setting("sessions", \.sessions, .integer(1...1_000_000), "Sessions at a time."),
            .setting("half_open", \.halfOpen, .integer(64...1_000_000), "Half-open IKE SAs at a time."),
            .setting("children", \.children, .integer(1...64), "Child SAs of one IKE SA."),
            .setting("chain", \.chain, .integer(1...8), "Certificates that a peer's chain may have."),
            .setting(
                "queue",
                \.queue,
                .size((64 << 10)...(64 << 20)),
                "Bytes that may wait for one tunnel."
            ),
        ]
    }
}

/// A gateway's files.
public struct GatewayFileSettings: Hashable, Sendable {
    /// The policy.
    public var policy: String
    /// The audit trail.
    public var audit: String
    /// The embedded CA's directory.
    public var ca: String
    /// Where it keeps what must survive a restart.
    public var state: String
    /// The control socket.
    public var control: String
    /// The embedded CA's records, which the gateway reads revocations from.
    public var caDatabase: String { AuthorityFiles(directory: ca).records }

    init(_ paths: StandardPaths) {
        policy = "\(paths.configuration)/policy.yaml"
        audit = "\(paths.state)/audit.jsonl"
        ca = "\(paths.state)/ca"
        state = paths.state
        control = "\(paths.run)/gateway.sock"
    }

    static func fields(_ directory: String) -> [ConfigField<GatewayFileSettings>] {
        let path = ConfigForm.path(relativeTo: directory)
        return [
            .setting("policy", \.policy, path, "Who may reach what."),
            .setting("audit", \.audit, path, "The audit trail, one JSON record a line."),
            .setting("ca", \.ca, path, "The directory of the embedded CA."),
            .setting("state", \.state, path, "The directory of what must survive a restart."),
            .setting("control", \.control, path, "The control socket."),
        ]
    }
}
