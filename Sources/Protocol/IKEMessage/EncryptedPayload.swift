// RFC 7296 §3.14
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                     Initialization Vector                     |
//    |         (length is block size for encryption algorithm)       |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    ~                    Encrypted IKE Payloads                     ~
//    +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |               |             Padding (0-255 octets)            |
//    +-+-+-+-+-+-+-+-+                               +-+-+-+-+-+-+-+-+
//    |                                               |  Pad Length   |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    ~                    Integrity Checksum Data                    ~
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// A sealed payload chain. How the body divides into IV, ciphertext and ICV depends on the IKE SA.
public struct EncryptedPayload: Hashable, Sendable {
    /// The type of the first payload inside.
    public var firstPayload: PayloadType
    /// IV, ciphertext and ICV.
    public var body: [UInt8]
    /// Where the body starts in the message that was parsed: the octets before it are authenticated with it.
    public private(set) var bodyOffset: Int

    /// Makes a payload; `bodyOffset` is that of a message with nothing before it.
    public init(firstPayload: PayloadType, body: [UInt8]) {
        self.firstPayload = firstPayload
        self.body = body
        bodyOffset = IKEHeader.byteCount + 4
    }

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader,
        first: PayloadType
    ) throws(ParseError) -> EncryptedPayload {
        let offset = reader.offset
        var payload = EncryptedPayload(firstPayload: first, body: try reader.readRemaining(bytes))
        payload.bodyOffset = offset
        return payload
    }

    func write(into writer: inout WireWriter) { writer.writeBytes(body) }
}
