/// The security protocol that an SA, notification or deletion is about (RFC 7296 §3.3.1).
public struct ProtocolID: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// No protocol: the notification is about no SA.
    public static let none = ProtocolID(rawValue: 0)
    /// IKE.
    public static let ike = ProtocolID(rawValue: 1)
    /// AH.
    public static let ah = ProtocolID(rawValue: 2)
    /// ESP.
    public static let esp = ProtocolID(rawValue: 3)
    /// Fibre Channel ESP header (RFC 4595).
    public static let fcESPHeader = ProtocolID(rawValue: 4)
    /// Fibre Channel CT authentication (RFC 4595).
    public static let fcCTAuthentication = ProtocolID(rawValue: 5)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "protocol(\(rawValue))" }

    private static let names: [UInt8: String] = [
        0: "none",
        1: "IKE",
        2: "AH",
        3: "ESP",
        4: "FC_ESP_HEADER",
        5: "FC_CT_AUTHENTICATION",
    ]
}
