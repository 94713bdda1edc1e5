import IPsecTypes

/// What a certificate is presented for.
public enum ValidationPurpose: Hashable, Sendable {
    /// Any IKE peer: job, agent, router, laptop.
    case peer
    /// A Culvert gateway as an agent sees it: the ipsecIKE key purpose and the gateway policy are required.
    case gateway
    /// The client or server of EAP-TLS: key purposes of TLS (RFC 5216 §5.3).
    case tls
}

/// A leaf certificate whose path was validated. Which identity it proves is ``IdentityBinding``'s business.
public struct ValidatedPeer: Hashable, Sendable {
    /// A certificate of the path as revocation knows it.
    public struct PathEntry: Hashable, Sendable {
        /// Its serial number.
        public let serial: CertificateSerial
        /// The key of whoever issued it.
        public let issuer: SPKIFingerprint
    }

    /// The leaf as received.
    public let leafDER: [UInt8]
    /// The leaf's SubjectPublicKeyInfo, for AUTH verification.
    public let spkiDER: [UInt8]
    /// The leaf's subject, DER.
    public let subjectDER: [UInt8]
    /// The leaf's subject alternative names.
    public let names: CertificateNames
    /// The leaf's serial number.
    public let serial: CertificateSerial
    /// Start of the leaf's validity.
    public let notBefore: WallTime
    /// End of the leaf's validity.
    public let notAfter: WallTime
    /// Start of the validity of the whole path: the latest notBefore in it.
    public let pathNotBefore: WallTime
    /// End of the validity of the whole path: the earliest notAfter in it.
    public let pathNotAfter: WallTime
    /// Key of the certificate that issued the leaf: claims are honoured only from the issuer bound to the tenant.
    public let issuer: SPKIFingerprint
    /// Key of the trust anchor of the path.
    public let anchor: SPKIFingerprint
    /// What the claims extension says; nil when there is none.
    public let claims: CertificateClaims?
    /// Certificate policies that hold for the whole path (RFC 5280 §6.1, without mappings), dotted.
    public let policyOIDs: [String]
    /// Whether the leaf may act as a Culvert gateway.
    public let isGateway: Bool
    /// The certificates of the path but the anchor, leaf first.
    public let path: [PathEntry]
    /// Subjects from leaf to anchor, escaped, for logs.
    public let pathNames: [String]

    /// The leaf's subject or, where that is empty, its first name; escaped.
    public var displayName: String { pathNames.first ?? "" }
}
