import IPsecTypes

/// A DER Name (RFC 5280 §4.1.2.4), read as far as is needed to check its structure and to print it.
///
///     Name ::= SEQUENCE OF SET SIZE (1..MAX) OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
struct DistinguishedName: CustomStringConvertible {
    private struct Attribute {
        var type: [UInt8]
        var valueTag: UInt8
        var value: [UInt8]
    }

    /// Attributes of a name; 64 is far beyond any real one.
    private static let maximumAttributes = 64
    private static let sequence: UInt8 = 0x30
    private static let set: UInt8 = 0x31
    private static let objectIdentifier: UInt8 = 0x06
    private static let stringTags: Set<UInt8> = [0x0C, 0x13, 0x14, 0x16]

    private var attributes: [Attribute] = []

    var isEmpty: Bool { attributes.isEmpty }

    init?(der: [UInt8]) {
        let bytes = der.span
        var reader = WireReader(count: bytes.count)
        do {
            var names = try Self.element(Self.sequence, bytes, &reader)
            try reader.expectEnd()
            while !names.isAtEnd { try readRelativeName(bytes, &names) }
        } catch { return nil }
    }

    private mutating func readRelativeName(_ bytes: Span<UInt8>, _ names: inout WireReader) throws(ParseError) {
        var relative = try Self.element(Self.set, bytes, &names)
        guard !relative.isAtEnd else { throw .badLength }
        while !relative.isAtEnd {
            guard attributes.count < Self.maximumAttributes else { throw .limitExceeded }
            var pair = try Self.element(Self.sequence, bytes, &relative)
            var type = try Self.element(Self.objectIdentifier, bytes, &pair)
            guard !type.isAtEnd else { throw .badLength }
            var (tag, value) = try Self.element(bytes, &pair)
            try pair.expectEnd()
            attributes.append(
                Attribute(
                    type: try type.readRemaining(bytes),
                    valueTag: tag,
                    value: try value.readRemaining(bytes)
                )
            )
        }
    }

    /// Whether the octets are one GeneralName (RFC 5280 §4.2.1.6): a context-specific tag 0...8 around the rest.
    static func isGeneralName(der: [UInt8]) -> Bool {
        let bytes = der.span
        var reader = WireReader(count: bytes.count)
        guard let (tag, _) = try? element(bytes, &reader), reader.isAtEnd else { return false }
        return tag & 0xC0 == 0x80 && tag & 0x1F <= 8
    }

    private static func element(
        _ expected: UInt8,
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> WireReader {
        let (tag, content) = try element(bytes, &reader)
        guard tag == expected else { throw .badValue }
        return content
    }

    /// Reads one element with a definite, minimal length of at most 65535 octets (X.690 §10.1) and a one-octet tag.
    private static func element(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> (tag: UInt8, content: WireReader) {
        let tag = try reader.readUInt8(bytes)
        guard tag & 0x1F != 0x1F else { throw .badValue }
        let first = try reader.readUInt8(bytes)
        let length: Int
        switch first {
        case 0...0x7F: length = Int(first)
        case 0x81:
            length = Int(try reader.readUInt8(bytes))
            guard length > 0x7F else { throw .badLength }
        case 0x82:
            length = Int(try reader.readUInt16(bytes))
            guard length > 0xFF else { throw .badLength }
        default: throw .badLength
        }
        return (tag, try reader.slice(length))
    }

    /// Such as "C=DE, O=Example, CN=gateway"; what is not printable is escaped, what is no string is hexadecimal.
    var description: String {
        attributes.map { attribute in
            let value =
                Self.stringTags.contains(attribute.valueTag)
                ? escapedValue(attribute.value) : "#" + Hex.encode(attribute.value)
            return (Self.shortNames[attribute.type] ?? "oid:" + Hex.encode(attribute.type)) + "=" + value
        }.joined(separator: ", ")
    }

    /// A comma or equals sign inside a value would let it pass for several attributes.
    private func escapedValue(_ value: [UInt8]) -> String {
        value.map { octet in
            switch octet {
            case UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "+"): "\\x" + paddedHex(UInt64(octet), digits: 2)
            default: escaped([octet])
            }
        }.joined()
    }

    private static let shortNames: [[UInt8]: String] = [
        [0x55, 0x04, 3]: "CN", [0x55, 0x04, 4]: "SN", [0x55, 0x04, 5]: "serialNumber", [0x55, 0x04, 6]: "C",
        [0x55, 0x04, 7]: "L", [0x55, 0x04, 8]: "ST", [0x55, 0x04, 9]: "street", [0x55, 0x04, 10]: "O",
        [0x55, 0x04, 11]: "OU", [0x55, 0x04, 12]: "title", [0x55, 0x04, 42]: "GN",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25]: "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1]: "UID",
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1]: "E",
    ]
}
