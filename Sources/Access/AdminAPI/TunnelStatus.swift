import IPsecTypes

/// One IKE SA with its Child SAs, as both daemons show it.
public struct TunnelStatus: Codable, Sendable, Hashable {
    /// The daemon's name for it: "ike-7". It stays through rekeyings.
    public var id: String
    /// The connection it was made by.
    public var connection: String
    /// "connecting", "established" or "closing".
    public var phase: String
    /// Our identity.
    public var localIdentity: String
    /// The peer's identity; authenticated once the phase is "established".
    public var remoteIdentity: String
    /// Our address and port.
    public var local: String
    /// The peer's address and port as we see it.
    public var remote: String
    /// "udp500" or "udp4500".
    public var transport: String
    /// Whether a NAT is on our side or the peer's.
    public var nat: Bool
    /// The IKE algorithms.
    public var suite: String
    /// The initiator's SPI, hexadecimal.
    public var initiatorSPI: String
    /// The responder's SPI, hexadecimal.
    public var responderSPI: String
    /// The session, on a gateway.
    public var session: String
    /// Virtual addresses.
    public var addresses: [String]
    /// DNS servers handed out with them.
    public var dnsServers: [String]
    /// Networks behind the gateway that were announced.
    public var subnets: [String]
    /// Seconds since it was established; nil before.
    public var establishedSeconds: Double?
    /// Seconds until its keys are replaced.
    public var rekeySeconds: Double?
    /// When it ends at the latest, seconds since 1970.
    public var notAfter: Int64?
    /// Seconds since the peer last proved to be alive.
    public var idleSeconds: Double?
    /// How often the IKE SA was rekeyed.
    public var rekeyings: Int
    /// What verification found, such as the certificate's subject and serial.
    public var peer: [String: String]
    /// Its Child SAs.
    public var children: [ChildStatus]
    /// Whether and where it can move; nil where nobody said.
    public var mobility: MobilityStatus?
    /// How it comes back after a loss; nil when the daemon does not tell.
    public var returning: ReturnStatus?

    /// Makes a status of all its parts.
    public init(
        id: String,
        connection: String,
        phase: String,
        localIdentity: String,
        remoteIdentity: String,
        local: String,
        remote: String,
        transport: String,
        nat: Bool,
        suite: String,
        initiatorSPI: String,
        responderSPI: String,
        session: String,
        addresses: [String],
        dnsServers: [String],
        subnets: [String],
        establishedSeconds: Double?,
        rekeySeconds: Double?,
        notAfter: Int64?,
        idleSeconds: Double?,
        rekeyings: Int,
        peer: [String: String],
        children: [ChildStatus]
    ) {
        self.id = id
        self.connection = connection
        self.phase = phase
        self.localIdentity = localIdentity
        self.remoteIdentity = remoteIdentity
        self.local = local
        self.remote = remote
        self.transport = transport
        self.nat = nat
        self.suite = suite
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.session = session
        self.addresses = addresses
        self.dnsServers = dnsServers
        self.subnets = subnets
        self.establishedSeconds = establishedSeconds
        self.rekeySeconds = rekeySeconds
        self.notAfter = notAfter
        self.idleSeconds = idleSeconds
        self.rekeyings = rekeyings
        self.peer = peer
        self.children = children
    }
}

/// One Child SA.
public struct ChildStatus: Codable, Sendable, Hashable {
    /// Its name in the configuration, or its grant's.
    public var name: String
    /// "installed", "rekeying", "rekeyed" or "closing".
    public var phase: String
    /// Our SPI, hexadecimal.
    public var inboundSPI: String
    /// The peer's SPI, hexadecimal.
    public var outboundSPI: String
    /// The ESP algorithms.
    public var suite: String
    /// Whether ESP goes in UDP.
    public var udpEncapsulation: Bool
    /// Our side as granted.
    public var localSelectors: [String]
    /// The peer's side as granted.
    public var remoteSelectors: [String]
    /// The rules its packets are checked against; empty on an agent.
    public var rules: [String]
    /// Seconds since it was made.
    public var ageSeconds: Double
    /// Seconds until its keys are replaced.
    public var rekeySeconds: Double?
    /// Packets and bytes so far.
    public var counters: SACounters
    /// "tunnel" or "transport"; nil where nobody said.
    public var mode: String?

    /// Makes a status of all its parts.
    public init(
        name: String,
        phase: String,
        inboundSPI: String,
        outboundSPI: String,
        suite: String,
        udpEncapsulation: Bool,
        localSelectors: [String],
        remoteSelectors: [String],
        rules: [String],
        ageSeconds: Double,
        rekeySeconds: Double?,
        counters: SACounters
    ) {
        self.name = name
        self.phase = phase
        self.inboundSPI = inboundSPI
        self.outboundSPI = outboundSPI
        self.suite = suite
        self.udpEncapsulation = udpEncapsulation
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.rules = rules
        self.ageSeconds = ageSeconds
        self.rekeySeconds = rekeySeconds
        self.counters = counters
    }
}

/// A negotiation that failed, kept for `status`.
public struct FailureStatus: Codable, Sendable, Hashable {
    /// When, seconds since 1970.
    public var at: Int64
    /// The peer's address and port.
    public var peer: String
    /// What failed and what differed.
    public var error: CulvertError

    /// Makes a record.
    public init(at: Int64, peer: String, error: CulvertError) {
        self.at = at
        self.peer = peer
        self.error = error
    }
}
