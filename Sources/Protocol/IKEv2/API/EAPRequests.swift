import IKEMessage
import IPsecTypes

/// One EAP conversation inside an IKE_AUTH exchange (RFC 7296 §2.16), as the driver knows it.
public struct EAPSessionID: Hashable, Sendable {
    /// Unique within the endpoint.
    public var rawValue: UInt64

    /// Makes a value.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// What an EAP server (a local method or a RADIUS server behind us) is asked.
public struct EAPServerRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The conversation.
    public var session: EAPSessionID
    /// The connection, whose EAP settings apply.
    public var connection: String
    /// What the peer claims in IDi; nothing has proved it.
    public var claimed: Identity
    /// The peer's EAP packet, whole; nil begins the conversation.
    public var response: [UInt8]?
    /// Where the peer is.
    public var path: Path
}

/// What an EAP server answers.
public enum EAPServerStep: Sendable {
    /// Send this EAP packet, whole.
    case request([UInt8])
    /// The method succeeded. `success` is the EAP Success packet; `key` is the MSK, nil where the method has none, and then
    /// AUTH is made with SK_pi and SK_pr (RFC 7296 §2.16), which EAP-only authentication does not allow (RFC 5998 §4).
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
    /// The connection, whose EAP settings apply.
    public var connection: String
    /// The responder's EAP packet, whole.
    public var request: [UInt8]
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
