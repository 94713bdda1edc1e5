import IKEMessage
import IPsecTypes

/// One EAP conversation inside an IKE_AUTH exchange (RFC 7296 §2.16), as the driver knows it.
///
/// It begins with the first request that names it and ends with ``IKEAction/eapEnd(_:)``, which always comes, whatever
/// became of it.
public struct EAPSessionID: Hashable, Sendable, CustomStringConvertible {
    /// Unique within the endpoint.
    public var rawValue: UInt64

    /// Makes a value.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Such as "eap-7".
    public var description: String { "eap-\(rawValue)" }
}

/// What an EAP server (a local method or a RADIUS server behind us) is asked.
public struct EAPServerRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The conversation.
    public var session: EAPSessionID
    /// The connection.
    public var connection: String
    /// The name of the EAP settings that apply (``EAPRequirement/settings``).
    public var settings: String
    /// What the peer claims in IDi; nothing has proved it.
    public var claimed: Identity
    /// Whether the EAP method alone authenticates us: only methods that RFC 5998 §4 calls safe may be proposed.
    public var isOnlyProof: Bool
    /// The peer's EAP packet, whole; nil begins the conversation.
    public var response: [UInt8]?
    /// Where the peer is.
    public var path: Path

    /// Makes a request.
    public init(
        ikeSA: IKESAID,
        session: EAPSessionID,
        connection: String,
        settings: String,
        claimed: Identity,
        isOnlyProof: Bool = false,
        response: [UInt8]?,
        path: Path
    ) {
        self.ikeSA = ikeSA
        self.session = session
        self.connection = connection
        self.settings = settings
        self.claimed = claimed
        self.isOnlyProof = isOnlyProof
        self.response = response
        self.path = path
    }
}

/// What an EAP server answers.
public enum EAPServerStep: Sendable {
    /// Send this EAP packet, whole.
    case request([UInt8])
    /// The method succeeded. `success` is the EAP Success packet; `key` is the MSK, nil where the method has none, and then
    /// AUTH is made with SK_pi and SK_pr (RFC 7296 §2.16), which EAP-only authentication does not allow (RFC 5998 §4).
    /// ``VerifiedPeer/eap`` says who was authenticated, and how.
    case succeeded(success: [UInt8], key: SecretBytes?, VerifiedPeer)
    /// It failed. `failure` is the EAP Failure packet; the reason goes to our log only.
    case failed(failure: [UInt8], reason: String)
}

/// What an EAP peer (our side as initiator) is asked.
public struct EAPPeerRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The conversation.
    public var session: EAPSessionID
    /// The connection.
    public var connection: String
    /// The name of the EAP settings that apply (``LocalAuthentication/eap(settings:)``).
    public var settings: String
    /// Whether the EAP method alone authenticates the responder: only methods that RFC 5998 §4 calls safe may be agreed to.
    public var isOnlyProof: Bool
    /// The responder's EAP packet, whole.
    public var request: [UInt8]

    /// Makes a request.
    public init(
        ikeSA: IKESAID,
        session: EAPSessionID,
        connection: String,
        settings: String,
        isOnlyProof: Bool = false,
        request: [UInt8]
    ) {
        self.ikeSA = ikeSA
        self.session = session
        self.connection = connection
        self.settings = settings
        self.isOnlyProof = isOnlyProof
        self.request = request
    }
}

/// What an EAP peer answers.
public enum EAPPeerStep: Sendable {
    /// Send this EAP packet, whole.
    case response([UInt8])
    /// The packet was an EAP Success, and the method agrees. `key` is the MSK, nil where the method has none;
    /// `authenticatesServer` says whether the method is one of those that RFC 5998 §4 calls safe.
    case succeeded(key: SecretBytes?, authenticatesServer: Bool)
    /// It failed; the reason goes to our log.
    case failed(reason: String)
}

/// Whom an EAP method authenticated.
public struct EAPIdentity: Hashable, Sendable {
    /// The identity that the method proved: the user's name, or the name in the certificate of EAP-TLS. Policy uses this one,
    /// never what the peer put into IDi or into EAP-Response/Identity (RFC 7296 §2.16).
    public var name: String
    /// The method, such as "tls", "ttls/mschapv2" or "radius".
    public var method: String
    /// Whether the method authenticated us to the peer as well, made a key and withstands dictionaries (RFC 5998 §4).
    public var isMutual: Bool
    /// The groups that the user's entry, or the RADIUS server, puts the peer into.
    public var groups: [String]

    /// Makes a value.
    public init(name: String, method: String, isMutual: Bool, groups: [String] = []) {
        self.name = name
        self.method = method
        self.isMutual = isMutual
        self.groups = groups
    }
}
