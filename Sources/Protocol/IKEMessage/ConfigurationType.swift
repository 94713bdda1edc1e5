/// What a Configuration payload is for (RFC 7296 §3.15).
public struct ConfigurationType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// CFG_REQUEST.
    public static let request = ConfigurationType(rawValue: 1)
    /// CFG_REPLY.
    public static let reply = ConfigurationType(rawValue: 2)
    /// CFG_SET.
    public static let set = ConfigurationType(rawValue: 3)
    /// CFG_ACK.
    public static let acknowledge = ConfigurationType(rawValue: 4)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "cfg(\(rawValue))" }

    private static let names: [UInt8: String] = [
        1: "CFG_REQUEST",
        2: "CFG_REPLY",
        3: "CFG_SET",
        4: "CFG_ACK",
    ]
}
