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
    /// What stands in clear before the SK or SKF payload, where that is allowed.
    var solution: PuzzleSolutionPayload?

    /// The SK or SKF payload must be the first and only payload: nothing in clear stands beside it after IKE_SA_INIT.
    ///
    /// - Parameter allowsSolution: a PS payload may come first, as in IKE_AUTH where a puzzle was given (RFC 8019 §7.2.2);
    ///   of fragments, in the first alone.
    static func parse(
        _ header: IKEHeader,
        _ bytes: Span<UInt8>,
        allowsSolution: Bool = false
    ) throws(ParseError) -> ProtectedEnvelope {
        var reader = WireReader(count: bytes.count)
        try reader.skip(IKEHeader.byteCount)
        var type = header.nextPayload
        var solution: PuzzleSolutionPayload?
        if type == .puzzleSolution, allowsSolution {
            type = PayloadType(rawValue: try reader.readUInt8(bytes))
            try reader.skip(1)
            // RFC 7296 §3.2: the length counts the generic header.
            let length = Int(try reader.readUInt16(bytes))
            guard length > 4 else { throw .badLength }
            var content = try reader.slice(length - 4)
            solution = try PuzzleSolutionPayload.parse(bytes, &content)
        }
        guard type == .encrypted || type == .encryptedFragment else { throw .badValue }
        let length = reader.remaining
        let first = PayloadType(rawValue: try reader.readUInt8(bytes))
        try reader.skip(1)
        guard Int(try reader.readUInt16(bytes)) == length else { throw .badLength }
        var envelope = ProtectedEnvelope(first: first, fragment: nil, bodyOffset: reader.offset)
        envelope.solution = solution
        if type == .encryptedFragment {
            let number = Int(try reader.readUInt16(bytes))
            let total = Int(try reader.readUInt16(bytes))
            guard number >= 1, number <= total, number == 1 || solution == nil else { throw .badValue }
            envelope.fragment = (number, total)
            envelope.bodyOffset = reader.offset
        }
        return envelope
    }

    /// Tells a retransmission from another message with the same Message ID. The last 16 bytes belong to the integrity
    /// check value, which differs whenever anything before it does.
    static func tag(_ datagram: [UInt8]) -> [UInt8] { Array(datagram.suffix(16)) }
}
