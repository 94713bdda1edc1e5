import IPsecTypes

//   RFC 791 §3.1
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |Version|  IHL  |    DSCP   |ECN|          Total Length         |
//   |         Identification        |Flags|      Fragment Offset    |
//   |  Time to Live |    Protocol   |         Header Checksum       |
//   |                       Source Address                          |
//   |                    Destination Address                        |
//   |                    Options                    |    Padding    |

extension IPPacket {
    mutating func parseVersion4(_ bytes: PacketBytes, headerLength: Int, _ isQuote: Bool) throws(PacketFault) {
        guard headerLength >= 20 else { throw .badHeader }
        guard bytes.has(headerLength, at: 0), let tos = bytes.uint8(at: 1), let length = bytes.uint16(at: 2),
            let fragment = bytes.uint16(at: 6), let next = bytes.uint8(at: 9), let from = bytes.uint32(at: 12),
            let to = bytes.uint32(at: 16)
        else { throw .truncated }
        guard Int(length) >= headerLength else { throw .badHeader }
        guard isQuote || Int(length) <= bytes.count else { throw .truncated }
        family = .v4
        source = .v4(from)
        destination = .v4(to)
        ipProtocol = next
        trafficClass = tos
        dontFragment = fragment & 0x4000 != 0
        isLaterFragment = fragment & 0x1FFF != 0
        isFragment = isLaterFragment || fragment & 0x2000 != 0
        totalLength = Int(length)
        transportOffset = headerLength
        if headerLength > 20 { try refuseSourceRoute4(bytes, end: headerLength) }
        readPorts(bytes)
    }

    /// Loose and strict source routes (RFC 791 §3.1) send a packet on to hosts that its destination field does not name.
    private func refuseSourceRoute4(_ bytes: PacketBytes, end: Int) throws(PacketFault) {
        var offset = 20
        while offset < end {
            guard let kind = bytes.uint8(at: offset) else { throw .truncated }
            if kind == 0 { return }
            if kind == 1 {
                offset &+= 1
                continue
            }
            if kind == 131 || kind == 137 { throw .sourceRouted }
            guard let length = bytes.uint8(at: offset &+ 1), length >= 2, offset &+ Int(length) <= end else {
                throw .badHeader
            }
            offset &+= Int(length)
        }
    }

    //   RFC 8200 §3
    //   |Version| Traffic Class |           Flow Label                  |
    //   |         Payload Length        |  Next Header  |   Hop Limit   |
    //   |                 Source Address (16 bytes)                     |
    //   |              Destination Address (16 bytes)                   |

    mutating func parseVersion6(_ bytes: PacketBytes, _ isQuote: Bool) throws(PacketFault) {
        guard let word = bytes.uint32(at: 0), let length = bytes.uint16(at: 4), var next = bytes.uint8(at: 6),
            let fromHigh = bytes.uint64(at: 8), let fromLow = bytes.uint64(at: 16), let toHigh = bytes.uint64(at: 24),
            let toLow = bytes.uint64(at: 32)
        else { throw .truncated }
        family = .v6
        source = .v6(fromHigh, fromLow)
        destination = .v6(toHigh, toLow)
        trafficClass = UInt8(truncatingIfNeeded: word >> 20)
        dontFragment = true
        totalLength = 40 &+ Int(length)
        guard isQuote || totalLength <= bytes.count else { throw .truncated }
        var offset = 40
        var extensions = 0
        while let size = try extensionLength(next, bytes, at: offset) {
            extensions += 1
            guard extensions <= Self.maximumExtensions else { throw .badHeader }
            guard let following = bytes.uint8(at: offset), offset &+ size <= totalLength else { throw .truncated }
            next = following
            offset &+= size
            // What follows a later fragment's header is the middle of something: RFC 4301 §7.
            if isLaterFragment { break }
        }
        ipProtocol = next
        transportOffset = offset
        readPorts(bytes)
    }

    /// The length of the extension header `kind` at `offset`; nil when `kind` is a next layer protocol.
    private mutating func extensionLength(
        _ kind: UInt8,
        _ bytes: PacketBytes,
        at offset: Int
    ) throws(PacketFault) -> Int? {
        switch kind {
        case 0, 60, 139, 140:
            return try eightByteUnits(bytes, at: offset)
        case 43:
            guard let left = bytes.uint8(at: offset &+ 3) else { throw .truncated }
            // A routing header with segments left names further destinations (RFC 8200 §4.4).
            if left != 0 { throw .sourceRouted }
            return try eightByteUnits(bytes, at: offset)
        case 44:
            guard let field = bytes.uint16(at: offset &+ 2), bytes.has(8, at: offset) else { throw .truncated }
            isLaterFragment = field & 0xFFF8 != 0
            isFragment = isLaterFragment || field & 1 != 0
            return 8
        default:
            return nil
        }
    }

    private func eightByteUnits(_ bytes: PacketBytes, at offset: Int) throws(PacketFault) -> Int {
        guard let units = bytes.uint8(at: offset &+ 1) else { throw .truncated }
        return Int(units) &* 8 &+ 8
    }

    /// Ports of the protocols that begin with them, ICMP type and code, Mobility Header type (RFC 4301 §4.4.1.1).
    private mutating func readPorts(_ bytes: PacketBytes) {
        guard !isLaterFragment else { return }
        switch (ipProtocol, family) {
        case (6, _), (17, _), (33, _), (132, _), (136, _):
            guard transportOffset &+ 4 <= totalLength, let from = bytes.uint16(at: transportOffset),
                let to = bytes.uint16(at: transportOffset &+ 2)
            else { return }
            sourcePort = .value(from)
            destinationPort = .value(to)
        case (1, .v4), (58, .v6):
            guard transportOffset &+ 2 <= totalLength, let value = bytes.uint16(at: transportOffset) else { return }
            sourcePort = .value(value)
            destinationPort = .unused
        case (135, .v6):
            guard transportOffset &+ 3 <= totalLength, let type = bytes.uint8(at: transportOffset &+ 2) else { return }
            sourcePort = .value(UInt16(type) << 8)
            destinationPort = .unused
        default:
            return
        }
    }
}
