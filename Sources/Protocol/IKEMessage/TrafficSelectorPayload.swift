// RFC 7296 §3.13 and §3.13.1
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Number of TSs |                 RESERVED                      |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                       <Traffic Selectors>                     ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |   TS Type     |IP Protocol ID*|       Selector Length         |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |           Start Port*         |           End Port*           |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                         Starting Address*                     ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                         Ending Address*                       ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// The traffic selectors of one side.
public struct TrafficSelectorPayload: Hashable, Sendable {
    /// A selector that cannot be honoured: of an unknown type, or with a start above its end.
    public struct Unsupported: Hashable, Sendable {
        /// The TS type.
        public var type: UInt8
        /// What follows type and length: the octet of the protocol, then the rest.
        public var body: [UInt8]
    }

    /// The selectors that can be honoured, in order.
    public var selectors: [TrafficSelector]
    /// The others. With nothing in ``selectors`` the answer is TS_UNACCEPTABLE (RFC 7296 §2.9).
    public private(set) var unsupported: [Unsupported] = []

    /// Makes a payload.
    public init(selectors: [TrafficSelector]) { self.selectors = selectors }

    private static let ipv4Range: UInt8 = 7
    private static let ipv6Range: UInt8 = 8

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader,
        _ limits: IKEMessageLimits
    ) throws(ParseError) -> TrafficSelectorPayload {
        let count = Int(try reader.readUInt8(bytes))
        try reader.skip(3)
        guard count <= limits.trafficSelectors else { throw .limitExceeded }
        var payload = TrafficSelectorPayload(selectors: [])
        for _ in 0..<count { try payload.parseSelector(bytes, &reader) }
        return payload
    }

    private mutating func parseSelector(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) {
        var header = reader
        let type = try header.readUInt8(bytes)
        let ipProtocol = try header.readUInt8(bytes)
        let length = Int(try header.readUInt16(bytes))
        var body = try reader.slice(length)
        try body.skip(4)
        var whole = body
        let rest = try whole.readRemaining(bytes)
        let addressLength: Int
        switch type {
        case Self.ipv4Range: addressLength = 4
        case Self.ipv6Range: addressLength = 16
        default: return unsupported.append(Unsupported(type: type, body: [ipProtocol] + rest))
        }
        let ports = PortRange(try body.readUInt16(bytes), try body.readUInt16(bytes))
        let start = IPAddress(bytes: try body.readBytes(bytes, count: addressLength))
        let end = IPAddress(bytes: try body.readBytes(bytes, count: addressLength))
        // The length is fixed by the type: anything else is an encoding error, not an odd selector.
        guard body.isAtEnd else { throw .badLength }
        if let ports, let start, let end, let addresses = IPRange(start, end) {
            selectors.append(TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: addresses))
        } else {
            unsupported.append(Unsupported(type: type, body: [ipProtocol] + rest))
        }
    }

    func write(into writer: inout WireWriter) {
        precondition(selectors.count + unsupported.count <= 255, "a selector count has eight bits")
        writer.writeUInt8(UInt8(selectors.count + unsupported.count))
        writer.writeZeros(3)
        for selector in selectors {
            let isIPv4 = selector.addresses.family == .v4
            writer.writeUInt8(isIPv4 ? Self.ipv4Range : Self.ipv6Range)
            writer.writeUInt8(selector.ipProtocol)
            writer.writeUInt16(isIPv4 ? 16 : 40)
            writer.writeUInt16(selector.ports.first)
            writer.writeUInt16(selector.ports.last)
            writer.writeBytes(selector.addresses.first.bytes)
            writer.writeBytes(selector.addresses.last.bytes)
        }
        for selector in unsupported {
            writer.writeUInt8(selector.type)
            writer.writeUInt8(selector.body.first ?? 0)
            writer.writeUInt16(UInt16(3 + selector.body.count))
            writer.writeBytes(selector.body.dropFirst())
        }
    }
}
