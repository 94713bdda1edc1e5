import IPsecTypes

/// One message of a netlink datagram.
struct NetlinkMessage: Sendable, Hashable {
    var type: UInt16
    var flags: UInt16
    var sequence: UInt32
    var body: [UInt8]

    /// Splits a datagram into its messages.
    static func split(_ bytes: Span<UInt8>) throws(ParseError) -> [NetlinkMessage] {
        var reader = NetlinkReader(count: bytes.count)
        var messages: [NetlinkMessage] = []
        while reader.remaining >= 16 {
            let length = try reader.readUInt32(bytes)
            guard length >= 16, Int(length) - 4 <= reader.remaining else { throw .badLength }
            let type = try reader.readUInt16(bytes)
            let flags = try reader.readUInt16(bytes)
            let sequence = try reader.readUInt32(bytes)
            try reader.skip(4)
            let body = try reader.readBytes(bytes, count: Int(length) - 16)
            messages.append(NetlinkMessage(type: type, flags: flags, sequence: sequence, body: body))
            try reader.skipPadding(after: Int(length))
        }
        guard reader.remaining == 0 else { throw .trailingBytes }
        return messages
    }
}

/// ``WireReader`` for host byte order.
struct NetlinkReader: Sendable {
    private var wire: WireReader

    init(count: Int) { wire = WireReader(count: count) }

    var remaining: Int { wire.remaining }

    mutating func readUInt8(_ bytes: Span<UInt8>) throws(ParseError) -> UInt8 { try wire.readUInt8(bytes) }

    // WireReader reads network order; taking the number as big-endian again gives the host's.
    mutating func readUInt16(_ bytes: Span<UInt8>) throws(ParseError) -> UInt16 {
        UInt16(bigEndian: try wire.readUInt16(bytes))
    }

    mutating func readUInt32(_ bytes: Span<UInt8>) throws(ParseError) -> UInt32 {
        UInt32(bigEndian: try wire.readUInt32(bytes))
    }

    mutating func readUInt64(_ bytes: Span<UInt8>) throws(ParseError) -> UInt64 {
        UInt64(bigEndian: try wire.readUInt64(bytes))
    }

    mutating func readInt32(_ bytes: Span<UInt8>) throws(ParseError) -> Int32 {
        Int32(bitPattern: try readUInt32(bytes))
    }

    mutating func readBytes(_ bytes: Span<UInt8>, count: Int) throws(ParseError) -> [UInt8] {
        try wire.readBytes(bytes, count: count)
    }

    mutating func skip(_ count: Int) throws(ParseError) { try wire.skip(count) }

    /// Steps to the next multiple of 4 after something `length` bytes long; the last one of a message may lack padding.
    mutating func skipPadding(after length: Int) throws(ParseError) {
        try wire.skip(min((4 - length % 4) % 4, wire.remaining))
    }
}

/// The attributes of a message or of a nest, by type; the first of a type counts.
struct NetlinkAttributes: Sendable {
    /// In the order of the message.
    private(set) var all: [(type: UInt16, value: [UInt8])] = []

    /// Reads what follows the first `skipping` bytes of `body`.
    init(_ body: [UInt8], skipping: Int = 0) throws(ParseError) {
        let bytes = body.span
        var reader = NetlinkReader(count: bytes.count)
        try reader.skip(skipping)
        while reader.remaining >= 4 {
            let length = Int(try reader.readUInt16(bytes))
            let type = try reader.readUInt16(bytes) & 0x3fff
            guard length >= 4 else { throw .badLength }
            all.append((type, try reader.readBytes(bytes, count: length - 4)))
            try reader.skipPadding(after: length)
        }
        guard reader.remaining == 0 else { throw .trailingBytes }
    }

    func bytes(_ type: UInt16) -> [UInt8]? { all.first { $0.type == type }?.value }

    func number(_ type: UInt16) throws(ParseError) -> UInt32? {
        guard let value = bytes(type) else { return nil }
        guard value.count == 4 else { throw .badLength }
        var reader = NetlinkReader(count: 4)
        return try reader.readUInt32(value.span)
    }

    /// Text up to its closing zero byte.
    func text(_ type: UInt16) -> String? {
        bytes(type).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    func address(_ type: UInt16) throws(ParseError) -> IPAddress? {
        guard let value = bytes(type) else { return nil }
        guard let address = IPAddress(bytes: value) else { throw .badLength }
        return address
    }

    func nest(_ type: UInt16) throws(ParseError) -> NetlinkAttributes? {
        guard let value = bytes(type) else { return nil }
        return try NetlinkAttributes(value)
    }
}
