import SwiftASN1

/// Object identifiers of our own, under a UUID arc (ITU-T X.667) that needs no registration.
///
/// The UUID is 00000000-0000-0000-0615-70b8c7e1cede. Its upper half is zero because swift-asn1 refuses a certificate
/// whose identifiers hold a number above 63 bits; the random bits below still make a clash improbable.
public enum CulvertObjectIdentifiers {
    /// Extension that carries ``CertificateClaims``.
    public static let claims: ASN1ObjectIdentifier = [2, 25, 438_380_477_668_249_310, 1]
    /// Certificate policy: the subject is a gateway of this authority.
    public static let gatewayPolicy: ASN1ObjectIdentifier = [2, 25, 438_380_477_668_249_310, 2]
    /// id-kp-ipsecIKE (RFC 4945 §5.1.3.12).
    public static let ipsecIKE: ASN1ObjectIdentifier = [1, 3, 6, 1, 5, 5, 7, 3, 17]
    /// anyPolicy (RFC 5280 §4.2.1.4).
    public static let anyPolicy: ASN1ObjectIdentifier = [2, 5, 29, 32, 0]
    /// id-ce-certificatePolicies.
    public static let certificatePolicies: ASN1ObjectIdentifier = [2, 5, 29, 32]
    /// id-ce-policyConstraints.
    static let policyConstraints: ASN1ObjectIdentifier = [2, 5, 29, 36]
    /// id-ce-inhibitAnyPolicy.
    static let inhibitAnyPolicy: ASN1ObjectIdentifier = [2, 5, 29, 54]
}
