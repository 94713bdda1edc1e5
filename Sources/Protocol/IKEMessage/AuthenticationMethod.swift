/// The method of an Authentication payload (RFC 7296 §3.8).
public struct AuthenticationMethod: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// RSA digital signature, RSASSA-PKCS1-v1_5.
    public static let rsaSignature = AuthenticationMethod(rawValue: 1)
    /// Shared key message integrity code.
    public static let sharedKey = AuthenticationMethod(rawValue: 2)
    /// DSS digital signature.
    public static let dssSignature = AuthenticationMethod(rawValue: 3)
    /// ECDSA with SHA-256 on P-256 (RFC 4754).
    public static let ecdsaSHA256P256 = AuthenticationMethod(rawValue: 9)
    /// ECDSA with SHA-384 on P-384 (RFC 4754).
    public static let ecdsaSHA384P384 = AuthenticationMethod(rawValue: 10)
    /// ECDSA with SHA-512 on P-521 (RFC 4754).
    public static let ecdsaSHA512P521 = AuthenticationMethod(rawValue: 11)
    /// Generic secure password (RFC 6467).
    public static let securePassword = AuthenticationMethod(rawValue: 12)
    /// NULL authentication (RFC 7619).
    public static let null = AuthenticationMethod(rawValue: 13)
    /// Digital signature (RFC 7427).
    public static let digitalSignature = AuthenticationMethod(rawValue: 14)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "method(\(rawValue))" }

    private static let names: [UInt8: String] = [
        1: "RSA",
        2: "PSK",
        3: "DSS",
        9: "ECDSA-256",
        10: "ECDSA-384",
        11: "ECDSA-521",
        12: "GSPAM",
        13: "NULL",
        14: "SIGNATURE",
    ]
}
