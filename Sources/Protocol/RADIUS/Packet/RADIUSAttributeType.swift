/// The type of an attribute.
public struct RADIUSAttributeType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// RFC 2865 §5.1: text.
    public static let userName = RADIUSAttributeType(rawValue: 1)
    /// RFC 2865 §5.2: hidden.
    public static let userPassword = RADIUSAttributeType(rawValue: 2)
    /// RFC 2865 §5.4: IPv4 address.
    public static let nasIPAddress = RADIUSAttributeType(rawValue: 4)
    /// RFC 2865 §5.5: number.
    public static let nasPort = RADIUSAttributeType(rawValue: 5)
    /// RFC 2865 §5.6: number.
    public static let serviceType = RADIUSAttributeType(rawValue: 6)
    /// RFC 2865 §5.7: number.
    public static let framedProtocol = RADIUSAttributeType(rawValue: 7)
    /// RFC 2865 §5.8: IPv4 address.
    public static let framedIPAddress = RADIUSAttributeType(rawValue: 8)
    /// RFC 2865 §5.11: text.
    public static let filterID = RADIUSAttributeType(rawValue: 11)
    /// RFC 2865 §5.12: number.
    public static let framedMTU = RADIUSAttributeType(rawValue: 12)
    /// RFC 2865 §5.18: text.
    public static let replyMessage = RADIUSAttributeType(rawValue: 18)
    /// RFC 2865 §5.24: octets.
    public static let state = RADIUSAttributeType(rawValue: 24)
    /// RFC 2865 §5.25: octets.
    public static let `class` = RADIUSAttributeType(rawValue: 25)
    /// RFC 2865 §5.26: vendor and octets.
    public static let vendorSpecific = RADIUSAttributeType(rawValue: 26)
    /// RFC 2865 §5.27: seconds.
    public static let sessionTimeout = RADIUSAttributeType(rawValue: 27)
    /// RFC 2865 §5.30: text.
    public static let calledStationID = RADIUSAttributeType(rawValue: 30)
    /// RFC 2865 §5.31: text.
    public static let callingStationID = RADIUSAttributeType(rawValue: 31)
    /// RFC 2865 §5.32: text.
    public static let nasIdentifier = RADIUSAttributeType(rawValue: 32)
    /// RFC 2865 §5.33: octets.
    public static let proxyState = RADIUSAttributeType(rawValue: 33)
    /// RFC 2866 §5.1: number.
    public static let acctStatusType = RADIUSAttributeType(rawValue: 40)
    /// RFC 2866 §5.3: octets from the user, modulo 2^32.
    public static let acctInputOctets = RADIUSAttributeType(rawValue: 42)
    /// RFC 2866 §5.4: octets to the user, modulo 2^32.
    public static let acctOutputOctets = RADIUSAttributeType(rawValue: 43)
    /// RFC 2866 §5.5: text.
    public static let acctSessionID = RADIUSAttributeType(rawValue: 44)
    /// RFC 2866 §5.6: number.
    public static let acctAuthentic = RADIUSAttributeType(rawValue: 45)
    /// RFC 2866 §5.7: seconds.
    public static let acctSessionTime = RADIUSAttributeType(rawValue: 46)
    /// RFC 2866 §5.8: packets from the user.
    public static let acctInputPackets = RADIUSAttributeType(rawValue: 47)
    /// RFC 2866 §5.9: packets to the user.
    public static let acctOutputPackets = RADIUSAttributeType(rawValue: 48)
    /// RFC 2866 §5.10: number.
    public static let acctTerminateCause = RADIUSAttributeType(rawValue: 49)
    /// RFC 2866 §5.11: text.
    public static let acctMultiSessionID = RADIUSAttributeType(rawValue: 50)
    /// RFC 2869 §5.1: how often Acct-Input-Octets went round.
    public static let acctInputGigawords = RADIUSAttributeType(rawValue: 52)
    /// RFC 2869 §5.2: how often Acct-Output-Octets went round.
    public static let acctOutputGigawords = RADIUSAttributeType(rawValue: 53)
    /// RFC 2869 §5.3: seconds since 1970.
    public static let eventTimestamp = RADIUSAttributeType(rawValue: 55)
    /// RFC 2865 §5.41: number.
    public static let nasPortType = RADIUSAttributeType(rawValue: 61)
    /// RFC 2868 §3.1: tag and number.
    public static let tunnelType = RADIUSAttributeType(rawValue: 64)
    /// RFC 2868 §3.2: tag and number.
    public static let tunnelMediumType = RADIUSAttributeType(rawValue: 65)
    /// RFC 2869 §5.13: octets, a part of an EAP packet.
    public static let eapMessage = RADIUSAttributeType(rawValue: 79)
    /// RFC 3579 §3.2: HMAC-MD5 over the packet.
    public static let messageAuthenticator = RADIUSAttributeType(rawValue: 80)
    /// RFC 2868 §3.6: tag and text.
    public static let tunnelPrivateGroupID = RADIUSAttributeType(rawValue: 81)
    /// RFC 2869 §5.16: seconds.
    public static let acctInterimInterval = RADIUSAttributeType(rawValue: 85)
    /// RFC 2869 §5.17: text.
    public static let nasPortID = RADIUSAttributeType(rawValue: 87)
    /// RFC 3162 §2.1: IPv6 address.
    public static let nasIPv6Address = RADIUSAttributeType(rawValue: 95)
    /// RFC 3162 §2.3: IPv6 prefix.
    public static let framedIPv6Prefix = RADIUSAttributeType(rawValue: 97)
    /// RFC 5176 §3.5: number.
    public static let errorCause = RADIUSAttributeType(rawValue: 101)
    /// RFC 6911 §3.1: IPv6 address.
    public static let framedIPv6Address = RADIUSAttributeType(rawValue: 168)

    /// "attribute 27".
    public var description: String { "attribute \(rawValue)" }
}
