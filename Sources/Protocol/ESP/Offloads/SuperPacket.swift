import IPsecTypes

/// Why a packet does not fit the header in front of it.
public enum OffloadFault: Error, Hashable, Sendable, CaseIterable {
    /// A kind of super-packet that was never asked for.
    case unknownKind
    /// The checksum lies outside the packet.
    case checksumOutside
    /// Not a packet of the kind announced: another protocol, a fragment, or headers that contradict their lengths.
    case notOfKind
    /// Segments without a size, or more of them than any sender makes.
    case segmentSize
    /// The target has no room for a segment.
    case noRoom
}

/// A packet as the TUN gives it with offloads: one, or one that stands for many and is cut here as the kernel would have
/// cut it. Each segment is made from the whole by itself, so the order in which they are written does not matter.
///
/// Segments of TCP: sequence numbers go on by the segment size, FIN and PSH are on the last only, CWR on the first only
/// (RFC 3168 §6.1.2), everything else in the headers is the same. The IPv4 identification goes on by one.
public struct SuperPacket {
    /// Most segments of one packet: 64 KiB in the smallest segments that Linux makes, of 48 bytes.
    public static let maximumSegments = 1366

    /// The number of packets it stands for.
    public let count: Int
    /// The length of the longest of them.
    public let longest: Int

    private let bytes: PacketBytes
    private let header: VirtioNetHeader
    private let kind: VirtioNetHeader.Kind
    private let packet: IPPacket
    private let headerLength: Int
    private let length: Int

    /// Looks at a packet and its header. `bytes` must stay as they are as long as segments are written.
    public init(_ header: VirtioNetHeader, _ bytes: PacketBytes) throws(OffloadFault) {
        guard let kind = header.kind else { throw .unknownKind }
        self.bytes = bytes
        self.header = header
        self.kind = kind
        guard kind != .none else {
            if header.flags & VirtioNetHeader.needsChecksum != 0 {
                guard bytes.has(2, at: Int(header.checksumStart) &+ Int(header.checksumOffset)) else {
                    throw .checksumOutside
                }
            }
            (packet, headerLength, length) = (IPPacket(), 0, bytes.count)
            (count, longest) = (1, bytes.count)
            return
        }
        guard let packet = try? IPPacket.parse(bytes) else { throw .notOfKind }
        guard let headerLength = Self.headerLength(kind, packet, bytes), headerLength < packet.totalLength else {
            throw .notOfKind
        }
        let size = Int(header.segmentSize)
        let payload = packet.totalLength &- headerLength
        guard size > 0, payload <= size &* Self.maximumSegments else { throw .segmentSize }
        self.packet = packet
        self.headerLength = headerLength
        length = packet.totalLength
        count = (payload &+ size &- 1) / size
        longest = headerLength &+ min(size, payload)
    }

    /// Bytes of all headers of a packet that is of `kind`; nil for another.
    private static func headerLength(_ kind: VirtioNetHeader.Kind, _ packet: IPPacket, _ bytes: PacketBytes) -> Int? {
        guard !packet.isFragment else { return nil }
        switch kind {
        case .none:
            return nil
        case .tcp4, .tcp6:
            guard packet.ipProtocol == 6, (packet.family == .v4) == (kind == .tcp4),
                let offset = bytes.uint8(at: packet.transportOffset &+ 12), offset >> 4 >= 5
            else { return nil }
            return packet.transportOffset &+ Int(offset >> 4) &* 4
        case .udp:
            return packet.ipProtocol == 17 ? packet.transportOffset &+ 8 : nil
        }
    }

    /// Writes packet `index` of ``count`` to the start of `target`, with all checksums. Returns its length.
    public func write(_ index: Int, to target: PacketBytes) throws(OffloadFault) -> Int {
        guard kind != .none else { return try writeWhole(to: target) }
        let size = Int(header.segmentSize)
        let from = headerLength &+ index &* size
        let payload = min(size, length &- from)
        guard index >= 0, payload > 0, target.copy(headerLength, of: bytes, from: 0, to: 0),
            target.copy(payload, of: bytes, from: from, to: headerLength)
        else { throw .noRoom }
        let total = headerLength &+ payload
        writeNetworkHeader(target, index, total)
        writeTransportHeader(target, index, total)
        return total
    }

    private func writeWhole(to target: PacketBytes) throws(OffloadFault) -> Int {
        guard target.copy(length, of: bytes, from: 0, to: 0) else { throw .noRoom }
        guard header.flags & VirtioNetHeader.needsChecksum != 0 else { return length }
        let start = Int(header.checksumStart)
        let sum = Checksum.finish(Checksum.sum(target, at: start, length: length &- start))
        // Zero would mean "none" in UDP, and both mean the same elsewhere (RFC 768).
        target.set16(sum == 0 ? 0xFFFF : sum, at: start &+ Int(header.checksumOffset))
        return length
    }

    private func writeNetworkHeader(_ target: PacketBytes, _ index: Int, _ total: Int) {
        guard packet.family == .v4 else {
            target.set16(UInt16(truncatingIfNeeded: total &- 40), at: 4)
            return
        }
        target.set16(UInt16(truncatingIfNeeded: total), at: 2)
        let identification = (bytes.uint16(at: 4) ?? 0) &+ UInt16(truncatingIfNeeded: index)
        target.set16(identification, at: 4)
        target.set16(0, at: 10)
        target.set16(Checksum.finish(Checksum.sum(target, at: 0, length: packet.transportOffset)), at: 10)
    }

    private func writeTransportHeader(_ target: PacketBytes, _ index: Int, _ total: Int) {
        let start = packet.transportOffset
        let checksumAt: Int
        if kind == .udp {
            target.set16(UInt16(truncatingIfNeeded: total &- start), at: start &+ 4)
            checksumAt = start &+ 6
        } else {
            let sequence = bytes.uint32(at: start &+ 4) ?? 0
            target.set32(
                sequence &+ UInt32(truncatingIfNeeded: index &* Int(header.segmentSize)),
                at: start &+ 4
            )
            var flags = bytes.uint8(at: start &+ 13) ?? 0
            if index &+ 1 < count { flags &= ~(TCPFlag.fin | TCPFlag.psh) }
            if index > 0 { flags &= ~TCPFlag.cwr }
            target.set8(flags, at: start &+ 13)
            checksumAt = start &+ 16
        }
        target.set16(0, at: checksumAt)
        let pseudo = Checksum.pseudoHeader(
            source: packet.source,
            destination: packet.destination,
            ipProtocol: packet.ipProtocol,
            length: total &- start
        )
        let sum = Checksum.finish(Checksum.sum(target, at: start, length: total &- start, adding: pseudo))
        target.set16(kind == .udp && sum == 0 ? 0xFFFF : sum, at: checksumAt)
    }
}

/// The flags of a TCP header's byte 13 (RFC 9293 §3.1, RFC 3168 §6.1).
enum TCPFlag {
    static let fin: UInt8 = 0x01
    static let syn: UInt8 = 0x02
    static let rst: UInt8 = 0x04
    static let psh: UInt8 = 0x08
    static let ack: UInt8 = 0x10
    static let urg: UInt8 = 0x20
    static let cwr: UInt8 = 0x80
}
