// RFC 7296 §3.8
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Auth Method   |                RESERVED                       |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                      Authentication Data                      ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// The proof that the sender is who the Identification payload says.
public struct AuthenticationPayload: Hashable, Sendable {
    /// How it is proved.
    public var method: AuthenticationMethod
    /// The signature or MAC; for method 14 with the AlgorithmIdentifier in front (RFC 7427 §3).
    public var data: [UInt8]

    /// Makes a payload.
    public init(method: AuthenticationMethod, data: [UInt8]) {
        self.method = method
        self.data = data
    }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> AuthenticationPayload {
        let method = AuthenticationMethod(rawValue: try reader.readUInt8(bytes))
        try reader.skip(3)
        return AuthenticationPayload(method: method, data: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt8(method.rawValue)
        writer.writeZeros(3)
        writer.writeBytes(data)
    }
}
