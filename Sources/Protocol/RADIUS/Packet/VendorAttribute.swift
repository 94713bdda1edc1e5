import IPsecTypes

/// One attribute inside a Vendor-Specific attribute (RFC 2865 §5.26).
///
/// Only Microsoft's (RFC 2548) are read; the format of other vendors' octets is theirs, and they are passed over.
struct VendorAttribute: Hashable, Sendable {
    /// Microsoft's SMI number.
    static let microsoft: UInt32 = 311
    /// MS-MPPE-Send-Key (RFC 2548 §2.4.2).
    static let mppeSendKey: UInt8 = 16
    /// MS-MPPE-Recv-Key (RFC 2548 §2.4.3).
    static let mppeRecvKey: UInt8 = 17

    var vendor: UInt32
    var type: UInt8
    var value: [UInt8]

    /// Reads the value of a Vendor-Specific attribute; empty for vendors that are not known.
    static func parse(_ value: [UInt8]) throws(ParseError) -> [VendorAttribute] {
        let span = value.span
        var reader = WireReader(count: value.count)
        let vendor = try reader.readUInt32(span)
        // RFC 2865 §5.26: Length is at least 7, so there is at least one octet.
        guard !reader.isAtEnd else { throw .badLength }
        guard vendor == microsoft else { return [] }
        var found: [VendorAttribute] = []
        while !reader.isAtEnd {
            let type = try reader.readUInt8(span)
            let size = Int(try reader.readUInt8(span))
            guard size >= 2 else { throw .badLength }
            found.append(
                VendorAttribute(vendor: vendor, type: type, value: try reader.readBytes(span, count: size &- 2))
            )
        }
        return found
    }
}
