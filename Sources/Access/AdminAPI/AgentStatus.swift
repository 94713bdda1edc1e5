import IPsecTypes

/// What `culvert status` shows.
public struct AgentStatus: Codable, Sendable, Hashable {
    /// The agent's name.
    public var name: String
    /// The program's version.
    public var version: String
    /// Its process.
    public var processID: Int32
    /// Seconds since it started.
    public var uptimeSeconds: Double
    /// The tunnel interface.
    public var interface: String
    /// Which data plane runs, and why.
    public var dataplane: String
    /// What the data plane leaves to the kernel, or takes from it, in large pieces, and what its cipher runs on: "on", or why
    /// not, by name.
    public var offloads: [String: String]?
    /// Its tunnels, by name.
    public var tunnels: [AgentTunnelStatus]
    /// Counters since the start, by name.
    public var counters: [String: UInt64]

    /// Makes a status of all its parts.
    public init(
        name: String,
        version: String,
        processID: Int32,
        uptimeSeconds: Double,
        interface: String,
        dataplane: String,
        tunnels: [AgentTunnelStatus],
        counters: [String: UInt64],
        offloads: [String: String]? = nil
    ) {
        self.name = name
        self.version = version
        self.processID = processID
        self.uptimeSeconds = uptimeSeconds
        self.interface = interface
        self.dataplane = dataplane
        self.tunnels = tunnels
        self.counters = counters
        self.offloads = offloads
    }
}

/// One tunnel that an agent keeps.
public struct AgentTunnelStatus: Codable, Sendable, Hashable {
    /// Where a tunnel stands.
    public enum State: String, Codable, Sendable, Hashable {
        /// It is being negotiated.
        case connecting
        /// It carries traffic.
        case up
        /// It failed and will be tried again.
        case waiting
        /// It failed and will not be tried again by itself.
        case failed
        /// It was taken down.
        case down
    }

    /// Its name.
    public var name: String
    /// Where it stands.
    public var state: State
    /// The gateway as it was named.
    public var gateway: String
    /// The IKE SA, while there is one.
    public var tunnel: TunnelStatus?
    /// Networks whose routes lead into it.
    public var routes: [String]
    /// How long the last set-up took, in milliseconds.
    public var setupMilliseconds: Double?
    /// Why it last failed.
    public var lastError: CulvertError?
    /// Seconds until the next try.
    public var retrySeconds: Double?

    /// Makes a status of all its parts.
    public init(
        name: String,
        state: State,
        gateway: String,
        tunnel: TunnelStatus? = nil,
        routes: [String] = [],
        setupMilliseconds: Double? = nil,
        lastError: CulvertError? = nil,
        retrySeconds: Double? = nil
    ) {
        self.name = name
        self.state = state
        self.gateway = gateway
        self.tunnel = tunnel
        self.routes = routes
        self.setupMilliseconds = setupMilliseconds
        self.lastError = lastError
        self.retrySeconds = retrySeconds
    }
}
