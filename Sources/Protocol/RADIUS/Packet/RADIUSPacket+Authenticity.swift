import IPsecTypes
import LegacyDigests

/// Why a packet is not believed.
public enum RADIUSForgery: Error, Hashable, Sendable {
    /// There is no Message-Authenticator, or more than one, or it is not of 16 octets.
    case messageAuthenticatorMissing
    /// The Message-Authenticator does not fit.
    case messageAuthenticatorWrong
    /// The Request or Response Authenticator does not fit.
    case authenticatorWrong
}

// A Response Authenticator alone, MD5 with the secret at the end, can be forged by a chosen-prefix collision (the
// "Blast-RADIUS" attack on RFC 2865 §3). The HMAC of the Message-Authenticator cannot; so every packet of ours carries it,
// in front of everything that an attacker may have a say in, and none is believed without it but an Accounting-Response,
// which grants nothing and answers a request whose authenticator covers it all.
extension RADIUSPacket {
    /// Completes a request: a random authenticator (RFC 2865 §3) or the digest that stands for it (RFC 2866 §3), and the
    /// Message-Authenticator in front (RFC 3579 §3.2) unless it is an Accounting-Request (RFC 2866 §5.13 has none).
    public mutating func sealRequest(_ secret: SecretBytes, random: [UInt8]) {
        attributes.removeAll { $0.type == .messageAuthenticator }
        let isDigest = code.hasDigestAsRequestAuthenticator
        authenticator = isDigest ? Self.zeros : random
        if code != .accountingRequest {
            attributes.insert(RADIUSAttribute(.messageAuthenticator, Self.zeros), at: 0)
            placeMessageAuthenticator(secret)
        }
        if isDigest { authenticator = FixedLegacyDigests.md5(encoded, secret) }
    }

    /// Completes an answer to a request: Message-Authenticator in front, then Response Authenticator (RFC 2865 §3,
    /// RFC 5176 §3.4).
    public mutating func sealAnswer(to requestAuthenticator: [UInt8], _ secret: SecretBytes) {
        attributes.removeAll { $0.type == .messageAuthenticator }
        attributes.insert(RADIUSAttribute(.messageAuthenticator, Self.zeros), at: 0)
        authenticator = requestAuthenticator
        placeMessageAuthenticator(secret)
        authenticator = FixedLegacyDigests.md5(encoded, secret)
    }

    /// Checks an answer to a request of ours.
    ///
    /// - Parameter needsMessageAuthenticator: false for an Accounting-Response only.
    public func checkAnswer(
        to requestAuthenticator: [UInt8],
        _ secret: SecretBytes,
        needsMessageAuthenticator: Bool
    ) throws(RADIUSForgery) {
        var bare = self
        bare.authenticator = requestAuthenticator
        if needsMessageAuthenticator || attributes.contains(where: { $0.type == .messageAuthenticator }) {
            try bare.checkMessageAuthenticator(secret)
        }
        guard constantTimeEqual(FixedLegacyDigests.md5(bare.encoded, secret), authenticator) else {
            throw .authenticatorWrong
        }
    }

    /// Checks a request that others send us (RFC 5176 §2.3): Message-Authenticator and Request Authenticator, both made
    /// with zeros in the place of the latter.
    public func checkRequest(_ secret: SecretBytes) throws(RADIUSForgery) {
        var bare = self
        bare.authenticator = Self.zeros
        try bare.checkMessageAuthenticator(secret)
        guard constantTimeEqual(FixedLegacyDigests.md5(bare.encoded, secret), authenticator) else {
            throw .authenticatorWrong
        }
    }

    /// Compares the one Message-Authenticator with the HMAC over this packet with zeros in its place.
    private func checkMessageAuthenticator(_ secret: SecretBytes) throws(RADIUSForgery) {
        let sent = attributes.all(.messageAuthenticator)
        guard sent.count == 1, let claimed = sent.first, claimed.count == Self.authenticatorLength else {
            throw .messageAuthenticatorMissing
        }
        guard constantTimeEqual(messageAuthenticator(secret), claimed) else { throw .messageAuthenticatorWrong }
    }

    private mutating func placeMessageAuthenticator(_ secret: SecretBytes) {
        let value = messageAuthenticator(secret)
        attributes = attributes.map {
            $0.type == .messageAuthenticator ? RADIUSAttribute(.messageAuthenticator, value) : $0
        }
    }

    private func messageAuthenticator(_ secret: SecretBytes) -> [UInt8] {
        var blank = self
        blank.attributes = attributes.map {
            $0.type == .messageAuthenticator ? RADIUSAttribute(.messageAuthenticator, Self.zeros) : $0
        }
        return FixedLegacyDigests.hmacMD5(blank.encoded, key: secret)
    }
}
