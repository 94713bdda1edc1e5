// RFC 7296 §3.5
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |   ID Type     |                 RESERVED                      |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                   Identification Data                         ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Who the sender claims to be. The data is checked when it is turned into an ``Identity``.
public struct IdentificationPayload: Hashable, Sendable {
    /// The type of identity.
    public var type: IdentificationType
    /// The identity as it stands on the wire.
    public var data: [UInt8]
    /// The three RESERVED octets as received. They are part of the octets that AUTH covers (RFC 7296 §2.15:
    /// RestOfIDPayload is the received payload without its generic header), so they are kept; zero when sending.
    public private(set) var reserved: [UInt8] = [0, 0, 0]

    /// Makes a payload to send.
    public init(type: IdentificationType, data: [UInt8]) {
        self.type = type
        self.data = data
    }

    /// The payload without its generic header, as it was received or will be sent: RestOfInitIDPayload or
    /// RestOfRespIDPayload of RFC 7296 §2.15.
    public var restOfPayload: [UInt8] { [type.rawValue] + reserved + data }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> IdentificationPayload {
        let type = IdentificationType(rawValue: try reader.readUInt8(bytes))
        let reserved = try reader.readBytes(bytes, count: 3)
        var payload = IdentificationPayload(type: type, data: try reader.readRemaining(bytes))
        payload.reserved = reserved
        return payload
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt8(type.rawValue)
        writer.writeZeros(3)
        writer.writeBytes(data)
    }
}

extension IdentificationPayload {
    /// Compares type and data; RESERVED octets do not make another identity.
    public static func == (left: IdentificationPayload, right: IdentificationPayload) -> Bool {
        left.type == right.type && left.data == right.data
    }

    /// Hashes type and data.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(data)
    }
}
