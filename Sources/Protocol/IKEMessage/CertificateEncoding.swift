/// The encoding of a Certificate payload (RFC 7296 §3.6).
public struct CertificateEncoding: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// PKCS #7 wrapped X.509 certificate.
    public static let pkcs7 = CertificateEncoding(rawValue: 1)
    /// PGP certificate.
    public static let pgp = CertificateEncoding(rawValue: 2)
    /// DNS signed key.
    public static let dnsSignedKey = CertificateEncoding(rawValue: 3)
    /// X.509 certificate for signatures: the one the product uses.
    public static let x509Signature = CertificateEncoding(rawValue: 4)
    /// Kerberos token.
    public static let kerberosToken = CertificateEncoding(rawValue: 6)
    /// Certificate revocation list.
    public static let crl = CertificateEncoding(rawValue: 7)
    /// Authority revocation list.
    public static let arl = CertificateEncoding(rawValue: 8)
    /// SPKI certificate.
    public static let spki = CertificateEncoding(rawValue: 9)
    /// X.509 attribute certificate.
    public static let x509Attribute = CertificateEncoding(rawValue: 10)
    /// Raw RSA key (deprecated).
    public static let rawRSAKey = CertificateEncoding(rawValue: 11)
    /// Hash and URL of an X.509 certificate.
    public static let hashAndURL = CertificateEncoding(rawValue: 12)
    /// Hash and URL of an X.509 bundle.
    public static let hashAndURLBundle = CertificateEncoding(rawValue: 13)
    /// OCSP content (RFC 4806).
    public static let ocspContent = CertificateEncoding(rawValue: 14)
    /// Raw public key (RFC 7670).
    public static let rawPublicKey = CertificateEncoding(rawValue: 15)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "encoding(\(rawValue))" }

    private static let names: [UInt8: String] = [
        1: "PKCS7",
        2: "PGP",
        3: "DNS",
        4: "X509",
        6: "KERBEROS",
        7: "CRL",
        8: "ARL",
        9: "SPKI",
        10: "X509_ATTRIBUTE",
        11: "RAW_RSA",
        12: "HASH_AND_URL",
        13: "HASH_AND_URL_BUNDLE",
        14: "OCSP",
        15: "RAW_PUBLIC_KEY",
    ]
}
