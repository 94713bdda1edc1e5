/// The type of an identity (RFC 7296 §3.5).
public struct IdentificationType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// An IPv4 address.
    public static let ipv4 = IdentificationType(rawValue: 1)
    /// A domain name.
    public static let fqdn = IdentificationType(rawValue: 2)
    /// A mail address.
    public static let rfc822 = IdentificationType(rawValue: 3)
    /// An IPv6 address.
    public static let ipv6 = IdentificationType(rawValue: 5)
    /// A DER distinguished name.
    public static let derDN = IdentificationType(rawValue: 9)
    /// A DER GeneralName.
    public static let derGN = IdentificationType(rawValue: 10)
    /// Opaque octets.
    public static let keyID = IdentificationType(rawValue: 11)
    /// A Fibre Channel name (RFC 4595).
    public static let fcName = IdentificationType(rawValue: 12)
    /// No identity (RFC 7619).
    public static let null = IdentificationType(rawValue: 13)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "id(\(rawValue))" }

    private static let names: [UInt8: String] = [
        1: "ID_IPV4_ADDR",
        2: "ID_FQDN",
        3: "ID_RFC822_ADDR",
        5: "ID_IPV6_ADDR",
        9: "ID_DER_ASN1_DN",
        10: "ID_DER_ASN1_GN",
        11: "ID_KEY_ID",
        12: "ID_FC_NAME",
        13: "ID_NULL",
    ]
}
