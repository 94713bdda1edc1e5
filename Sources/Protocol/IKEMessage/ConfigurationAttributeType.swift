/// The type of a configuration attribute (RFC 7296 §3.15.1): 15 bits.
public struct ConfigurationAttributeType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt16
    /// Makes a value from its number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// INTERNAL_IP4_ADDRESS.
    public static let internalIP4Address = ConfigurationAttributeType(rawValue: 1)
    /// INTERNAL_IP4_NETMASK.
    public static let internalIP4Netmask = ConfigurationAttributeType(rawValue: 2)
    /// INTERNAL_IP4_DNS.
    public static let internalIP4DNS = ConfigurationAttributeType(rawValue: 3)
    /// INTERNAL_IP4_NBNS.
    public static let internalIP4NBNS = ConfigurationAttributeType(rawValue: 4)
    /// INTERNAL_IP4_DHCP.
    public static let internalIP4DHCP = ConfigurationAttributeType(rawValue: 6)
    /// APPLICATION_VERSION.
    public static let applicationVersion = ConfigurationAttributeType(rawValue: 7)
    /// INTERNAL_IP6_ADDRESS.
    public static let internalIP6Address = ConfigurationAttributeType(rawValue: 8)
    /// INTERNAL_IP6_DNS.
    public static let internalIP6DNS = ConfigurationAttributeType(rawValue: 10)
    /// INTERNAL_IP6_DHCP.
    public static let internalIP6DHCP = ConfigurationAttributeType(rawValue: 12)
    /// INTERNAL_IP4_SUBNET.
    public static let internalIP4Subnet = ConfigurationAttributeType(rawValue: 13)
    /// SUPPORTED_ATTRIBUTES.
    public static let supportedAttributes = ConfigurationAttributeType(rawValue: 14)
    /// INTERNAL_IP6_SUBNET.
    public static let internalIP6Subnet = ConfigurationAttributeType(rawValue: 15)
    /// MIP6_HOME_PREFIX (RFC 5026).
    public static let mip6HomePrefix = ConfigurationAttributeType(rawValue: 16)
    /// INTERNAL_IP6_LINK (RFC 5739).
    public static let internalIP6Link = ConfigurationAttributeType(rawValue: 17)
    /// INTERNAL_IP6_PREFIX (RFC 5739).
    public static let internalIP6Prefix = ConfigurationAttributeType(rawValue: 18)
    /// HOME_AGENT_ADDRESS (RFC 5026).
    public static let homeAgentAddress = ConfigurationAttributeType(rawValue: 19)
    /// P_CSCF_IP4_ADDRESS (RFC 7651).
    public static let pcscfIP4Address = ConfigurationAttributeType(rawValue: 20)
    /// P_CSCF_IP6_ADDRESS (RFC 7651).
    public static let pcscfIP6Address = ConfigurationAttributeType(rawValue: 21)
    /// FTT_KAT (3GPP TS 24.302).
    public static let fttKAT = ConfigurationAttributeType(rawValue: 22)
    /// EXTERNAL_SOURCE_IP4_NAT_INFO (3GPP TS 24.302).
    public static let externalSourceIP4NATInfo = ConfigurationAttributeType(rawValue: 23)
    /// TIMEOUT_PERIOD_FOR_LIVENESS_CHECK (3GPP TS 24.302).
    public static let livenessTimeout = ConfigurationAttributeType(rawValue: 24)
    /// INTERNAL_DNS_DOMAIN (RFC 8598).
    public static let internalDNSDomain = ConfigurationAttributeType(rawValue: 25)
    /// INTERNAL_DNSSEC_TA (RFC 8598).
    public static let internalDNSSECTA = ConfigurationAttributeType(rawValue: 26)
    /// ENCDNS_IP4 (RFC 9464).
    public static let encryptedDNSIP4 = ConfigurationAttributeType(rawValue: 27)
    /// ENCDNS_IP6 (RFC 9464).
    public static let encryptedDNSIP6 = ConfigurationAttributeType(rawValue: 28)
    /// ENCDNS_DIGEST_INFO (RFC 9464).
    public static let encryptedDNSDigestInfo = ConfigurationAttributeType(rawValue: 29)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "attribute(\(rawValue))" }

    private static let names: [UInt16: String] = [
        1: "INTERNAL_IP4_ADDRESS",
        2: "INTERNAL_IP4_NETMASK",
        3: "INTERNAL_IP4_DNS",
        4: "INTERNAL_IP4_NBNS",
        6: "INTERNAL_IP4_DHCP",
        7: "APPLICATION_VERSION",
        8: "INTERNAL_IP6_ADDRESS",
        10: "INTERNAL_IP6_DNS",
        12: "INTERNAL_IP6_DHCP",
        13: "INTERNAL_IP4_SUBNET",
        14: "SUPPORTED_ATTRIBUTES",
        15: "INTERNAL_IP6_SUBNET",
        16: "MIP6_HOME_PREFIX",
        17: "INTERNAL_IP6_LINK",
        18: "INTERNAL_IP6_PREFIX",
        19: "HOME_AGENT_ADDRESS",
        20: "P_CSCF_IP4_ADDRESS",
        21: "P_CSCF_IP6_ADDRESS",
        22: "FTT_KAT",
        23: "EXTERNAL_SOURCE_IP4_NAT_INFO",
        24: "TIMEOUT_PERIOD_FOR_LIVENESS_CHECK",
        25: "INTERNAL_DNS_DOMAIN",
        26: "INTERNAL_DNSSEC_TA",
        27: "ENCDNS_IP4",
        28: "ENCDNS_IP6",
        29: "ENCDNS_DIGEST_INFO",
    ]
}
