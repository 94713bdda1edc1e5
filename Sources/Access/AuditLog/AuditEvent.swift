/// What a record is about.
public enum AuditEvent: String, Hashable, Sendable, Codable, CaseIterable {
    /// The daemon started; the first record of a run.
    case daemonStart = "daemon.start"
    /// The daemon stops; the last record of a run.
    case daemonStop = "daemon.stop"
    /// The configuration was reloaded.
    case configReload = "config.reload"
    /// A new configuration was refused.
    case configRefused = "config.refused"
    /// The policy was reloaded.
    case policyReload = "policy.reload"
    /// A new policy was refused.
    case policyRefused = "policy.refused"
    /// New clients are sent to another gateway from here on, and established ones asked to move.
    case drainStart = "drain.start"
    /// Clients are served here again.
    case drainEnd = "drain.end"
    /// A session started.
    case sessionStart = "session.start"
    /// A session goes another way: its peer or we have another address.
    case sessionMoved = "session.moved"
    /// A session ended.
    case sessionEnd = "session.end"
    /// An authenticated identity was refused by policy or limits.
    case sessionRefused = "session.refused"
    /// A RADIUS server changed what a session may do (RFC 5176).
    case sessionChanged = "session.changed"
    /// A lease was renewed.
    case leaseRenewed = "lease.renewed"
    /// A peer could not be authenticated.
    case authenticationFailed = "authentication.failed"
    /// A negotiation failed before authentication.
    case negotiationFailed = "negotiation.failed"
    /// An IKE SA was rekeyed.
    case ikeRekey = "ike.rekey"
    /// A Child SA was made.
    case childUp = "child.up"
    /// A Child SA was rekeyed.
    case childRekey = "child.rekey"
    /// A Child SA was deleted.
    case childDown = "child.down"
    /// A Child SA was refused.
    case childRefused = "child.refused"
    /// Packets outside the grants were dropped; aggregated.
    case packetsDenied = "packets.denied"
    /// A source was limited; aggregated.
    case sourceLimited = "source.limited"
    /// A RADIUS server stopped answering; the reason names it.
    case radiusServerDown = "radius.down"
    /// A RADIUS server answers again.
    case radiusServerUp = "radius.up"
    /// No RADIUS server answers: users cannot be let in (E11).
    case radiusUnreachable = "radius.unreachable"
    /// A certificate was issued.
    case certificateIssued = "certificate.issued"
    /// A certificate was revoked.
    case certificateRevoked = "certificate.revoked"
}
