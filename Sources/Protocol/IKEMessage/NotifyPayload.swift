// RFC 7296 §3.10
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |  Protocol ID  |   SPI Size    |      Notify Message Type      |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                Security Parameter Index (SPI)                 ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                       Notification Data                       ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// An error or a status. ``decoded`` reads the data of every known type.
public struct NotifyPayload: Hashable, Sendable {
    /// The protocol of the SA that the notification is about; `.none` when it is about none or about this IKE SA.
    public var protocolID: ProtocolID
    /// The SPI of that SA: 4 octets or none.
    public var spi: [UInt8]
    /// What is notified.
    public var type: NotifyType
    /// The data that belongs to the type.
    public var data: [UInt8]

    /// Makes a payload about an SA.
    public init(protocolID: ProtocolID, spi: [UInt8], type: NotifyType, data: [UInt8] = []) {
        self.protocolID = protocolID
        self.spi = spi
        self.type = type
        self.data = data
    }

    /// Makes a payload that is about no SA.
    public init(_ type: NotifyType, data: [UInt8] = []) {
        self.init(protocolID: .none, spi: [], type: type, data: data)
    }

    /// The SPI of the Child SA that the notification is about.
    public var childSPI: SPI? {
        spi.count == 4 ? SPI(spi.reduce(0) { $0 << 8 | UInt32($1) }) : nil
    }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> NotifyPayload {
        let protocolID = ProtocolID(rawValue: try reader.readUInt8(bytes))
        let spiLength = try reader.readUInt8(bytes)
        let type = NotifyType(rawValue: try reader.readUInt16(bytes))
        let spi = try reader.readBytes(bytes, count: Int(spiLength))
        let data = try reader.readRemaining(bytes)
        return NotifyPayload(protocolID: protocolID, spi: spi, type: type, data: data)
    }

    func write(into writer: inout WireWriter) {
        precondition(spi.count <= 255, "an SPI length has eight bits")
        writer.writeUInt8(protocolID.rawValue)
        writer.writeUInt8(UInt8(spi.count))
        writer.writeUInt16(type.rawValue)
        writer.writeBytes(spi)
        writer.writeBytes(data)
    }
}
