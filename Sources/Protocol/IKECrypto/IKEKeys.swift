import IPsecTypes

/// The seven keys of an IKE SA (RFC 7296 §2.14).
public struct IKEKeys: Sendable {
    /// SK_d: new keys for children and for the next IKE SA come from it.
    public let skD: SecretBytes
    /// SK_ei and SK_ai: what the original initiator of the IKE SA sends.
    public let initiator: SKKeys
    /// SK_er and SK_ar: what the original responder sends.
    public let responder: SKKeys
    /// SK_pi: goes into the initiator's AUTH payload.
    public let skPi: SecretBytes
    /// SK_pr: goes into the responder's AUTH payload.
    public let skPr: SecretBytes

    /// Makes a set of keys.
    public init(skD: SecretBytes, initiator: SKKeys, responder: SKKeys, skPi: SecretBytes, skPr: SecretBytes) {
        self.skD = skD
        self.initiator = initiator
        self.responder = responder
        self.skPi = skPi
        self.skPr = skPr
    }
}

/// The keys of an IKE SA that a post-quantum pre-shared key changes (RFC 8784 §3).
public struct PPKKeys: Sendable {
    /// SK_d.
    public let skD: SecretBytes
    /// SK_pi.
    public let skPi: SecretBytes
    /// SK_pr.
    public let skPr: SecretBytes

    /// Makes a set of keys.
    public init(skD: SecretBytes, skPi: SecretBytes, skPr: SecretBytes) {
        self.skD = skD
        self.skPi = skPi
        self.skPr = skPr
    }
}

extension IKEKeys {
    /// The keys that a post-quantum pre-shared key changes.
    public var ppkPart: PPKKeys { PPKKeys(skD: skD, skPi: skPi, skPr: skPr) }

    /// The same keys with those three changed.
    public func replacing(_ part: PPKKeys) -> IKEKeys {
        IKEKeys(skD: part.skD, initiator: initiator, responder: responder, skPi: part.skPi, skPr: part.skPr)
    }
}

/// The keys of a Child SA by direction of the exchange that made it (RFC 7296 §2.17).
public struct ChildKeys: Sendable {
    /// For data that the initiator of the exchange sends.
    public let initiator: ESPKeys
    /// For data that the responder of the exchange sends.
    public let responder: ESPKeys

    /// Makes a pair of keys.
    public init(initiator: ESPKeys, responder: ESPKeys) {
        self.initiator = initiator
        self.responder = responder
    }
}

/// The nonces of one exchange, by the roles in that exchange.
public struct NoncePair: Hashable, Sendable {
    /// Nonce data of the exchange's initiator.
    public var initiatorNonce: [UInt8]
    /// Nonce data of the exchange's responder.
    public var responderNonce: [UInt8]

    /// Makes a pair.
    public init(initiatorNonce: [UInt8], responderNonce: [UInt8]) {
        self.initiatorNonce = initiatorNonce
        self.responderNonce = responderNonce
    }
}
