import IPsecTypes

/// The Type-Data of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-00 §2).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |    OpCode     |  MS-CHAPv2-ID |           MS-Length           |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |   Data ...
///     +-+-+-+-+-+-
public enum MSCHAPv2Message: Hashable, Sendable {
    /// What the server asks; `value` has 16 bytes.
    case challenge(identifier: UInt8, value: [UInt8], name: [UInt8])
    /// What the peer answers: 16 bytes of challenge, 24 of response.
    case response(identifier: UInt8, peerChallenge: [UInt8], response: [UInt8], name: [UInt8])
    /// "S=" and the authenticator's proof, with a text.
    case success(identifier: UInt8, message: [UInt8])
    /// "E=691 R=0 C=… V=3 M=text".
    case failure(identifier: UInt8, message: [UInt8])
    /// The peer accepts the server's proof.
    case successResponse
    /// The peer has seen the refusal.
    case failureResponse

    /// Reads the data of a request.
    public static func request(_ data: [UInt8]) throws(EAPFailure) -> MSCHAPv2Message {
        do throws(ParseError) {
            return try parseRequest(data.span)
        } catch {
            throw .malformed(error)
        }
    }

    /// Reads the data of a response.
    public static func response(_ data: [UInt8]) throws(EAPFailure) -> MSCHAPv2Message {
        do throws(ParseError) {
            return try parseResponse(data.span)
        } catch {
            throw .malformed(error)
        }
    }

    /// The Type-Data on the wire.
    public var data: [UInt8] {
        var writer = WireWriter(capacity: 80)
        func header(_ code: UInt8, _ identifier: UInt8) {
            writer.writeUInt8(code)
            writer.writeUInt8(identifier)
            writer.writeUInt16(0)
        }
        switch self {
        case .challenge(let identifier, let value, let name):
            header(1, identifier)
            writer.writeUInt8(UInt8(clamping: value.count))
            writer.writeBytes(value)
            writer.writeBytes(name)
        case .response(let identifier, let peerChallenge, let response, let name):
            header(2, identifier)
            writer.writeUInt8(49)
            writer.writeBytes(peerChallenge)
            writer.writeZeros(8)
            writer.writeBytes(response)
            writer.writeUInt8(0)
            writer.writeBytes(name)
        case .success(let identifier, let message):
            header(3, identifier)
            writer.writeBytes(message)
        case .failure(let identifier, let message):
            header(4, identifier)
            writer.writeBytes(message)
        // §2.4 and §2.6: these two are an OpCode and nothing else.
        case .successResponse: return [3]
        case .failureResponse: return [4]
        }
        writer.patchUInt16(UInt16(clamping: writer.count), at: 2)
        return writer.bytes
    }

    private static func parseRequest(_ bytes: Span<UInt8>) throws(ParseError) -> MSCHAPv2Message {
        var reader = WireReader(count: bytes.count)
        let code = try reader.readUInt8(bytes)
        let identifier = try reader.readUInt8(bytes)
        guard try Int(reader.readUInt16(bytes)) == bytes.count else { throw .badLength }
        switch code {
        case 1:
            guard try reader.readUInt8(bytes) == 16 else { throw .badLength }
            let value = try reader.readBytes(bytes, count: 16)
            return .challenge(identifier: identifier, value: value, name: try reader.readRemaining(bytes))
        case 3: return .success(identifier: identifier, message: try reader.readRemaining(bytes))
        case 4: return .failure(identifier: identifier, message: try reader.readRemaining(bytes))
        default: throw .badValue
        }
    }

    private static func parseResponse(_ bytes: Span<UInt8>) throws(ParseError) -> MSCHAPv2Message {
        var reader = WireReader(count: bytes.count)
        let code = try reader.readUInt8(bytes)
        // Some peers send the whole header with these two; there is nothing in it to look at.
        if code == 3 || code == 4 {
            guard reader.remaining <= 3 else { throw .trailingBytes }
            return code == 3 ? .successResponse : .failureResponse
        }
        guard code == 2 else { throw .badValue }
        let identifier = try reader.readUInt8(bytes)
        guard try Int(reader.readUInt16(bytes)) == bytes.count else { throw .badLength }
        guard try reader.readUInt8(bytes) == 49 else { throw .badLength }
        let peerChallenge = try reader.readBytes(bytes, count: 16)
        try reader.skip(8)
        let response = try reader.readBytes(bytes, count: 24)
        try reader.skip(1)
        return .response(
            identifier: identifier,
            peerChallenge: peerChallenge,
            response: response,
            name: try reader.readRemaining(bytes)
        )
    }
}
