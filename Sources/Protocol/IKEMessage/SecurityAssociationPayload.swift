// RFC 7296 §3.3: a Security Association payload holds proposals, a proposal holds transforms, a transform attributes.
//
// Proposal (§3.3.1)
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Last Substruc |   RESERVED    |         Proposal Length       |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    ~                        SPI (variable)                         ~
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                        <Transforms>                           ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// What is offered, or what was chosen.
public struct SecurityAssociationPayload: Hashable, Sendable {
    /// The proposals in order of preference; exactly one in an answer.
    public var proposals: [Proposal]

    /// Makes a payload.
    public init(proposals: [Proposal]) { self.proposals = proposals }

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader,
        _ limits: IKEMessageLimits
    ) throws(ParseError) -> SecurityAssociationPayload {
        var proposals: [Proposal] = []
        var more = true
        while more {
            guard proposals.count < limits.proposals else { throw .limitExceeded }
            let proposal: Proposal
            (proposal, more) = try Proposal.parse(bytes, &reader)
            // RFC 7296 §3.3.1: numbered from 1 upwards; an answer repeats the number of the one chosen.
            guard proposal.number > proposals.last?.number ?? 0 else { throw .badValue }
            proposals.append(proposal)
        }
        return SecurityAssociationPayload(proposals: proposals)
    }

    func write(into writer: inout WireWriter) {
        for (index, proposal) in proposals.enumerated() {
            proposal.write(into: &writer, isLast: index + 1 == proposals.count)
        }
    }
}

/// One proposal: a protocol with a list of alternatives for each kind of transform.
public struct Proposal: Hashable, Sendable {
    /// Its number, from 1.
    public var number: UInt8
    /// The protocol.
    public var protocolID: ProtocolID
    /// The sender's SPI: 4 octets for ESP and AH, 8 when an IKE SA is rekeyed, else none.
    public var spi: [UInt8]
    /// The transforms.
    public var transforms: [Transform]

    /// Makes a proposal.
    public init(number: UInt8, protocolID: ProtocolID, spi: [UInt8] = [], transforms: [Transform]) {
        self.number = number
        self.protocolID = protocolID
        self.spi = spi
        self.transforms = transforms
    }

    /// The SPI of an ESP or AH proposal.
    public var childSPI: SPI? {
        spi.count == 4 ? SPI(spi.reduce(0) { $0 << 8 | UInt32($1) }) : nil
    }

    /// The SPI of an IKE SA rekeying.
    public var ikeSPI: IKESPI? {
        spi.count == 8 ? IKESPI(spi.reduce(0) { $0 << 8 | UInt64($1) }) : nil
    }

    /// The transforms of one type, in order.
    public func transforms(_ type: TransformType) -> [Transform] {
        transforms.filter { $0.type == type }
    }

    private static let last: UInt8 = 0
    private static let more: UInt8 = 2

    /// Whether a proposal of this protocol may carry an SPI of this length (RFC 7296 §3.3.1).
    private static func isValid(spiLength: UInt8, for protocolID: ProtocolID) -> Bool {
        switch protocolID {
        case .ike: spiLength == 0 || spiLength == 8
        case .esp, .ah: spiLength == 4
        default: true
        }
    }

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> (Proposal, more: Bool) {
        var header = reader
        let mark = try header.readUInt8(bytes)
        guard mark == last || mark == more else { throw .badValue }
        try header.skip(1)
        var body = try reader.slice(Int(try header.readUInt16(bytes)))
        try body.skip(4)
        let number = try body.readUInt8(bytes)
        let protocolID = ProtocolID(rawValue: try body.readUInt8(bytes))
        let spiLength = try body.readUInt8(bytes)
        let count = Int(try body.readUInt8(bytes))
        guard isValid(spiLength: spiLength, for: protocolID) else { throw .badLength }
        let spi = try body.readBytes(bytes, count: Int(spiLength))
        var transforms: [Transform] = []
        for index in 0..<count {
            let (transform, more) = try Transform.parse(bytes, &body)
            // The mark and the count must agree on which transform is the last.
            guard more == (index + 1 < count) else { throw .badValue }
            transforms.append(transform)
        }
        try body.expectEnd()
        let proposal = Proposal(number: number, protocolID: protocolID, spi: spi, transforms: transforms)
        return (proposal, mark == more)
    }

    func write(into writer: inout WireWriter, isLast: Bool) {
        precondition(spi.count <= 255 && transforms.count <= 255, "SPI length and transform count have eight bits")
        let start = writer.count
        writer.writeUInt8(isLast ? Self.last : Self.more)
        writer.writeUInt8(0)
        writer.writeUInt16(0)
        writer.writeUInt8(number)
        writer.writeUInt8(protocolID.rawValue)
        writer.writeUInt8(UInt8(spi.count))
        writer.writeUInt8(UInt8(transforms.count))
        writer.writeBytes(spi)
        for (index, transform) in transforms.enumerated() {
            transform.write(into: &writer, isLast: index + 1 == transforms.count)
        }
        writer.patchUInt16(UInt16(writer.count - start), at: start + 2)
    }
}
