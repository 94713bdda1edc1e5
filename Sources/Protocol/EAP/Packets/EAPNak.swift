import IPsecTypes

/// The methods that a peer would rather use: Legacy Nak and Expanded Nak (RFC 3748 §5.3).
enum EAPNak {
    /// The types in a Legacy Nak, in the peer's order; an empty list means that it has none to offer.
    static func legacy(_ data: [UInt8]) -> [EAPMethodType] {
        data.map(EAPMethodType.init).filter { $0.rawValue != 0 }
    }

    /// The Type-Data of a Legacy Nak; zero stands for no alternative (RFC 3748 §5.3.1).
    static func legacyData(_ types: [EAPMethodType]) -> [UInt8] {
        types.isEmpty ? [0] : types.map(\.rawValue)
    }

    /// The IETF types in the Type-Data of an Expanded Nak; types of vendors are passed over.
    static func expanded(_ data: [UInt8]) throws(EAPFailure) -> [EAPMethodType] {
        do throws(ParseError) {
            return try parse(data.span)
        } catch {
            throw .malformed(error)
        }
    }

    private static func parse(_ bytes: Span<UInt8>) throws(ParseError) -> [EAPMethodType] {
        var reader = WireReader(count: bytes.count)
        // Vendor-Id zero and Vendor-Type 3 make it a Nak.
        guard try readVendor(&reader, bytes) == 0, try reader.readUInt32(bytes) == 3 else { throw .badValue }
        var types: [EAPMethodType] = []
        while !reader.isAtEnd {
            guard try reader.readUInt8(bytes) == EAPMethodType.expanded.rawValue else { throw .badValue }
            let vendor = try readVendor(&reader, bytes)
            let type = try reader.readUInt32(bytes)
            if vendor == 0, let type = UInt8(exactly: type), type != 0 { types.append(EAPMethodType(rawValue: type)) }
        }
        return types
    }

    private static func readVendor(_ reader: inout WireReader, _ bytes: Span<UInt8>) throws(ParseError) -> UInt32 {
        UInt32(try reader.readUInt8(bytes)) << 16 | UInt32(try reader.readUInt16(bytes))
    }

    /// The Type-Data of an Expanded Nak (RFC 3748 §5.3.2).
    static func expandedData(_ types: [EAPMethodType]) -> [UInt8] {
        var writer = WireWriter(capacity: 16)
        writer.writeUInt8(0)
        writer.writeUInt16(0)
        writer.writeUInt32(3)
        for type in types.isEmpty ? [EAPMethodType(rawValue: 0)] : types {
            writer.writeUInt8(EAPMethodType.expanded.rawValue)
            writer.writeUInt8(0)
            writer.writeUInt16(0)
            writer.writeUInt32(UInt32(type.rawValue))
        }
        return writer.bytes
    }
}
