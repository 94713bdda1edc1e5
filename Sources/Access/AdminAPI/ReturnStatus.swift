/// How a tunnel would come back after a loss, and when it must prove itself again.
public struct ReturnStatus: Codable, Sendable, Hashable {
    /// Whether a ticket can resume it (RFC 5723): the agent holds one, the gateway gave one.
    public var resumable: Bool
    /// When that ticket ends, seconds since 1970; nil without one.
    public var ticketExpires: Int64?
    /// Seconds until the authentication is repeated (RFC 4478); nil for never, and at gateways.
    public var reauthenticateSeconds: Double?
    /// Whether the peer follows redirects (RFC 5685).
    public var followsRedirects: Bool

    /// Makes a status of all its parts.
    public init(resumable: Bool, ticketExpires: Int64?, reauthenticateSeconds: Double?, followsRedirects: Bool) {
        self.resumable = resumable
        self.ticketExpires = ticketExpires
        self.reauthenticateSeconds = reauthenticateSeconds
        self.followsRedirects = followsRedirects
    }
}
