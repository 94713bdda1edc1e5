// RFC 7296 §3.16, RFC 3748 §4
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |     Code      | Identifier    |           Length              |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |     Type      | Type_Data...
//    +-+-+-+-+-+-+-+-+-

import IPsecTypes

/// One EAP packet. Its codes and types are the EAP room's business; here its length has been checked.
public struct EAPPayload: Hashable, Sendable {
    /// 1 request, 2 response, 3 success, 4 failure, 5 initiate, 6 finish.
    public var code: UInt8
    /// Matches a response to its request.
    public var identifier: UInt8
    /// What follows the length: the type and its data, nothing in success and failure.
    public var content: [UInt8]

    /// Makes a payload.
    public init(code: UInt8, identifier: UInt8, content: [UInt8]) {
        self.code = code
        self.identifier = identifier
        self.content = content
    }

    /// Makes a payload of a whole EAP packet; nil when its length field is wrong.
    public init?(packet: [UInt8]) {
        var reader = WireReader(count: packet.count)
        guard let payload = try? EAPPayload.parse(packet.span, &reader), reader.isAtEnd else { return nil }
        self = payload
    }

    /// EAP Failure, which answers the response with this identifier (RFC 3748 §4.2).
    public static func failure(_ identifier: UInt8) -> EAPPayload {
        EAPPayload(code: failureCode, identifier: identifier, content: [])
    }

    /// Whether it is a request.
    public var isRequest: Bool { code == Self.request }
    /// Whether it is a response.
    public var isResponse: Bool { code == Self.response }
    /// Whether it is a success.
    public var isSuccess: Bool { code == Self.successCode }
    /// Whether it is a failure.
    public var isFailure: Bool { code == Self.failureCode }

    /// The method, for a request or response.
    public var type: UInt8? { content.first }

    /// The whole EAP packet, for RADIUS and the methods.
    public var packet: [UInt8] {
        var writer = WireWriter(capacity: 4 + content.count)
        write(into: &writer)
        return writer.bytes
    }

    private static let request: UInt8 = 1
    private static let response: UInt8 = 2
    private static let successCode: UInt8 = 3
    private static let failureCode: UInt8 = 4

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> EAPPayload {
        // RFC 7296 §3.16: Length is four less than the payload's length, which is what this reader holds.
        let length = reader.remaining
        let code = try reader.readUInt8(bytes)
        let identifier = try reader.readUInt8(bytes)
        guard Int(try reader.readUInt16(bytes)) == length else { throw .badLength }
        // RFC 3748 §4.1: a request or response always has a type.
        guard !reader.isAtEnd || (code != request && code != response) else { throw .badLength }
        return EAPPayload(code: code, identifier: identifier, content: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) {
        precondition(content.count <= 65_531, "an EAP packet has 16 bits of length")
        writer.writeUInt8(code)
        writer.writeUInt8(identifier)
        writer.writeUInt16(UInt16(4 + content.count))
        writer.writeBytes(content)
    }
}
