/// The type of a transform (RFC 7296 §3.3.2).
public struct TransformType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Encryption algorithm.
    public static let encryption = TransformType(rawValue: 1)
    /// Pseudorandom function.
    public static let prf = TransformType(rawValue: 2)
    /// Integrity algorithm.
    public static let integrity = TransformType(rawValue: 3)
    /// Key exchange method.
    public static let keyExchange = TransformType(rawValue: 4)
    /// Extended sequence numbers.
    public static let sequenceNumbers = TransformType(rawValue: 5)
    /// Additional key exchange 1 (RFC 9370).
    public static let additionalKeyExchange1 = TransformType(rawValue: 6)
    /// Additional key exchange 2 (RFC 9370).
    public static let additionalKeyExchange2 = TransformType(rawValue: 7)
    /// Additional key exchange 3 (RFC 9370).
    public static let additionalKeyExchange3 = TransformType(rawValue: 8)
    /// Additional key exchange 4 (RFC 9370).
    public static let additionalKeyExchange4 = TransformType(rawValue: 9)
    /// Additional key exchange 5 (RFC 9370).
    public static let additionalKeyExchange5 = TransformType(rawValue: 10)
    /// Additional key exchange 6 (RFC 9370).
    public static let additionalKeyExchange6 = TransformType(rawValue: 11)
    /// Additional key exchange 7 (RFC 9370).
    public static let additionalKeyExchange7 = TransformType(rawValue: 12)

    /// The types of the additional key exchanges, in their order (RFC 9370).
    public static let additionalKeyExchanges: [TransformType] = [
        .additionalKeyExchange1, .additionalKeyExchange2, .additionalKeyExchange3, .additionalKeyExchange4,
        .additionalKeyExchange5, .additionalKeyExchange6, .additionalKeyExchange7,
    ]

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "transform(\(rawValue))" }

    private static let names: [UInt8: String] = [
        1: "ENCR",
        2: "PRF",
        3: "INTEG",
        4: "KE",
        5: "ESN",
        6: "ADDKE1",
        7: "ADDKE2",
        8: "ADDKE3",
        9: "ADDKE4",
        10: "ADDKE5",
        11: "ADDKE6",
        12: "ADDKE7",
    ]
}
