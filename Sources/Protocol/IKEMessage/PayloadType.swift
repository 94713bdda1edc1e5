/// The type of a payload (RFC 7296 §3.2).
public struct PayloadType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// No further payload.
    public static let none = PayloadType(rawValue: 0)
    /// Security Association.
    public static let securityAssociation = PayloadType(rawValue: 33)
    /// Key Exchange.
    public static let keyExchange = PayloadType(rawValue: 34)
    /// Identification of the initiator.
    public static let identificationInitiator = PayloadType(rawValue: 35)
    /// Identification of the responder.
    public static let identificationResponder = PayloadType(rawValue: 36)
    /// Certificate.
    public static let certificate = PayloadType(rawValue: 37)
    /// Certificate Request.
    public static let certificateRequest = PayloadType(rawValue: 38)
    /// Authentication.
    public static let authentication = PayloadType(rawValue: 39)
    /// Nonce.
    public static let nonce = PayloadType(rawValue: 40)
    /// Notify.
    public static let notify = PayloadType(rawValue: 41)
    /// Delete.
    public static let delete = PayloadType(rawValue: 42)
    /// Vendor ID.
    public static let vendorID = PayloadType(rawValue: 43)
    /// Traffic Selectors of the initiator.
    public static let trafficSelectorsInitiator = PayloadType(rawValue: 44)
    /// Traffic Selectors of the responder.
    public static let trafficSelectorsResponder = PayloadType(rawValue: 45)
    /// Encrypted and Authenticated.
    public static let encrypted = PayloadType(rawValue: 46)
    /// Configuration.
    public static let configuration = PayloadType(rawValue: 47)
    /// Extensible Authentication.
    public static let eap = PayloadType(rawValue: 48)
    /// Generic Secure Password Method (RFC 6467); not supported.
    public static let securePassword = PayloadType(rawValue: 49)
    /// Encrypted and Authenticated Fragment (RFC 7383).
    public static let encryptedFragment = PayloadType(rawValue: 53)
    /// Puzzle Solution (RFC 8019).
    public static let puzzleSolution = PayloadType(rawValue: 54)

    /// Whether this room reads the payload. Others are skipped, or refused when they are critical (RFC 7296 §2.5).
    public var isSupported: Bool {
        (33...48).contains(rawValue) || self == .encryptedFragment || self == .puzzleSolution
    }

    /// Whether the payload is a sealed one.
    public var isEncrypted: Bool { self == .encrypted || self == .encryptedFragment }

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "payload(\(rawValue))" }

    private static let names: [UInt8: String] = [
        0: "none",
        33: "SA",
        34: "KE",
        35: "IDi",
        36: "IDr",
        37: "CERT",
        38: "CERTREQ",
        39: "AUTH",
        40: "Nonce",
        41: "N",
        42: "D",
        43: "V",
        44: "TSi",
        45: "TSr",
        46: "SK",
        47: "CP",
        48: "EAP",
        49: "GSPM",
        53: "SKF",
        54: "PS",
    ]
}
