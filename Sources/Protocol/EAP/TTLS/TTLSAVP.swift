import IPsecTypes

/// An attribute inside the tunnel of EAP-TTLS (RFC 5281 §10.1).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |                           AVP Code                            |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |V M r r r r r r|                  AVP Length                   |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |                        Vendor-ID (opt)                        |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |    Data ...
///     +-+-+-+-+-+-+-+-+
public struct TTLSAVP: Hashable, Sendable {
    /// Which attribute: a code, and the vendor that gave it out or zero.
    public struct Code: Hashable, Sendable {
        /// Vendor, zero for IETF.
        public var vendor: UInt32
        /// Number.
        public var number: UInt32

        /// Makes a code.
        public init(_ number: UInt32, vendor: UInt32 = 0) {
            self.vendor = vendor
            self.number = number
        }

        /// User-Name (RFC 2865 §5.1).
        public static let userName = Code(1)
        /// User-Password (RFC 2865 §5.2).
        public static let userPassword = Code(2)
        /// EAP-Message (RFC 3579 §3.1).
        public static let eapMessage = Code(79)
        /// MS-CHAP-Error (RFC 2548 §2.1.5).
        public static let msCHAPError = Code(2, vendor: 311)
        /// MS-CHAP-Challenge (RFC 2548 §2.1.2).
        public static let msCHAPChallenge = Code(11, vendor: 311)
        /// MS-CHAP2-Response (RFC 2548 §2.3.2).
        public static let msCHAP2Response = Code(25, vendor: 311)
        /// MS-CHAP2-Success (RFC 2548 §2.3.3).
        public static let msCHAP2Success = Code(26, vendor: 311)
    }

    /// Which attribute.
    public var code: Code
    /// The M bit: who does not know the attribute has failed.
    public var isMandatory: Bool
    /// Its value.
    public var data: [UInt8]

    /// Makes an attribute.
    public init(_ code: Code, _ data: [UInt8], isMandatory: Bool = true) {
        self.code = code
        self.isMandatory = isMandatory
        self.data = data
    }

    /// Reads a sequence of attributes, each padded to four octets.
    public static func list(_ bytes: [UInt8]) throws(EAPFailure) -> [TTLSAVP] {
        do throws(ParseError) {
            return try parse(bytes.span)
        } catch {
            throw .malformed(error)
        }
    }

    /// Writes a sequence of attributes.
    public static func bytes(_ list: [TTLSAVP]) -> [UInt8] {
        var writer = WireWriter(capacity: 128)
        for avp in list {
            let hasVendor = avp.code.vendor != 0
            writer.writeUInt32(avp.code.number)
            let flags: UInt32 = (hasVendor ? 0x80 : 0) | (avp.isMandatory ? 0x40 : 0)
            let length = UInt32(clamping: avp.data.count + (hasVendor ? 12 : 8))
            writer.writeUInt32(flags << 24 | length & 0x00FF_FFFF)
            if hasVendor { writer.writeUInt32(avp.code.vendor) }
            writer.writeBytes(avp.data)
            writer.writeZeros(padding(avp.data.count))
        }
        return writer.bytes
    }

    private static func padding(_ count: Int) -> Int { (4 &- count % 4) % 4 }

    private static func parse(_ bytes: Span<UInt8>) throws(ParseError) -> [TTLSAVP] {
        var reader = WireReader(count: bytes.count)
        var list: [TTLSAVP] = []
        while !reader.isAtEnd {
            guard list.count < EAPLimits.avps else { throw .limitExceeded }
            let number = try reader.readUInt32(bytes)
            let word = try reader.readUInt32(bytes)
            let hasVendor = word & 0x8000_0000 != 0
            let header = hasVendor ? 12 : 8
            // The length counts the header; less than that is a lie that must not reach a subtraction.
            let length = Int(word & 0x00FF_FFFF)
            guard length >= header else { throw .badLength }
            let vendor = hasVendor ? try reader.readUInt32(bytes) : 0
            let data = try reader.readBytes(bytes, count: length &- header)
            // Some peers leave out the padding of the last one.
            try reader.skip(min(padding(data.count), reader.remaining))
            list.append(TTLSAVP(Code(number, vendor: vendor), data, isMandatory: word & 0x4000_0000 != 0))
        }
        return list
    }
}
