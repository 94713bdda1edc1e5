// RFC 7296 §3.2, the generic payload header
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Next Payload  |C|  RESERVED   |         Payload Length        |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Walks and writes chains of payloads.
enum PayloadChain {
    private static let headerLength = 4
    private static let criticalBit: UInt8 = 0x80

    /// Reads from `reader` to its end.
    static func parse(
        _ first: PayloadType,
        _ bytes: Span<UInt8>,
        _ reader: WireReader,
        _ limits: IKEMessageLimits,
        encryptedAllowed: Bool
    ) throws(IKEMessageError) -> [Payload] {
        var reader = reader
        var type = first
        var payloads: [Payload] = []
        while type != .none {
            guard payloads.count < limits.payloads else { throw .tooManyPayloads }
            let next: PayloadType
            let critical: Bool
            var body: WireReader
            do {
                var header = reader
                next = PayloadType(rawValue: try header.readUInt8(bytes))
                // RESERVED is ignored on receipt.
                critical = try header.readUInt8(bytes) & criticalBit != 0
                body = try reader.slice(Int(try header.readUInt16(bytes)))
                try body.skip(headerLength)
            } catch { throw .invalidSyntax(type, error) }
            // RFC 7296 §2.5: the critical bit of a payload that is understood is ignored.
            guard type.isSupported || !critical else { throw .unsupportedCriticalPayload(type.rawValue) }
            do throws(ParseError) {
                let payload = try Payload.parse(type, next: next, bytes, &body, limits)
                try body.expectEnd()
                payloads.append(payload)
                if type.isEncrypted {
                    // RFC 7296 §3.14: it is the last payload; its Next Payload names what is inside.
                    guard encryptedAllowed else { throw .badValue }
                    try reader.expectEnd()
                    return payloads
                }
            } catch { throw .invalidSyntax(type, error) }
            type = next
        }
        do { try reader.expectEnd() } catch { throw .invalidSyntax(.none, error) }
        return payloads
    }

    /// Writes payloads with their generic headers.
    static func write(_ payloads: [Payload], into writer: inout WireWriter) {
        for (index, payload) in payloads.enumerated() {
            let start = writer.count
            let following = index + 1 < payloads.count ? payloads[index + 1].type : .none
            if let inner = payload.firstInnerPayload {
                precondition(index + 1 == payloads.count, "an Encrypted payload is the last one (RFC 7296 §3.14)")
                writer.writeUInt8(inner.rawValue)
            } else {
                writer.writeUInt8(following.rawValue)
            }
            writer.writeUInt8(payload.isCritical ? criticalBit : 0)
            writer.writeUInt16(0)
            payload.write(into: &writer)
            let length = writer.count - start
            precondition(length <= 65_535, "a payload has 16 bits of length")
            writer.patchUInt16(UInt16(length), at: start + 2)
        }
    }
}
