import IPsecTypes

/// What `culvert gateway status` shows.
public struct GatewayStatus: Codable, Sendable, Hashable {
    /// The gateway's name.
    public var name: String
    /// The program's version.
    public var version: String
    /// Its process.
    public var processID: Int32
    /// Seconds since it started.
    public var uptimeSeconds: Double
    /// Where it listens, such as "udp 0.0.0.0:500".
    public var listening: [String]
    /// The tunnel interface.
    public var interface: String
    /// Which data plane runs, and why.
    public var dataplane: String
    /// What the data plane leaves to the kernel, or takes from it, in large pieces, and what its cipher runs on: "on", or why
    /// not, by name.
    public var offloads: [String: String]?
    /// Address pools, with leased and resting addresses.
    public var pools: [PoolStatus]
    /// Whether pool addresses leave under the gateway's own.
    public var sourceNAT: Bool
    /// The policy in force.
    public var policy: PolicyStatus
    /// IKE SAs that strangers began and have not authenticated.
    public var halfOpen: Int
    /// Tunnels, oldest first.
    public var tunnels: [TunnelStatus]
    /// The newest failures, newest first.
    public var failures: [FailureStatus]
    /// Counters since the start, by name.
    public var counters: [String: UInt64]
    /// Where clients are sent while the gateway is drained; nil when it serves them itself.
    public var drainingTo: String?

    /// Makes a status of all its parts.
    public init(
        name: String,
        version: String,
        processID: Int32,
        uptimeSeconds: Double,
        listening: [String],
        interface: String,
        dataplane: String,
        pools: [PoolStatus],
        sourceNAT: Bool,
        policy: PolicyStatus,
        halfOpen: Int,
        tunnels: [TunnelStatus],
        failures: [FailureStatus],
        counters: [String: UInt64],
        offloads: [String: String]? = nil
    ) {
        self.name = name
        self.version = version
        self.processID = processID
        self.uptimeSeconds = uptimeSeconds
        self.listening = listening
        self.interface = interface
        self.dataplane = dataplane
        self.pools = pools
        self.sourceNAT = sourceNAT
        self.policy = policy
        self.halfOpen = halfOpen
        self.tunnels = tunnels
        self.failures = failures
        self.counters = counters
        self.offloads = offloads
    }
}

/// One address pool.
public struct PoolStatus: Codable, Sendable, Hashable {
    /// The network.
    public var prefix: String
    /// Addresses in use.
    public var leased: Int

    /// Makes a status.
    public init(prefix: String, leased: Int) {
        self.prefix = prefix
        self.leased = leased
    }
}

/// The policy in force.
public struct PolicyStatus: Codable, Sendable, Hashable {
    /// Its file.
    public var file: String
    /// When it was loaded, seconds since 1970.
    public var loadedAt: Int64
    /// Its rules.
    public var rules: [RuleStatus]

    /// Makes a status.
    public init(file: String, loadedAt: Int64, rules: [RuleStatus]) {
        self.file = file
        self.loadedAt = loadedAt
        self.rules = rules
    }
}

/// One rule with its counters.
public struct RuleStatus: Codable, Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its line in the policy file.
    public var line: Int
    /// Packets it let pass.
    public var packets: UInt64
    /// Bytes it let pass.
    public var bytes: UInt64

    /// Makes a status.
    public init(name: String, line: Int, packets: UInt64, bytes: UInt64) {
        self.name = name
        self.line = line
        self.packets = packets
        self.bytes = bytes
    }
}
