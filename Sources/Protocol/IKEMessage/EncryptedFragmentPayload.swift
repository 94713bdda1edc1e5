// RFC 7383 §2.5
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |        Fragment Number        |        Total Fragments        |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                     Initialization Vector                     |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    ~                      Encrypted content                        ~
//    +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |               |             Padding (0-255 octets)            |
//    +-+-+-+-+-+-+-+-+                               +-+-+-+-+-+-+-+-+
//    |                                               |  Pad Length   |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    ~                    Integrity Checksum Data                    ~
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// One sealed fragment of a payload chain.
public struct EncryptedFragmentPayload: Hashable, Sendable {
    /// The type of the first payload of the whole chain; meaningful in fragment 1 alone, `.none` in the others.
    public var firstPayload: PayloadType
    /// Which fragment this is: 1...``totalFragments``.
    public var fragmentNumber: UInt16
    /// How many there are.
    public var totalFragments: UInt16
    /// IV, ciphertext and ICV.
    public var body: [UInt8]
    /// Where the body starts in the message that was parsed: the octets before it are authenticated with it.
    public private(set) var bodyOffset: Int

    /// Makes a payload; `bodyOffset` is that of a message with nothing before it.
    public init(firstPayload: PayloadType, fragmentNumber: UInt16, totalFragments: UInt16, body: [UInt8]) {
        self.firstPayload = firstPayload
        self.fragmentNumber = fragmentNumber
        self.totalFragments = totalFragments
        self.body = body
        bodyOffset = IKEHeader.byteCount + 8
    }

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader,
        first: PayloadType,
        _ limits: IKEMessageLimits
    ) throws(ParseError) -> EncryptedFragmentPayload {
        let number = try reader.readUInt16(bytes)
        let total = try reader.readUInt16(bytes)
        // RFC 7383 §2.6: a fragment with impossible numbers is discarded.
        guard number >= 1, number <= total else { throw .badValue }
        guard Int(total) <= limits.fragments else { throw .limitExceeded }
        let offset = reader.offset
        var payload = EncryptedFragmentPayload(
            firstPayload: first,
            fragmentNumber: number,
            totalFragments: total,
            body: try reader.readRemaining(bytes)
        )
        payload.bodyOffset = offset
        return payload
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt16(fragmentNumber)
        writer.writeUInt16(totalFragments)
        writer.writeBytes(body)
    }
}
