/// The code of a RADIUS packet (RFC 2865 §4, RFC 2866 §4, RFC 5176 §2.3, RFC 5997 §4.1).
public struct RADIUSCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A user asks to come in.
    public static let accessRequest = RADIUSCode(rawValue: 1)
    /// The user may.
    public static let accessAccept = RADIUSCode(rawValue: 2)
    /// The user may not.
    public static let accessReject = RADIUSCode(rawValue: 3)
    /// A session began, goes on or ended.
    public static let accountingRequest = RADIUSCode(rawValue: 4)
    /// That was noted.
    public static let accountingResponse = RADIUSCode(rawValue: 5)
    /// The server wants to know more.
    public static let accessChallenge = RADIUSCode(rawValue: 11)
    /// Whether a server is there.
    public static let statusServer = RADIUSCode(rawValue: 12)
    /// End sessions.
    public static let disconnectRequest = RADIUSCode(rawValue: 40)
    /// They end.
    public static let disconnectACK = RADIUSCode(rawValue: 41)
    /// They do not.
    public static let disconnectNAK = RADIUSCode(rawValue: 42)
    /// Change what sessions may do.
    public static let coaRequest = RADIUSCode(rawValue: 43)
    /// It is changed.
    public static let coaACK = RADIUSCode(rawValue: 44)
    /// It is not.
    public static let coaNAK = RADIUSCode(rawValue: 45)

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "code(\(rawValue))" }

    /// Whether the Request Authenticator is a digest over the packet (RFC 2866 §3, RFC 5176 §2.3) and no random number.
    var hasDigestAsRequestAuthenticator: Bool {
        [.accountingRequest, .disconnectRequest, .coaRequest].contains(self)
    }

    private static let names: [UInt8: String] = [
        1: "Access-Request", 2: "Access-Accept", 3: "Access-Reject", 4: "Accounting-Request",
        5: "Accounting-Response", 11: "Access-Challenge", 12: "Status-Server", 40: "Disconnect-Request",
        41: "Disconnect-ACK", 42: "Disconnect-NAK", 43: "CoA-Request", 44: "CoA-ACK", 45: "CoA-NAK",
    ]
}
