public import IPsecTypes
public import Policy

/// One live session: an identity, its addresses and what it was granted until when.
public struct Session: Hashable, Sendable {
    /// Its identifier, a ULID that the caller made.
    public var id: String
    /// Who it belongs to.
    public var subject: PolicySubject
    /// What it was granted.
    public var grant: PolicyGrant
    /// Its inner addresses, one a family.
    public var addresses: [IPAddress]
    /// When it started, on the civil clock.
    public var startedAt: WallTime
    /// When it started.
    public var started: Instant
    /// When the lease must have been renewed; nil for no lease.
    public var leaseEnds: Instant?
    /// When it ends whatever happens: the earliest of the certificate's end, the longest lease and a session timeout; nil
    /// for never.
    public var hardEnd: Instant?
    /// When its certificate ends; nil without one.
    public var certificateEnd: Instant?
    /// The serial number of the certificate, in hexadecimal.
    public var certificateSerial: String?

    /// The tenant.
    public var tenant: String { subject.tenant }
    /// The key of uniqueness: the identity with its type, inside its tenant.
    public var identityKey: String { Self.identityKey(subject) }
    /// The earlier of both ends.
    public var deadline: Instant? { [leaseEnds, hardEnd].compactMap { $0 }.min() }

    /// The owner of its Child SAs.
    public func owner(grantName: String = "default") -> ChildSAOwner {
        ChildSAOwner(session: id, grant: grantName, ruleIndices: grant.ruleIndices, tenant: tenant)
    }

    /// The traffic selectors of its own side: its networks, else its addresses.
    public var remoteSelectors: [TrafficSelector] {
        guard grant.remoteSelectors.isEmpty else {
            return grant.remoteSelectors + addresses.map { TrafficSelector(addresses: IPRange($0)) }
        }
        return addresses.map { TrafficSelector(addresses: IPRange($0)) }
    }

    /// The key of uniqueness of a subject.
    public static func identityKey(_ subject: PolicySubject) -> String {
        "\(subject.tenant)/\(subject.identity.kind):\(subject.identity.value)"
    }
}

/// What a new session asks for.
public struct SessionRequest: Sendable {
    /// Its identifier, a ULID.
    public var id: String
    /// The authenticated identity.
    public var subject: PolicySubject
    /// What policy granted it.
    public var grant: PolicyGrant
    /// The families it asked addresses of; those without a pool are left out.
    public var families: [IPAddress.Family]
    /// The certificate's notAfter.
    public var certificateEnds: WallTime?
    /// The certificate's serial number, in hexadecimal.
    public var certificateSerial: String?
    /// Addresses of the pools that it must get instead of any: a RADIUS server's Framed-IP-Address.
    public var framedAddresses: [IPAddress]
    /// Addresses that it asks for, such as those it had before; it gets them where they are its own or nobody's.
    public var wantedAddresses: [IPAddress] = []
    /// How long it may last at most: a RADIUS server's Session-Timeout.
    public var longest: Duration?
    /// Whether a newer session replaces older ones of the same identity: yes for jobs and agents, no for sites.
    public var replacesOlder: Bool

    /// Makes a request.
    public init(
        id: String,
        subject: PolicySubject,
        grant: PolicyGrant,
        families: [IPAddress.Family] = [.v4, .v6],
        certificateEnds: WallTime? = nil,
        certificateSerial: String? = nil,
        framedAddresses: [IPAddress] = [],
        longest: Duration? = nil,
        replacesOlder: Bool? = nil
    ) {
        self.id = id
        self.subject = subject
        self.grant = grant
        self.families = families
        self.certificateEnds = certificateEnds
        self.certificateSerial = certificateSerial
        self.framedAddresses = framedAddresses
        self.longest = longest
        self.replacesOlder = replacesOlder ?? (grant.peer == nil)
    }
}

/// Why a session was refused.
public enum SessionRefusal: Error, Hashable, Sendable {
    /// As many sessions as allowed are there.
    case limitReached(Int)
    /// No address could be given.
    case address(AddressPoolFailure)
    /// The certificate's or lease's end lies in the past.
    case ended
    /// A session of this identifier exists.
    case duplicate(String)

    /// The refusal as an error.
    public var error: CulvertError {
        switch self {
        case .limitReached(let limit): CulvertError(.limitReached, "all \(limit) sessions are in use")
        case .address(let failure): failure.error
        case .ended: CulvertError(.certificateExpired)
        case .duplicate(let id): CulvertError(.internalFault, "session \(id) exists already")
        }
    }
}

/// Why a session ended.
public enum SessionEnd: String, Hashable, Sendable, Codable {
    /// The peer closed it.
    case peerClosed = "closed by the peer"
    /// An operator or a shutdown closed it.
    case closed = "closed by the operator"
    /// A newer session of the same identity took over.
    case replaced = "replaced by a newer session"
    /// The lease was not renewed.
    case leaseEnded = "lease ended"
    /// The certificate ended, or the longest lease.
    case hardEnd = "certificate, longest lease or session timeout ended"
    /// Policy no longer allows it.
    case policyChanged = "policy no longer allows it"
    /// The peer stopped answering.
    case peerDead = "peer stopped answering"
    /// The certificate was revoked.
    case revoked = "certificate revoked"
    /// A RADIUS server ended it (RFC 5176).
    case disconnected = "disconnected by the RADIUS server"
}
