// RFC 7296 §3.11
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Protocol ID   |   SPI Size    |          Num of SPIs          |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~               Security Parameter Index(es) (SPI)              ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// SAs that the sender has removed. Protocol `.ike` means this IKE SA and has no SPIs.
public struct DeletePayload: Hashable, Sendable {
    /// SPIs of a protocol that is not known here.
    public struct ForeignSPIs: Hashable, Sendable {
        /// Octets of each.
        public var length: UInt8
        /// How many.
        public var count: UInt16
        /// All of them.
        public var bytes: [UInt8]
    }

    /// The protocol of the SAs.
    public var protocolID: ProtocolID
    /// The SPIs that the sender used inbound, in order, possibly with repetitions.
    public var spis: [SPI]
    /// The SPIs of a protocol other than IKE, AH and ESP; nil otherwise.
    public private(set) var foreign: ForeignSPIs?

    /// Makes a payload that removes Child SAs of a protocol.
    public init(protocolID: ProtocolID, spis: [SPI]) {
        self.protocolID = protocolID
        self.spis = spis
    }

    /// The payload that removes this IKE SA.
    public static let ikeSA = DeletePayload(protocolID: .ike, spis: [])

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> DeletePayload {
        let protocolID = ProtocolID(rawValue: try reader.readUInt8(bytes))
        let length = try reader.readUInt8(bytes)
        let count = try reader.readUInt16(bytes)
        var payload = DeletePayload(protocolID: protocolID, spis: [])
        switch protocolID {
        case .ike:
            guard length == 0, count == 0 else { throw .badLength }
        case .esp, .ah:
            // Checked before anything is allocated: the count comes from the peer.
            guard length == 4, reader.remaining == 4 * Int(count) else { throw .badLength }
            payload.spis.reserveCapacity(Int(count))
            for _ in 0..<count { payload.spis.append(SPI(try reader.readUInt32(bytes))) }
        default:
            guard reader.remaining == Int(length) * Int(count) else { throw .badLength }
            payload.foreign = ForeignSPIs(length: length, count: count, bytes: try reader.readRemaining(bytes))
        }
        return payload
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt8(protocolID.rawValue)
        if let foreign {
            writer.writeUInt8(foreign.length)
            writer.writeUInt16(foreign.count)
            writer.writeBytes(foreign.bytes)
            return
        }
        precondition(spis.count <= 65_535, "an SPI count has 16 bits")
        writer.writeUInt8(protocolID == .ike ? 0 : 4)
        writer.writeUInt16(UInt16(spis.count))
        for spi in spis { writer.writeUInt32(spi.rawValue) }
    }
}
