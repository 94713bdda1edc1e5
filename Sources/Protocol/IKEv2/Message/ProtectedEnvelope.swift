import IKEMessage
import IPsecTypes

/// The clear part of an SK or SKF message: enough to find the sealed part.
struct ProtectedEnvelope {
    /// The type of the first sealed payload.
    var first: PayloadType
    /// Number and total of an SKF payload (RFC 7383 §2.5).
    var fragment: (number: Int, total: Int)?
    /// Where the IV starts.
    var bodyOffset: Int

    /// The SK or SKF payload must be the first and only payload: nothing in clear stands beside it after IKE_SA_INIT.
    static func parse(_ header: IKEHeader, _ bytes: Span<UInt8>) throws(ParseError) -> ProtectedEnvelope {
        guard header.nextPayload == .encrypted || header.nextPayload == .encryptedFragment else { throw .badValue }
        var reader = WireReader(count: bytes.count)
        try reader.skip(IKEHeader.byteCount)
        let length = reader.remaining
        let first = PayloadType(rawValue: try reader.readUInt8(bytes))
        try reader.skip(1)
        guard Int(try reader.readUInt16(bytes)) == length else { throw .badLength }
        var envelope = ProtectedEnvelope(first: first, fragment: nil, bodyOffset: reader.offset)
        if header.nextPayload == .encryptedFragment {
            let number = Int(try reader.readUInt16(bytes))
            let total = Int(try reader.readUInt16(bytes))
            guard number >= 1, number <= total else { throw .badValue }
            envelope.fragment = (number, total)
            envelope.bodyOffset = reader.offset
        }
        return envelope
    }

    /// Tells a retransmission from another message with the same Message ID. The last 16 bytes belong to the integrity
    /// check value, which differs whenever anything before it does.
    static func tag(_ datagram: [UInt8]) -> [UInt8] { Array(datagram.suffix(16)) }
}
