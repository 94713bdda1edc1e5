public import IPsecTypes
import Policy

/// A session as plain values, for status, tests and records that leave the process.
public struct SessionSnapshot: Hashable, Sendable, Codable {
    /// The identifier.
    public var id: String
    /// The identity with its type: "fqdn:…".
    public var identity: String
    /// The name the certificate was issued to.
    public var name: String?
    /// The tenant.
    public var tenant: String
    /// The inner addresses.
    public var addresses: [IPAddress]
    /// The rules, such as "deploy-prod (policy.yaml:41)".
    public var rules: [String]
    /// The resources it may reach.
    public var resources: [String]
    /// When it started.
    public var startedAt: WallTime
    /// Seconds until the lease must have been renewed; nil for no lease.
    public var leaseSeconds: Int64?
    /// Seconds until it ends; nil for no end.
    public var hardEndSeconds: Int64?
    /// The certificate's serial number.
    public var certificateSerial: String?

    /// Describes a session as of `now`.
    public init(_ session: Session, now: Instant) {
        id = session.id
        identity = session.subject.identity.description
        name = session.subject.name
        tenant = session.tenant
        addresses = session.addresses
        rules = session.grant.rules.map(\.description)
        resources = session.grant.resources
        startedAt = session.startedAt
        leaseSeconds = session.leaseEnds.map { max(0, ($0 - now).components.seconds) }
        hardEndSeconds = session.hardEnd.map { max(0, ($0 - now).components.seconds) }
        certificateSerial = session.certificateSerial
    }
}

extension SessionTable {
    /// Every session as of `now`, in the order of their start.
    public func snapshot(now: Instant) -> [SessionSnapshot] { all.map { SessionSnapshot($0, now: now) } }
}
