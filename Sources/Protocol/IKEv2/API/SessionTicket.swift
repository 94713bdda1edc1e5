import IKECrypto
import IKEMessage
import IPsecTypes

/// What an initiator keeps to resume a session (RFC 5723 §5): the gateway's ticket, which only the gateway can read, and the
/// same state as the ticket holds. It holds SK_d of the IKE SA: it stays in memory, and goes when the IKE SA is deleted.
public struct SessionTicket: Sendable {
    /// The connection it belongs to.
    public let connection: String
    /// When it is of no more use.
    public let expires: Instant
    /// The authenticated gateway.
    public let gateway: Identity

    let ticket: [UInt8]
    let suite: IKESuite
    let skD: SecretBytes
    let localIdentity: Identity
    /// How the gateway proved itself.
    let rounds: [AuthenticatedRound]
    /// The end of the authentication, which a resumption does not move.
    let notAfter: WallTime?
    let reauthenticateAt: Instant?
    /// The name of the post-quantum pre-shared key in SK_d; empty for none.
    let ppk: [UInt8]
}

/// What a ticket says of the session that it resumes (RFC 5723 §5), for whoever authorizes it.
public struct ResumedSession: Hashable, Sendable {
    /// When the ticket was made: what happened to the peer since then counts.
    public var issued: WallTime
    /// When what the session rests on ends: authentication, lease or certificate, whichever comes first; nil for never.
    public var ends: WallTime?
    /// The inner addresses that it had (RFC 5723 §5, note 5).
    public var addresses: [IPAddress]
    /// ``AuthorizationGrant/ticketNote`` of the session.
    public var note: [UInt8]
}

/// A key that seals tickets (RFC 5723 §9.5).
public struct TicketKey: Sendable {
    /// Length of ``secret``: an AES-256 key and the salt of AES-GCM.
    public static let secretLength = 36

    /// Tells the gateway by which key a ticket was sealed; travels in clear.
    public let id: UInt64
    /// Key and salt.
    public let secret: SecretBytes

    /// Makes a key; nil when the secret has not ``secretLength`` octets.
    public init?(id: UInt64, secret: SecretBytes) {
        guard secret.count == Self.secretLength else { return nil }
        self.id = id
        self.secret = secret
    }
}

/// Secrets that outlive a restart. The driver makes them, keeps them in a private file and hands them to each endpoint with
/// ``IKECommand/useSecrets(_:)``.
public struct ReturnSecrets: Sendable {
    /// Generations of QCD_SECRET, newest first, each of 32 octets (RFC 6290 §5.1). At most four are used; with none, there are
    /// no crash tokens.
    public var crash: [SecretBytes]
    /// Ticket keys, newest first. The first alone seals, so it must be one that no other process or endpoint with the same
    /// IV epoch has sealed with; the others only open. With none, there are no tickets.
    public var tickets: [TicketKey]

    /// Makes a set of secrets.
    public init(crash: [SecretBytes] = [], tickets: [TicketKey] = []) {
        self.crash = crash
        self.tickets = tickets
    }
}

/// What a verifier is asked at a resumption: the proof was the ticket's, but chain, identity and revocation are looked at
/// anew; with EAP, whether the user is still known, and its groups. Answer: ``IKEEvent/peerVerified(_:_:)``.
public struct PeerRevalidationRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The connection, whose trust settings apply.
    public var connection: String
    /// The identity of the ticket.
    public var identity: Identity
    /// The certificates by which the peer proved it, DER, leaf first; empty with EAP.
    public var certificates: [[UInt8]]
    /// Whom EAP proved; nil with certificates.
    public var eap: EAPIdentity?
    /// The name of the EAP settings; nil with certificates.
    public var settings: String?
    /// ``VerifiedPeer/attributes`` of that time, with EAP.
    public var attributes: [String: String] = [:]
    /// The end of what EAP proved; nil for none.
    public var notAfter: WallTime?
}
