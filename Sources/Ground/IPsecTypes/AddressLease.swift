/// An inner address in the hands of one session, for as long as that lasted: what history and stickiness are made of.
public struct AddressLease: Hashable, Sendable, Codable {
    /// How a lease ended.
    public enum End: String, Hashable, Sendable, Codable {
        /// The session ended.
        case closed
        /// The gateway died; the lease ended at some time before ``AddressLease/until``, which is its next start.
        case restart
    }

    /// The address.
    public var address: IPAddress
    /// The identity with its tenant and type, such as "default/fqdn:runner.example.com".
    public var identity: String
    /// The name that its certificate was issued to.
    public var name: String?
    /// The session.
    public var session: String
    /// When it began.
    public var since: WallTime
    /// When it ended; nil while it lasts.
    public var until: WallTime?
    /// How it ended; nil while it lasts.
    public var end: End?

    /// Makes a lease.
    public init(
        address: IPAddress,
        identity: String,
        name: String? = nil,
        session: String,
        since: WallTime,
        until: WallTime? = nil,
        end: End? = nil
    ) {
        self.address = address
        self.identity = identity
        self.name = name
        self.session = session
        self.since = since
        self.until = until
        self.end = end
    }
}
