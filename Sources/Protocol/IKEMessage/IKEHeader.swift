// RFC 7296 §3.1
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                       IKE SA Initiator's SPI                  |
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                       IKE SA Responder's SPI                  |
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                          Message ID                           |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                            Length                             |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// The flags of the IKE header that RFC 7296 §3.1 defines; the other bits are ignored on receipt and zero on sending.
public struct IKEFlags: OptionSet, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The flags octet.
    public var rawValue: UInt8
    /// Makes flags from the octet.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The sender is the original initiator of the IKE SA.
    public static let initiator = IKEFlags(rawValue: 0x08)
    /// The sender could speak a higher major version.
    public static let version = IKEFlags(rawValue: 0x10)
    /// The message is a response.
    public static let response = IKEFlags(rawValue: 0x20)

    static let known: IKEFlags = [.initiator, .version, .response]

    /// Letters of the flags that are set, such as "I" or "IR".
    public var description: String {
        (contains(.initiator) ? "I" : "") + (contains(.version) ? "V" : "") + (contains(.response) ? "R" : "")
    }
}

/// The fixed header of every IKE message.
public struct IKEHeader: Hashable, Sendable {
    /// Octets of the header.
    public static let byteCount = 28

    /// The SPI chosen by the original initiator.
    public var initiatorSPI: IKESPI
    /// The SPI chosen by the original responder; zero in the first message.
    public var responderSPI: IKESPI
    /// The type of the first payload. ``IKEMessage/serialise()`` fills it in.
    public var nextPayload: PayloadType
    /// The major version, 2.
    public var majorVersion: UInt8
    /// The minor version; any is accepted (RFC 7296 §2.5).
    public var minorVersion: UInt8
    /// The exchange.
    public var exchangeType: ExchangeType
    /// The flags.
    public var flags: IKEFlags
    /// The message ID.
    public var messageID: UInt32
    /// The length of the whole message. ``IKEMessage/serialise()`` fills it in.
    public var length: UInt32

    /// Makes a header of version 2.0.
    public init(
        initiatorSPI: IKESPI,
        responderSPI: IKESPI,
        nextPayload: PayloadType = .none,
        majorVersion: UInt8 = 2,
        minorVersion: UInt8 = 0,
        exchangeType: ExchangeType,
        flags: IKEFlags,
        messageID: UInt32,
        length: UInt32 = 0
    ) {
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.nextPayload = nextPayload
        self.majorVersion = majorVersion
        self.minorVersion = minorVersion
        self.exchangeType = exchangeType
        self.flags = flags
        self.messageID = messageID
        self.length = length
    }

    /// Reads the header at the start of `bytes`, of whatever version. Neither version nor length is judged, so that a
    /// caller may route the message or answer INVALID_MAJOR_VERSION; ``IKEMessage/parse(_:limits:)-(Span<UInt8>,_)``
    /// judges both.
    public static func parse(_ bytes: Span<UInt8>) throws(ParseError) -> IKEHeader {
        var reader = WireReader(count: bytes.count)
        return try parse(bytes, &reader)
    }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> IKEHeader {
        let initiatorSPI = IKESPI(try reader.readUInt64(bytes))
        let responderSPI = IKESPI(try reader.readUInt64(bytes))
        let nextPayload = PayloadType(rawValue: try reader.readUInt8(bytes))
        let version = try reader.readUInt8(bytes)
        let exchangeType = ExchangeType(rawValue: try reader.readUInt8(bytes))
        let flags = IKEFlags(rawValue: try reader.readUInt8(bytes)).intersection(.known)
        let messageID = try reader.readUInt32(bytes)
        let length = try reader.readUInt32(bytes)
        return IKEHeader(
            initiatorSPI: initiatorSPI,
            responderSPI: responderSPI,
            nextPayload: nextPayload,
            majorVersion: version >> 4,
            minorVersion: version & 0x0F,
            exchangeType: exchangeType,
            flags: flags,
            messageID: messageID,
            length: length
        )
    }

    /// Writes the header as it stands.
    public func write(into writer: inout WireWriter) {
        precondition(majorVersion < 16 && minorVersion < 16, "versions have four bits each")
        writer.writeUInt64(initiatorSPI.rawValue)
        writer.writeUInt64(responderSPI.rawValue)
        writer.writeUInt8(nextPayload.rawValue)
        writer.writeUInt8(majorVersion << 4 | minorVersion)
        writer.writeUInt8(exchangeType.rawValue)
        writer.writeUInt8(flags.intersection(.known).rawValue)
        writer.writeUInt32(messageID)
        writer.writeUInt32(length)
    }
}
