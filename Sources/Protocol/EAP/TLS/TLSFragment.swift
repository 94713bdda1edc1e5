import IPsecTypes

/// The Type-Data of EAP-TLS and EAP-TTLS (RFC 5216 §3.1, RFC 5281 §9.1).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |L M S R R| Ver |             TLS Message Length                |
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///     |  (cont.)      |  TLS Data ...
///     +-+-+-+-+-+-+-+-+-+-+-+-+-
public struct TLSFragment: Hashable, Sendable {
    /// The length of the whole message, where the L bit is set.
    public var messageLength: UInt32?
    /// The M bit: more fragments follow.
    public var hasMore: Bool
    /// The S bit: the server's first packet.
    public var isStart: Bool
    /// The version of EAP-TTLS; zero in EAP-TLS, whose bits here are reserved.
    public var version: UInt8
    /// A part of the message.
    public var data: [UInt8]

    /// Makes a fragment.
    public init(
        _ data: [UInt8] = [],
        messageLength: UInt32? = nil,
        hasMore: Bool = false,
        isStart: Bool = false,
        version: UInt8 = 0
    ) {
        self.messageLength = messageLength
        self.hasMore = hasMore
        self.isStart = isStart
        self.version = version
        self.data = data
    }

    /// Reads the Type-Data of a packet.
    public init(parsing bytes: [UInt8]) throws(EAPFailure) {
        do throws(ParseError) {
            self = try TLSFragment.parse(bytes.span)
        } catch {
            throw .malformed(error)
        }
    }

    /// The Type-Data on the wire.
    public var bytes: [UInt8] {
        var writer = WireWriter(capacity: 16)
        var flags = version & 0x07
        if messageLength != nil { flags |= 0x80 }
        if hasMore { flags |= 0x40 }
        if isStart { flags |= 0x20 }
        writer.writeUInt8(flags)
        if let messageLength { writer.writeUInt32(messageLength) }
        writer.writeBytes(data)
        return writer.bytes
    }

    /// An acknowledgement: no data and no flags (RFC 5216 §2.1.5).
    public var isAcknowledgement: Bool { data.isEmpty && !hasMore && !isStart }

    private static func parse(_ bytes: Span<UInt8>) throws(ParseError) -> TLSFragment {
        var reader = WireReader(count: bytes.count)
        let flags = try reader.readUInt8(bytes)
        let length = flags & 0x80 == 0 ? nil : try reader.readUInt32(bytes)
        return TLSFragment(
            try reader.readRemaining(bytes),
            messageLength: length,
            hasMore: flags & 0x40 != 0,
            isStart: flags & 0x20 != 0,
            version: flags & 0x07
        )
    }
}
