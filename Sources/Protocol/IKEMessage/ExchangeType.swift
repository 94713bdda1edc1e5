/// The type of an exchange (RFC 7296 §3.1).
public struct ExchangeType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// IKE_SA_INIT.
    public static let ikeSAInit = ExchangeType(rawValue: 34)
    /// IKE_AUTH.
    public static let ikeAuth = ExchangeType(rawValue: 35)
    /// CREATE_CHILD_SA.
    public static let createChildSA = ExchangeType(rawValue: 36)
    /// INFORMATIONAL.
    public static let informational = ExchangeType(rawValue: 37)
    /// IKE_SESSION_RESUME (RFC 5723).
    public static let ikeSessionResume = ExchangeType(rawValue: 38)
    /// IKE_INTERMEDIATE (RFC 9242).
    public static let ikeIntermediate = ExchangeType(rawValue: 43)
    /// IKE_FOLLOWUP_KE (RFC 9370).
    public static let ikeFollowupKE = ExchangeType(rawValue: 44)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "exchange(\(rawValue))" }

    private static let names: [UInt8: String] = [
        34: "IKE_SA_INIT",
        35: "IKE_AUTH",
        36: "CREATE_CHILD_SA",
        37: "INFORMATIONAL",
        38: "IKE_SESSION_RESUME",
        43: "IKE_INTERMEDIATE",
        44: "IKE_FOLLOWUP_KE",
    ]
}
