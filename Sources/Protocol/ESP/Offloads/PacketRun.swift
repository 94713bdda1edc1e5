import IPsecTypes

/// Packets of one flow that may be written as one, and what the next one must look like. A run of one packet is also how a
/// packet that asks to be added is described.
struct PacketRun {
    enum Kind: UInt8 {
        case none, tcp, udp
    }

    private(set) var kind = Kind.none
    private(set) var head: Int32 = -1
    private(set) var tail: Int32 = -1
    private(set) var count: Int32 = 0
    /// Whether another packet may follow.
    var mayGrow = false
    /// Whether the checksums of all packets in it were found right.
    var isVerified = false
    private(set) var headerLength: UInt16 = 0

    private var isVersion6 = false
    private var transportOffset: UInt16 = 0
    private var ports: UInt32 = 0
    private var source: (UInt64, UInt64) = (0, 0)
    private var destination: (UInt64, UInt64) = (0, 0)
    /// Payload of each packet but the last.
    private var segmentSize: Int32 = 0
    /// Bytes of the super-packet.
    private var total: Int32 = 0
    /// TCP: the sequence number after the last packet.
    private var nextSequence: UInt32 = 0
    private var identification: UInt16 = 0
    /// TCP: flags of the first packet with PSH and FIN of the last.
    private var flags: UInt8 = 0

    init() {}

    /// A run of one packet. Its kind is none when nothing may be merged with it.
    init(_ index: Int, _ bytes: PacketBytes, _ packet: IPPacket) {
        head = Int32(truncatingIfNeeded: index)
        tail = head
        count = 1
        isVersion6 = packet.family == .v6
        // Neither IPv4 options nor IPv6 extension headers.
        guard packet.transportOffset == (isVersion6 ? 40 : 20), !packet.isFragment, packet.totalLength == bytes.count,
            let ports = bytes.uint32(at: packet.transportOffset)
        else { return }
        transportOffset = UInt16(truncatingIfNeeded: packet.transportOffset)
        self.ports = ports
        (source, destination) = (packet.source.halves, packet.destination.halves)
        total = Int32(truncatingIfNeeded: packet.totalLength)
        if !isVersion6 { identification = bytes.uint16(at: 4) ?? 0 }
        switch packet.ipProtocol {
        case 6: readTCP(bytes)
        case 17: readUDP(bytes)
        default: return
        }
    }

    private mutating func readTCP(_ bytes: PacketBytes) {
        let start = Int(transportOffset)
        guard let sequence = bytes.uint32(at: start &+ 4), let word = bytes.uint16(at: start &+ 12) else { return }
        let header = start &+ Int(word >> 12) &* 4
        guard word >> 12 >= 5, header <= Int(total) else { return }
        kind = .tcp
        flags = UInt8(truncatingIfNeeded: word)
        headerLength = UInt16(truncatingIfNeeded: header)
        segmentSize = total &- Int32(truncatingIfNeeded: header)
        nextSequence = sequence &+ UInt32(truncatingIfNeeded: segmentSize)
        let ending = TCPFlag.fin | TCPFlag.psh
        // What opens, resets or is urgent stays alone, and so does a segment without data.
        let allowed = ending | TCPFlag.ack | TCPFlag.cwr | 0x40
        mayGrow = segmentSize > 0 && flags & ~allowed == 0 && flags & TCPFlag.ack != 0 && flags & ending == 0
    }

    private mutating func readUDP(_ bytes: PacketBytes) {
        let start = Int(transportOffset)
        guard let length = bytes.uint16(at: start &+ 4), let checksum = bytes.uint16(at: start &+ 6) else { return }
        kind = .udp
        headerLength = transportOffset &+ 8
        segmentSize = total &- Int32(headerLength)
        // A checksum of zero is none (RFC 768), and would become one.
        mayGrow = segmentSize > 0 && checksum != 0 && Int(length) == Int(total) &- start
    }

    /// The kind as the merger's owner knows it.
    var mergeKind: PacketMerger.Kinds {
        switch kind {
        case .none: []
        case .tcp: isVersion6 ? .tcp6 : .tcp4
        case .udp: .udp
        }
    }

    func isSameFlow(_ other: PacketRun) -> Bool {
        ports == other.ports && kind == other.kind && isVersion6 == other.isVersion6 && source == other.source
            && destination == other.destination
    }

    /// Whether the packet that `candidate` describes continues this run, whose first packet is `head`. Checksums are not
    /// looked at.
    func accepts(_ candidate: PacketRun, _ bytes: PacketBytes, head: PacketBytes) -> Bool {
        guard mayGrow, candidate.segmentSize > 0, candidate.segmentSize <= segmentSize,
            candidate.headerLength == headerLength, count < PacketMerger.maximumRun,
            total &+ candidate.segmentSize <= 65_535, hasSameNetworkHeader(candidate, bytes, head)
        else { return false }
        let start = Int(transportOffset)
        guard kind == .tcp else {
            return Int(bytes.uint16(at: start &+ 4) ?? 0) == Int(candidate.total) &- start
                && bytes.uint16(at: start &+ 6) != 0
        }
        let ending = TCPFlag.fin | TCPFlag.psh
        return candidate.sequence(bytes) == nextSequence && candidate.flags & ~ending == flags & ~TCPFlag.cwr
            && bytes.equals(head, 4, at: start &+ 8, other: start &+ 8)  // acknowledgement
            && bytes.uint8(at: start &+ 12) == head.uint8(at: start &+ 12)  // length and reserved bits
            && bytes.equals(head, 2, at: start &+ 14, other: start &+ 14)  // window
            && bytes.equals(head, Int(headerLength) &- start &- 18, at: start &+ 18, other: start &+ 18)  // options
    }

    private func sequence(_ bytes: PacketBytes) -> UInt32? { bytes.uint32(at: Int(transportOffset) &+ 4) }

    private func hasSameNetworkHeader(_ candidate: PacketRun, _ bytes: PacketBytes, _ head: PacketBytes) -> Bool {
        if isVersion6 {
            // Version, traffic class, flow label; hop limit.
            return bytes.equals(head, 4, at: 0, other: 0) && bytes.uint8(at: 7) == head.uint8(at: 7)
        }
        guard bytes.equals(head, 2, at: 0, other: 0), bytes.equals(head, 2, at: 6, other: 6),
            bytes.equals(head, 2, at: 8, other: 8), let fragment = bytes.uint16(at: 6)
        else { return false }
        // RFC 6864 §4.1: with DF the identification means nothing. Without it, it must be what cutting would write.
        return fragment & 0x4000 != 0 || candidate.identification == identification &+ 1
    }

    /// Whether the checksums of the one packet that this describes are right.
    func verifies(_ bytes: PacketBytes) -> Bool {
        let start = Int(transportOffset)
        if !isVersion6, Checksum.finish(Checksum.sum(bytes, at: 0, length: start)) != 0 { return false }
        let length = bytes.count &- start
        let sum = Checksum.sum(bytes, at: start, length: length, adding: pseudoHeader(length))
        return Checksum.finish(sum) == 0
    }

    private func pseudoHeader(_ length: Int) -> UInt64 {
        let from = isVersion6 ? IPAddress.v6(source.0, source.1) : .v4(UInt32(truncatingIfNeeded: source.1))
        let to =
            isVersion6 ? IPAddress.v6(destination.0, destination.1) : .v4(UInt32(truncatingIfNeeded: destination.1))
        return Checksum.pseudoHeader(source: from, destination: to, ipProtocol: kind == .tcp ? 6 : 17, length: length)
    }

    /// Takes a packet in at the end.
    mutating func extend(by candidate: PacketRun) {
        tail = candidate.head
        count &+= 1
        total &+= candidate.segmentSize
        nextSequence = candidate.nextSequence
        identification = candidate.identification
        let ending = candidate.flags & (TCPFlag.fin | TCPFlag.psh)
        if kind == .tcp { flags |= ending }
        mayGrow =
            candidate.segmentSize == segmentSize && (kind == .udp || ending == 0) && count < PacketMerger.maximumRun
    }

    /// Writes the virtio header and the headers of the super-packet; `first` is the run's first packet.
    func writeHeader(of first: PacketBytes, to target: PacketBytes) {
        let start = Int(transportOffset)
        var virtio = VirtioNetHeader()
        virtio.flags = VirtioNetHeader.needsChecksum
        virtio.type = gsoType
        virtio.headerLength = headerLength
        virtio.segmentSize = UInt16(truncatingIfNeeded: segmentSize)
        virtio.checksumStart = transportOffset
        virtio.checksumOffset = kind == .tcp ? 16 : 6
        virtio.store(in: target)
        let at = VirtioNetHeader.size
        guard target.copy(Int(headerLength), of: first, from: 0, to: at),
            let packet = target.slice(at, count: Int(headerLength))
        else { return }
        let length = Int(total) &- start
        if isVersion6 {
            packet.set16(UInt16(truncatingIfNeeded: length), at: 4)
        } else {
            packet.set16(UInt16(truncatingIfNeeded: total), at: 2)
            packet.set16(0, at: 10)
            packet.set16(Checksum.finish(Checksum.sum(packet, at: 0, length: start)), at: 10)
        }
        // The kernel adds the rest of the checksum, or knows that it need not.
        let partial = ~Checksum.finish(pseudoHeader(length))
        if kind == .tcp {
            packet.set8(flags, at: start &+ 13)
            packet.set16(partial, at: start &+ 16)
        } else {
            packet.set16(UInt16(truncatingIfNeeded: length), at: start &+ 4)
            packet.set16(partial, at: start &+ 6)
        }
    }

    private var gsoType: UInt8 {
        switch kind {
        case .none: VirtioNetHeader.Kind.none.rawValue
        case .udp: VirtioNetHeader.Kind.udp.rawValue
        case .tcp:
            (isVersion6 ? VirtioNetHeader.Kind.tcp6 : .tcp4).rawValue
                | (flags & TCPFlag.cwr != 0 ? VirtioNetHeader.congestionReduced : 0)
        }
    }
}
