import IKEMessage

/// How we authenticate.
public enum LocalAuthentication: Hashable, Sendable {
    /// By a certificate chain, leaf first, DER, without the root; the oracle holds the key.
    case certificate(chain: [[UInt8]], key: KeyID)
    /// By a pre-shared key that the oracle holds.
    case preSharedKey(KeyID)
    /// By EAP, as initiator; the driver knows method, identity and secret by the name of the settings (RFC 7296 §2.16).
    case eap(settings: String)

    /// Whether EAP is to prove it.
    public var isEAP: Bool {
        if case .eap = self { true } else { false }
    }
}

/// How the peer must authenticate.
public enum RemoteAuthentication: Hashable, Sendable {
    /// By a certificate; the hashes (20 bytes each) of the trusted roots' public keys fill our CERTREQ (RFC 7296 §3.7).
    case certificate(authorityKeyHashes: [[UInt8]])
    /// By a pre-shared key that the oracle holds.
    case preSharedKey(KeyID)
    /// By EAP, when we are the responder.
    case eap(EAPRequirement)

    var isPreSharedKey: Bool {
        if case .preSharedKey = self { true } else { false }
    }
    var isEAP: Bool {
        if case .eap = self { true } else { false }
    }
}

/// What an EAP round demands of an initiator.
public struct EAPRequirement: Hashable, Sendable {
    /// Which identity the connection's ``RemoteIdentity`` is held against, beside the one that the method proves.
    public enum ClaimedIdentity: String, Hashable, Sendable, Codable, CaseIterable {
        /// IDi only helps to find the method; many clients put their address there. Only what the method proved counts.
        case ignored
        /// IDi must read as the identity that the method proved.
        case same
    }

    /// The name by which the driver knows methods and users.
    public var settings: String
    /// What IDi must be.
    public var claimed: ClaimedIdentity
    /// Whether a method that makes no key is accepted; somebody who carries the peer's messages into another conversation
    /// could then pose as the peer (RFC 7296 §2.16).
    public var allowsKeyless: Bool

    /// Makes a requirement.
    public init(settings: String, claimed: ClaimedIdentity = .ignored, allowsKeyless: Bool = false) {
        self.settings = settings
        self.claimed = claimed
        self.allowsKeyless = allowsKeyless
    }
}

/// One more round of our own authentication (RFC 4739).
public struct LocalRound: Hashable, Sendable {
    /// Who we say we are.
    public var identity: Identity
    /// How we prove it.
    public var authentication: LocalAuthentication

    /// Makes a round.
    public init(identity: Identity, authentication: LocalAuthentication) {
        self.identity = identity
        self.authentication = authentication
    }
}

/// One more round of the peer's authentication (RFC 4739).
public struct RemoteRound: Hashable, Sendable {
    /// Who the peer must be.
    public var identity: RemoteIdentity
    /// How it must prove it.
    public var authentication: RemoteAuthentication

    /// Makes a round.
    public init(identity: RemoteIdentity, authentication: RemoteAuthentication) {
        self.identity = identity
        self.authentication = authentication
    }
}

extension ConnectionConfiguration {
    /// All rounds of ours.
    var localRounds: [LocalRound] {
        [LocalRound(identity: localIdentity, authentication: localAuthentication)] + furtherLocal
    }
    /// All rounds of the peer's.
    var remoteRounds: [RemoteRound] {
        [RemoteRound(identity: remoteIdentity, authentication: remoteAuthentication)] + furtherRemote
    }
    /// Whether RFC 4739 is needed.
    var hasSeveralRounds: Bool { !furtherLocal.isEmpty || !furtherRemote.isEmpty }
}
