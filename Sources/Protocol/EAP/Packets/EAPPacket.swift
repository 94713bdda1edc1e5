import IPsecTypes

/// One EAP packet (RFC 3748 §4).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |     Code      |  Identifier   |            Length             |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |     Type      |  Type-Data ...
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
public struct EAPPacket: Hashable, Sendable {
    /// What follows the header.
    public enum Body: Hashable, Sendable {
        /// A request with its type and the data of the type.
        case request(EAPMethodType, [UInt8])
        /// A response.
        case response(EAPMethodType, [UInt8])
        /// The server is content.
        case success
        /// The server is not.
        case failure
    }

    /// Matches responses, and Success or Failure, with requests.
    public var identifier: UInt8
    /// Code, type and data.
    public var body: Body

    /// Makes a packet.
    public init(identifier: UInt8, _ body: Body) {
        self.identifier = identifier
        self.body = body
    }

    /// Reads a whole packet. The length field must cover all octets: IKE and TTLS frame packets themselves, so that there
    /// is no link whose padding RFC 3748 §4.1 would have us pass over.
    public init(_ bytes: [UInt8]) throws(EAPFailure) {
        guard bytes.count <= EAPLimits.tlsPacket else {
            throw .tooLarge(what: "an EAP packet", count: bytes.count, limit: EAPLimits.tlsPacket)
        }
        do throws(ParseError) {
            self = try EAPPacket.parse(bytes.span)
        } catch {
            throw .malformed(error)
        }
        guard let type = self.type else { return }
        guard bytes.count <= type.packetLimit else {
            throw .tooLarge(what: "an EAP packet of \(type)", count: bytes.count, limit: type.packetLimit)
        }
    }

    /// The type of a request or a response.
    public var type: EAPMethodType? {
        switch body {
        case .request(let type, _), .response(let type, _): type
        case .success, .failure: nil
        }
    }

    /// The octets on the wire.
    public var bytes: [UInt8] {
        var writer = WireWriter(capacity: 64)
        switch body {
        case .request: writer.writeUInt8(1)
        case .response: writer.writeUInt8(2)
        case .success: writer.writeUInt8(3)
        case .failure: writer.writeUInt8(4)
        }
        writer.writeUInt8(identifier)
        writer.writeUInt16(0)
        switch body {
        case .request(let type, let data), .response(let type, let data):
            writer.writeUInt8(type.rawValue)
            writer.writeBytes(data)
        case .success, .failure: break
        }
        writer.patchUInt16(UInt16(clamping: writer.count), at: 2)
        return writer.bytes
    }

    private static func parse(_ bytes: Span<UInt8>) throws(ParseError) -> EAPPacket {
        var reader = WireReader(count: bytes.count)
        let code = try reader.readUInt8(bytes)
        let identifier = try reader.readUInt8(bytes)
        let length = try reader.readUInt16(bytes)
        guard Int(length) == bytes.count else { throw .badLength }
        switch code {
        case 1, 2:
            let type = EAPMethodType(rawValue: try reader.readUInt8(bytes))
            let data = try reader.readRemaining(bytes)
            return EAPPacket(identifier: identifier, code == 1 ? .request(type, data) : .response(type, data))
        case 3, 4:
            // RFC 3748 §4.2: Success and Failure carry no data.
            try reader.expectEnd()
            return EAPPacket(identifier: identifier, code == 3 ? .success : .failure)
        default: throw .badValue
        }
    }
}
