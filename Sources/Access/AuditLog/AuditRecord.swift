public import IPsecTypes

/// One record of the audit trail. Who claimed to be somebody and who proved it are different fields: `claimedID` is what an
/// unauthenticated peer wrote, `peerID` what was proved.
public struct AuditRecord: Hashable, Sendable {
    /// The version of the record's form.
    public static let version: Int64 = 1

    /// Its number, without gaps from 1.
    public internal(set) var sequence: UInt64 = 0
    /// When it happened.
    public var time: WallTime
    /// What happened.
    public var event: AuditEvent
    /// The name of the gateway or agent that writes.
    public var gateway: String
    /// The tenant.
    public var tenant: String?
    /// The session.
    public var session: String?
    /// The identity that a peer claimed and has not proved.
    public var claimedID: String?
    /// The identity that the peer proved, with its type.
    public var peerID: String?
    /// The name its certificate was issued to.
    public var name: String?
    /// The rule, such as "deploy-prod (policy.yaml:41)".
    public var rule: String?
    /// The resources that were granted.
    public var resources: [String] = []
    /// The inner addresses.
    public var addresses: [IPAddress] = []
    /// The outer path.
    public var path: Path?
    /// The algorithms.
    public var suite: String?
    /// The SPIs of the Child SA, inbound and outbound.
    public var spis: [String] = []
    /// The traffic selectors, ours then the peer's: "10.20.0.0/28[tcp/443]".
    public var selectors: [String] = []
    /// Bytes that came out of the tunnel.
    public var bytesIn: UInt64?
    /// Bytes that went in.
    public var bytesOut: UInt64?
    /// Packets that came out of the tunnel.
    public var packetsIn: UInt64?
    /// Packets that went in.
    public var packetsOut: UInt64?
    /// How long it lasted, in seconds.
    public var seconds: Int64?
    /// How many events the record stands for, when it aggregates.
    public var count: UInt64?
    /// The error code.
    public var code: ErrorCode?
    /// Why.
    public var reason: String?
    /// The serial number of the certificate, in hexadecimal.
    public var serial: String?
    /// Who asked for it: "uid 0".
    public var actor: String?

    /// Makes a record; its number is given when it is written.
    public init(_ event: AuditEvent, at time: WallTime, gateway: String) {
        self.event = event
        self.time = time
        self.gateway = gateway
    }

    /// Notes the counters of a Child SA or session.
    public mutating func count(_ counters: SACounters) {
        bytesIn = counters.inboundBytes
        bytesOut = counters.outboundBytes
        packetsIn = counters.inboundPackets
        packetsOut = counters.outboundPackets
    }

    /// Notes an error.
    public mutating func fail(_ error: CulvertError) {
        code = error.code
        reason = ([error.message] + error.details.map { "\($0.label): \($0.value)" }).joined(separator: "; ")
    }
}
