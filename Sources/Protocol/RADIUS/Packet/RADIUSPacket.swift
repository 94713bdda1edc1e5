import IPsecTypes
import LegacyDigests

/// A RADIUS packet (RFC 2865 §3).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |     Code      |  Identifier   |            Length             |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |                     Authenticator, 16 octets                  |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |  Attributes ...
///     +-+-+-+-+-+-+-+-+-+-+-+-
public struct RADIUSPacket: Hashable, Sendable {
    /// The shortest packet: no attributes.
    public static let headerLength = 20
    /// The longest packet (RFC 2865 §3); a longer datagram is discarded before anything of it is looked at.
    public static let maximumLength = 4096
    /// The length of an authenticator, and of a Message-Authenticator.
    public static let authenticatorLength = 16

    /// What it is.
    public var code: RADIUSCode
    /// Matches requests and answers.
    public var identifier: UInt8
    /// The Request or Response Authenticator, 16 octets.
    public var authenticator: [UInt8]
    /// The attributes in their order.
    public var attributes: [RADIUSAttribute]

    /// Gathers the parts.
    public init(
        code: RADIUSCode,
        identifier: UInt8,
        authenticator: [UInt8] = Self.zeros,
        attributes: [RADIUSAttribute] = []
    ) {
        self.code = code
        self.identifier = identifier
        self.authenticator = authenticator
        self.attributes = attributes
    }

    /// 16 zeros: what stands for an authenticator while one is computed.
    public static let zeros = [UInt8](repeating: 0, count: authenticatorLength)

    /// Reads a datagram. Octets behind Length are padding (RFC 2865 §3).
    ///
    /// Throws ``ParseError/badLength`` for a Length outside 20...4096, an attribute of length 0 or 1 and a malformed
    /// Vendor-Specific attribute, ``ParseError/truncated`` where the datagram or its last attribute is too short: in all
    /// these cases the whole packet is discarded (E09).
    public init(parsing bytes: [UInt8]) throws(ParseError) {
        guard bytes.count <= Self.maximumLength else { throw .limitExceeded }
        let span = bytes.span
        var header = WireReader(count: bytes.count)
        code = RADIUSCode(rawValue: try header.readUInt8(span))
        identifier = try header.readUInt8(span)
        let length = Int(try header.readUInt16(span))
        guard (Self.headerLength...Self.maximumLength).contains(length) else { throw .badLength }
        var whole = WireReader(count: bytes.count)
        var reader = try whole.slice(length)
        try reader.skip(4)
        authenticator = try reader.readBytes(span, count: Self.authenticatorLength)
        attributes = []
        while !reader.isAtEnd {
            let type = RADIUSAttributeType(rawValue: try reader.readUInt8(span))
            let size = Int(try reader.readUInt8(span))
            // Length counts type and length: 0 and 1 would stand still or go back (CVE-2026-35333).
            guard size >= 2 else { throw .badLength }
            let attribute = RADIUSAttribute(type, try reader.readBytes(span, count: size &- 2))
            if type == .vendorSpecific { _ = try VendorAttribute.parse(attribute.value) }
            attributes.append(attribute)
        }
    }

    /// The packet as it goes on the wire, with the authenticator as it stands.
    public var encoded: [UInt8] {
        var writer = WireWriter(capacity: 512)
        writer.writeUInt8(code.rawValue)
        writer.writeUInt8(identifier)
        writer.writeUInt16(0)
        writer.writeBytes(authenticator.prefix(Self.authenticatorLength))
        for attribute in attributes { attribute.write(to: &writer) }
        writer.patchUInt16(UInt16(clamping: writer.count), at: 2)
        return writer.bytes
    }

    /// Whether it fits into a datagram.
    public var fits: Bool {
        attributes.reduce(Self.headerLength) { $0 + 2 + min($1.value.count, RADIUSAttribute.longestValue) }
            <= Self.maximumLength
    }
}
