import IKEMessage
import IPsecTypes

/// Another gateway, by address or by name (RFC 5685 §9).
public typealias RedirectTarget = NotifyData.RedirectGateway

extension RedirectTarget {
    /// The gateway as people write it.
    public var text: String {
        switch self {
        case .address(let address): "\(address)"
        case .fqdn(let name): name.printable
        }
    }
}

/// How the IKE SAs of a connection come back after a loss, are renewed, and move to another gateway.
public struct ReturnSettings: Hashable, Sendable {
    /// Whether IKE_AUTH may do without a Child SA (RFC 6023).
    public enum Childless: String, Hashable, Sendable, CaseIterable {
        /// Neither asked for nor accepted.
        case never
        /// Accepted as responder, not asked for.
        case allow
        /// Asked for where the responder supports it; accepted as responder.
        case prefer
    }

    /// Whether tickets are asked for as initiator, and given as responder that has ticket keys (RFC 5723).
    public var usesTickets = true
    /// The longest that a ticket of ours is good for; its IKE SA's own end comes first.
    public var ticketLifetime: Duration = .seconds(3600)
    /// Childless IKE SAs.
    public var childless = Childless.allow
    /// The only gateways that a redirect may lead to; with none, redirects are neither announced nor followed (S13).
    public var redirectTargets: [RedirectTarget] = []
    /// The peer is to be authenticated anew this long after IKE_AUTH; nil for as its certificate and lease say.
    public var reauthentication: Duration?

    /// The defaults.
    public init() {}
}

/// Bounds redirects in a row: RFC 5685 §7 calls them MAX_REDIRECTS and REDIRECT_LOOP_DETECT_PERIOD. The driver keeps one for
/// each tunnel, because each redirect makes another IKE SA.
public struct RedirectHistory: Hashable, Sendable {
    /// Redirects followed within ``period``.
    public static let limit = 5
    /// What counts as in a row.
    public static let period: Duration = .seconds(300)

    private var followed: [Instant] = []

    /// No redirects yet.
    public init() {}

    /// Whether one more may be followed at `now`; counts it if so.
    public mutating func follow(_ now: Instant) -> Bool {
        followed.removeAll { now - $0 >= Self.period }
        guard followed.count < Self.limit else { return false }
        followed.append(now)
        return true
    }
}

/// How an IKE SA is to be begun, beyond connection and path.
public struct Initiation: Sendable {
    /// The connection.
    public var connection: ConnectionConfiguration
    /// Where from and where to.
    public var path: Path
    /// A ticket of the same gateway; a full exchange follows by itself when it is refused.
    public var ticket: SessionTicket?
    /// The gateway that sent us here (RFC 5685 §9.3).
    public var redirectedFrom: IPAddress?
    /// The inner addresses that we had before and ask for again (RFC 7296 §3.15.1), at most one a family.
    public var formerAddresses: [IPAddress] = []

    /// Makes an initiation.
    public init(
        _ connection: ConnectionConfiguration,
        path: Path,
        ticket: SessionTicket? = nil,
        redirectedFrom: IPAddress? = nil
    ) {
        self.connection = connection
        self.path = path
        self.ticket = ticket
        self.redirectedFrom = redirectedFrom
    }
}
