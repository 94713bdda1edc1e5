import IKECrypto
import IKEMessage
import IPsecTypes

/// What a key oracle signs.
public struct SignRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The key.
    public var key: KeyID
    /// The octets of RFC 7296 §2.15, to be hashed and signed.
    public var octets: [UInt8]
    /// The hash algorithms the peer announced (RFC 7427 §4), nil when it announced none, and then only
    /// the methods of RFC 7296 and RFC 4754 may be used.
    public var peerHashes: Set<SignatureHash>?
    /// What the connection allows.
    public var policy: SignaturePolicy
    /// The signatures that the peer says it verifies, best first (RFC 9593); nil when it did not say.
    public var announced: [SignatureAlgorithm]? = nil
}

/// What a key oracle proves or checks with a pre-shared key.
public struct PreSharedKeyRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The key.
    public var key: KeyID
    /// The negotiated PRF.
    public var prf: PRFAlgorithm
    /// The octets of RFC 7296 §2.15 of whoever authenticates.
    public var octets: [UInt8]
}

/// What a verifier of certificates is asked.
public struct PeerVerificationRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The connection, whose trust settings apply.
    public var connection: String
    /// Whether we are the initiator, and so the peer must be a gateway.
    public var weAreInitiator: Bool
    /// The identity the peer claims; the leaf must carry it as a SAN of the same type.
    public var identity: Identity
    /// The constraint of the connection, already checked against `identity`.
    public var expected: RemoteIdentity
    /// The peer's certificates, DER, leaf first.
    public var certificates: [[UInt8]]
    /// The peer's AUTH method.
    public var method: AuthenticationMethod
    /// The peer's AUTH data.
    public var authentication: [UInt8]
    /// The octets of RFC 7296 §2.15 that the signature covers.
    public var octets: [UInt8]
    /// What the connection allows.
    public var policy: SignaturePolicy
    /// Which round of the peer's this is, from 0 (RFC 4739): each trusts its own roots.
    public var round: Int = 0
}

/// The outcome of a peer's verification.
public enum PeerVerification: Sendable {
    /// Chain, identity and signature hold.
    case accepted(VerifiedPeer)
    /// They do not; the reason goes to our log only, the wire shows AUTHENTICATION_FAILED for every cause.
    case refused(AuthenticationFailure)

    /// They do not; the text begins with a stable word and a colon.
    public static func refused(reason: String) -> PeerVerification { .refused(AuthenticationFailure(reason)) }
}

/// What is known of an authenticated peer.
public struct VerifiedPeer: Hashable, Sendable {
    /// The leaf certificate, DER; nil with a pre-shared key.
    public var leaf: [UInt8]?
    /// When the certificate ends; the IKE SA ends 60 s later.
    public var notAfter: WallTime?
    /// Facts for log, audit and status, such as subject, issuer, serial and algorithm.
    public var attributes: [String: String]
    /// A number the driver may use to find what it knows of the peer at authorization.
    public var token: UInt64
    /// Whom an EAP method authenticated; nil when the proof was another.
    public var eap: EAPIdentity?

    /// Makes a verified peer.
    public init(
        leaf: [UInt8]? = nil,
        notAfter: WallTime? = nil,
        attributes: [String: String] = [:],
        token: UInt64 = 0,
        eap: EAPIdentity? = nil
    ) {
        self.leaf = leaf
        self.notAfter = notAfter
        self.attributes = attributes
        self.token = token
        self.eap = eap
    }
}

/// What policy is asked about an authenticated peer.
public struct AuthorizationRequest: Sendable {
    /// What is to be made.
    public enum Purpose: Hashable, Sendable {
        /// An IKE SA and its first Child SA (IKE_AUTH).
        case ikeSA
        /// A further Child SA of an authorized IKE SA (CREATE_CHILD_SA).
        case childSA(session: String)
    }

    /// What is to be made.
    public var purpose: Purpose
    /// The IKE SA.
    public var ikeSA: IKESAID
    /// The connection.
    public var connection: String
    /// The authenticated identity. With EAP it is the one that the method proved, not what stood in IDi.
    public var identity: Identity
    /// What verification found.
    public var verified: VerifiedPeer
    /// Whether the peer authenticated with a pre-shared key.
    public var withPreSharedKey: Bool
    /// The rounds that came before the last one, in order (RFC 4739); `identity` and `verified` are the last one's.
    public var earlierRounds: [AuthenticatedRound] = []
    /// Attributes of the peer's configuration request; nil when it sent none.
    public var requestedAttributes: [ConfigurationAttribute]?
    /// What the peer's ticket says, when it resumes a session; nil after a full exchange.
    public var resumed: ResumedSession?
    /// The peer's selectors as it offers them (its side).
    public var remoteSelectors: [TrafficSelector]
    /// Our side as the peer asks for it.
    public var localSelectors: [TrafficSelector]
    /// Where the peer is.
    public var path: Path
}

/// What policy answers.
public enum AuthorizationDecision: Sendable {
    /// The peer gets this.
    case allow(AuthorizationGrant)
    /// The peer gets nothing; `reason` goes to our log only.
    case deny(reason: String, AuthorizationRefusal)
}

/// How a refusal looks on the wire.
public enum AuthorizationRefusal: Hashable, Sendable {
    /// AUTHENTICATION_FAILED: no IKE SA.
    case authenticationFailed
    /// The IKE SA stands, the Child SA fails with TS_UNACCEPTABLE.
    case selectorsUnacceptable
    /// The IKE SA stands, the Child SA fails with INTERNAL_ADDRESS_FAILURE.
    case addressFailure
    /// The IKE SA stands, the Child SA fails with FAILED_CP_REQUIRED.
    case configurationRequired
    /// The IKE SA stands, the Child SA fails with NO_ADDITIONAL_SAS.
    case noAdditionalSAs
}

/// What a peer is granted.
public struct AuthorizationGrant: Hashable, Sendable {
    /// Session, grant, rules and tenant of the Child SA.
    public var owner: ChildSAOwner
    /// Virtual addresses, at most one a family.
    public var addresses: [IPAddress]
    /// DNS servers.
    public var dnsServers: [IPAddress]
    /// DNS domains (RFC 8598).
    public var dnsDomains: [String]
    /// Networks behind us that the peer should route here (INTERNAL_IP4_SUBNET, INTERNAL_IP6_SUBNET).
    public var subnets: [IPPrefix]
    /// What the Child SA may select on our side.
    public var localSelectors: [TrafficSelector]
    /// What it may select on the peer's side; empty for the virtual addresses.
    public var remoteSelectors: [TrafficSelector]
    /// When the IKE SA ends whatever happens: lease cap or certificate.
    public var notAfter: WallTime?
    /// Overrides the connection's uniqueness.
    public var replacesOlder: Bool?
    /// What the driver wants to be told at a resumption, sealed in the ticket (``ResumedSession/note``); nil for no ticket.
    public var ticketNote: [UInt8]? = []
    /// Transport where the peer may ask for transport mode (RFC 7296 §1.3.1). Its side is then its own address, or what
    /// ``remoteSelectors`` hold of it.
    public var mode = ChildSAParameters.Mode.tunnel

    /// Makes a grant.
    public init(
        owner: ChildSAOwner,
        addresses: [IPAddress] = [],
        dnsServers: [IPAddress] = [],
        dnsDomains: [String] = [],
        subnets: [IPPrefix] = [],
        localSelectors: [TrafficSelector],
        remoteSelectors: [TrafficSelector] = [],
        notAfter: WallTime? = nil,
        replacesOlder: Bool? = nil
    ) {
        self.owner = owner
        self.addresses = addresses
        self.dnsServers = dnsServers
        self.dnsDomains = dnsDomains
        self.subnets = subnets
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.notAfter = notAfter
        self.replacesOlder = replacesOlder
    }
}

/// One round of authentication that a peer has passed (RFC 4739).
public struct AuthenticatedRound: Hashable, Sendable {
    /// The identity that was proved.
    public var identity: Identity
    /// What verification found.
    public var verified: VerifiedPeer

    /// Makes a value.
    public init(identity: Identity, verified: VerifiedPeer) {
        self.identity = identity
        self.verified = verified
    }
}
