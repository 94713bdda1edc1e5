import IPsecTypes

/// Why a peer's certificate or identity was refused. Names in it are escaped already.
public enum ValidationFailure: Error, Hashable, Sendable {
    /// The peer sent no certificate.
    case noCertificate
    /// The peer sent more certificates than the limit.
    case tooManyCertificates(count: Int, limit: Int)
    /// A certificate cannot be read or breaks the profile; position 0 is the leaf.
    case malformed(position: Int, reason: String)
    /// No trust anchor is configured for this connection.
    case noTrustAnchor
    /// No path leads from the leaf to a trust anchor.
    case unknownIssuer(subject: String, issuer: String, anchors: [String])
    /// The named issuer's key did not make the signature.
    case badSignature(subject: String, issuer: String)
    /// Not valid yet, skew included.
    case notYetValid(subject: String, notBefore: WallTime, wallClock: WallTime, skew: Int64)
    /// Not valid any more, skew included.
    case expired(subject: String, notAfter: WallTime, wallClock: WallTime, skew: Int64)
    /// The public key is of a kind or size that is refused.
    case weakKey(subject: String, key: String)
    /// The certificate is signed with SHA-1 or another refused algorithm.
    case weakSignature(subject: String, algorithm: String)
    /// A critical extension that nobody here understands.
    case unknownCriticalExtension(subject: String, oid: String)
    /// A certificate that issued another one may not do so.
    case notAnAuthority(subject: String, reason: String)
    /// An authority's certificate was presented as a peer's.
    case authorityAsPeer(subject: String)
    /// The key usage forbids signing AUTH.
    case keyUsage(subject: String)
    /// The extended key usage leaves IKE out (RFC 4945 §5.1.3.12).
    case extendedKeyUsage(subject: String, found: [String])
    /// A rule of the profile (RFC 5280, RFC 4945, RFC 9618) is broken.
    case profile(subject: String, rule: String)
    /// What swift-certificates' RFC 5280 policy refused, name constraints above all.
    case pathRule(reason: String)
    /// The certificate is revoked.
    case revoked(subject: String, serial: CertificateSerial, at: WallTime)
    /// The names in the certificates allow more signature checks than the limit.
    case tooComplex(limit: Int)
    /// The claims extension cannot be read.
    case claims(subject: String, reason: String)
    /// A gateway was wanted, and the certificate is not a gateway's.
    case notAGateway(subject: String, missing: String)
    /// The identity is not among the names the certificate proves.
    case identityMismatch(wanted: String, offered: [String])
    /// The identity is of a kind that a certificate cannot prove, or is malformed.
    case identityUnusable(identity: String, reason: String)

    /// A stable word for audit records and metrics.
    public var code: String {
        switch self {
        case .noCertificate: "cert_missing"
        case .tooManyCertificates: "cert_chain_too_long"
        case .malformed: "cert_malformed"
        case .noTrustAnchor: "cert_no_trust_anchor"
        case .unknownIssuer: "cert_unknown_issuer"
        case .badSignature: "cert_bad_signature"
        case .notYetValid: "cert_not_yet_valid"
        case .expired: "cert_expired"
        case .weakKey: "cert_weak_key"
        case .weakSignature: "cert_weak_signature"
        case .unknownCriticalExtension: "cert_unknown_critical_extension"
        case .notAnAuthority: "cert_issuer_not_ca"
        case .authorityAsPeer: "cert_ca_as_peer"
        case .keyUsage: "cert_key_usage"
        case .extendedKeyUsage: "cert_extended_key_usage"
        case .profile: "cert_profile"
        case .pathRule: "cert_path_rule"
        case .revoked: "cert_revoked"
        case .tooComplex: "cert_path_too_complex"
        case .claims: "cert_claims"
        case .notAGateway: "cert_not_a_gateway"
        case .identityMismatch: "id_mismatch"
        case .identityUnusable: "id_unusable"
        }
    }
}
