// RFC 7296 §3.15.1
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |R|         Attribute Type      |            Length             |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                             Value                             ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// One attribute of a Configuration payload. Nil stands for a value of length zero: a request without a wish.
///
/// An address must be of the family that the case names.
public enum ConfigurationAttribute: Hashable, Sendable {
    /// INTERNAL_IP4_ADDRESS.
    case internalIP4Address(IPAddress?)
    /// INTERNAL_IP4_NETMASK.
    case internalIP4Netmask(IPAddress?)
    /// INTERNAL_IP4_DNS.
    case internalIP4DNS(IPAddress?)
    /// INTERNAL_IP4_NBNS.
    case internalIP4NBNS(IPAddress?)
    /// INTERNAL_IP4_DHCP.
    case internalIP4DHCP(IPAddress?)
    /// APPLICATION_VERSION: printable ASCII by the RFC, any octets on receipt.
    case applicationVersion([UInt8])
    /// INTERNAL_IP6_ADDRESS: an address with the length of its prefix.
    case internalIP6Address(InterfaceAddress?)
    /// INTERNAL_IP6_DNS.
    case internalIP6DNS(IPAddress?)
    /// INTERNAL_IP6_DHCP.
    case internalIP6DHCP(IPAddress?)
    /// INTERNAL_IP4_SUBNET.
    case internalIP4Subnet(IPPrefix?)
    /// SUPPORTED_ATTRIBUTES.
    case supportedAttributes([ConfigurationAttributeType])
    /// INTERNAL_IP6_SUBNET.
    case internalIP6Subnet(IPPrefix?)
    /// INTERNAL_IP6_LINK (RFC 5739): interface identifier and IKEv2 Link ID.
    case internalIP6Link(interfaceID: UInt64, linkID: [UInt8])
    /// INTERNAL_IP6_PREFIX (RFC 5739).
    case internalIP6Prefix(IPPrefix?)
    /// P_CSCF_IP4_ADDRESS (RFC 7651).
    case pcscfIP4Address(IPAddress?)
    /// P_CSCF_IP6_ADDRESS (RFC 7651).
    case pcscfIP6Address(IPAddress?)
    /// TIMEOUT_PERIOD_FOR_LIVENESS_CHECK (3GPP TS 24.302 §8.2.4.2): seconds.
    case livenessTimeout(seconds: UInt32?)
    /// INTERNAL_DNS_DOMAIN (RFC 8598): a domain name without final NUL.
    case internalDNSDomain(String?)
    /// INTERNAL_DNSSEC_TA (RFC 8598): belongs to the INTERNAL_DNS_DOMAIN before it.
    case internalDNSSECTrustAnchor(DNSSECTrustAnchor?)
    /// Any other attribute as it stands on the wire.
    case other(ConfigurationAttributeType, [UInt8])

    /// An IPv6 address with the prefix length of its link.
    public struct InterfaceAddress: Hashable, Sendable {
        /// The address.
        public var address: IPAddress
        /// The prefix length: 0...128.
        public var prefixLength: UInt8

        /// Makes a value.
        public init(_ address: IPAddress, prefixLength: UInt8) {
            self.address = address
            self.prefixLength = prefixLength
        }
    }

    /// A digest of a DNSKEY (RFC 8598 §4.2).
    public struct DNSSECTrustAnchor: Hashable, Sendable {
        /// The key tag.
        public var keyTag: UInt16
        /// The DNSSEC algorithm.
        public var algorithm: UInt8
        /// The digest's type.
        public var digestType: UInt8
        /// The digest.
        public var digest: [UInt8]

        /// Makes a value.
        public init(keyTag: UInt16, algorithm: UInt8, digestType: UInt8, digest: [UInt8]) {
            self.keyTag = keyTag
            self.algorithm = algorithm
            self.digestType = digestType
            self.digest = digest
        }
    }

    /// The attribute's type.
    public var type: ConfigurationAttributeType {
        switch self {
        case .internalIP4Address: .internalIP4Address
        case .internalIP4Netmask: .internalIP4Netmask
        case .internalIP4DNS: .internalIP4DNS
        case .internalIP4NBNS: .internalIP4NBNS
        case .internalIP4DHCP: .internalIP4DHCP
        case .applicationVersion: .applicationVersion
        case .internalIP6Address: .internalIP6Address
        case .internalIP6DNS: .internalIP6DNS
        case .internalIP6DHCP: .internalIP6DHCP
        case .internalIP4Subnet: .internalIP4Subnet
        case .supportedAttributes: .supportedAttributes
        case .internalIP6Subnet: .internalIP6Subnet
        case .internalIP6Link: .internalIP6Link
        case .internalIP6Prefix: .internalIP6Prefix
        case .pcscfIP4Address: .pcscfIP4Address
        case .pcscfIP6Address: .pcscfIP6Address
        case .livenessTimeout: .livenessTimeout
        case .internalDNSDomain: .internalDNSDomain
        case .internalDNSSECTrustAnchor: .internalDNSSECTA
        case .other(let type, _): type
        }
    }
}
