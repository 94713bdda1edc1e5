/// The type of an EAP request or response (RFC 3748 §5).
public struct EAPMethodType: RawRepresentable, Hashable, Sendable {
    /// The number that IANA assigned.
    public var rawValue: UInt8

    /// Makes a value.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Identity (RFC 3748 §5.1).
    public static let identity = EAPMethodType(rawValue: 1)
    /// Notification (RFC 3748 §5.2).
    public static let notification = EAPMethodType(rawValue: 2)
    /// Legacy Nak (RFC 3748 §5.3.1).
    public static let nak = EAPMethodType(rawValue: 3)
    /// MD5-Challenge: known in order to be refused.
    public static let md5 = EAPMethodType(rawValue: 4)
    /// Generic Token Card (RFC 3748 §5.6).
    public static let gtc = EAPMethodType(rawValue: 6)
    /// EAP-TLS (RFC 5216, RFC 9190).
    public static let tls = EAPMethodType(rawValue: 13)
    /// EAP-TTLS (RFC 5281).
    public static let ttls = EAPMethodType(rawValue: 21)
    /// EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2).
    public static let mschapv2 = EAPMethodType(rawValue: 26)
    /// Expanded types, and the Expanded Nak (RFC 3748 §5.7).
    public static let expanded = EAPMethodType(rawValue: 254)

    /// Whether RFC 5998 §4 allows the method where nothing else authenticates the server: it authenticates both ends,
    /// makes a key, and a password cannot be guessed from a recorded exchange. MSCHAPv2 fails the third.
    public var isSafeAlone: Bool { self == .tls || self == .ttls }

    /// Whether the method makes an MSK.
    public var makesKey: Bool { self == .tls || self == .ttls || self == .mschapv2 }

    /// Octets that a packet of this type may have.
    var packetLimit: Int { self == .tls || self == .ttls ? EAPLimits.tlsPacket : EAPLimits.packet }
}

extension EAPMethodType: CustomStringConvertible {
    /// The name in lower case, as configuration and log write it.
    public var description: String {
        switch self {
        case .identity: "identity"
        case .notification: "notification"
        case .nak: "nak"
        case .md5: "md5"
        case .gtc: "gtc"
        case .tls: "tls"
        case .ttls: "ttls"
        case .mschapv2: "mschapv2"
        case .expanded: "expanded"
        default: "type \(rawValue)"
        }
    }

    /// The method with this name; nil when Culvert has no such method.
    public init?(name: String) {
        guard let type = [Self.tls, .ttls, .mschapv2, .gtc].first(where: { $0.description == name }) else { return nil }
        self = type
    }
}
