/// A range of bytes of a packet that is written in pieces. Its layout is that of the system's `iovec`.
@frozen
public struct PacketPiece {
    /// Where it begins.
    public var base: UnsafeMutableRawPointer
    /// How many bytes it has.
    public var length: Int

    @inlinable
    init(_ base: UnsafeMutableRawPointer, _ length: Int) {
        self.base = base
        self.length = length
    }
}

/// Collects packets that came out of a tunnel and finds runs that a TUN with offloads takes as one super-packet.
///
/// Packets stay where they are; a run is written as a header made here and the payloads of its packets. A run holds
/// consecutive segments of one flow: for TCP those that RFC 9293 would make of one stretch of stream, whose headers are the
/// same but for sequence number, checksum and the flags PSH and FIN of the last and CWR of the first; for UDP datagrams of
/// the same length. All but the last have the same length. What differs in anything else (options, acknowledgement, window,
/// DSCP, ECN, TTL, flow label), pure acknowledgements, SYN, RST, URG, fragments, IPv4 options, IPv6 extension headers and
/// wrong checksums stay alone. No packet overtakes another of its flow. What cutting a run again gives (``SuperPacket``) is
/// what went in.
///
/// One owner; nothing is allocated after `init`.
public struct PacketMerger: ~Copyable {
    /// Which kinds are merged.
    public struct Kinds: OptionSet, Sendable {
        /// The bits.
        public let rawValue: UInt8
        /// Makes kinds of bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// TCP over IPv4.
        public static var tcp4: Kinds { Kinds(rawValue: 1) }
        /// TCP over IPv6.
        public static var tcp6: Kinds { Kinds(rawValue: 2) }
        /// UDP over either.
        public static var udp: Kinds { Kinds(rawValue: 4) }
    }

    /// Most packets of one run: what every kernel with UDP segmentation takes.
    public static let maximumRun = 64
    /// Flows whose runs may grow at a time.
    static let openRuns = 8
    /// Headers of a run: IPv6 and the longest TCP header, with the virtio header in front.
    static let headerRoom = 128

    /// Which kinds are merged; changed when the TUN refuses one.
    public var kinds: Kinds
    /// Packets held.
    public private(set) var count = 0
    /// Runs that they make, single packets among them.
    public private(set) var runCount = 0
    /// Packets that fit.
    public let capacity: Int

    private let packets: UnsafeMutablePointer<PacketPiece>
    private let following: UnsafeMutablePointer<Int32>
    private let runs: UnsafeMutablePointer<PacketRun>
    private let growing: UnsafeMutablePointer<Int32>
    private var growingNext = 0
    private let header: UnsafeMutableRawPointer
    private let pieces: UnsafeMutablePointer<PacketPiece>

    /// Allocates for `capacity` packets.
    public init(capacity: Int, kinds: Kinds) {
        precondition(capacity > 0 && capacity <= 1 << 20, "a merger holds 1...1048576 packets")
        self.capacity = capacity
        self.kinds = kinds
        header = .allocate(byteCount: Self.headerRoom, alignment: 16)
        header.initializeMemory(as: UInt8.self, repeating: 0, count: Self.headerRoom)
        let nothing = PacketPiece(header, 0)
        packets = .allocate(capacity: capacity)
        packets.initialize(repeating: nothing, count: capacity)
        following = .allocate(capacity: capacity)
        following.initialize(repeating: -1, count: capacity)
        runs = .allocate(capacity: capacity)
        runs.initialize(repeating: PacketRun(), count: capacity)
        growing = .allocate(capacity: Self.openRuns)
        growing.initialize(repeating: -1, count: Self.openRuns)
        pieces = .allocate(capacity: Self.maximumRun + 1)
        pieces.initialize(repeating: nothing, count: Self.maximumRun + 1)
    }

    deinit {
        packets.deallocate()
        following.deallocate()
        runs.deallocate()
        growing.deallocate()
        header.deallocate()
        pieces.deallocate()
    }

    /// Forgets all packets.
    public mutating func removeAll() {
        count = 0
        runCount = 0
        growingNext = 0
        growing.update(repeating: -1, count: Self.openRuns)
    }

    /// Packet `index` of ``count``, in the order in which they were added.
    public func packet(_ index: Int) -> PacketBytes {
        precondition(index >= 0 && index < count, "no such packet")
        return PacketBytes(packets[index].base, count: packets[index].length)
    }

    /// Takes a packet whose bytes stay in place until ``removeAll()``. `bytes` is the packet without anything behind it,
    /// `packet` what ``IPPacket/parse(_:)`` says of it. False when there is no room.
    public mutating func add(_ bytes: PacketBytes, _ packet: IPPacket) -> Bool {
        guard count < capacity else { return false }
        let index = count
        packets[index] = PacketPiece(bytes.base, bytes.count)
        following[index] = -1
        count &+= 1
        let candidate = PacketRun(index, bytes, packet)
        guard candidate.kind != .none, kinds.contains(candidate.mergeKind) else {
            start(candidate)
            return true
        }
        var place = 0
        while place < Self.openRuns {
            let run = Int(growing[place])
            if run >= 0, runs[run].isSameFlow(candidate) {
                if append(candidate, bytes, to: run) {
                    if !runs[run].mayGrow { growing[place] = -1 }
                    return true
                }
                // Later packets must not pass this one.
                growing[place] = candidate.mayGrow ? Int32(truncatingIfNeeded: runCount) : -1
                start(candidate)
                return true
            }
            place &+= 1
        }
        if candidate.mayGrow {
            growing[growingNext] = Int32(truncatingIfNeeded: runCount)
            growingNext = growingNext &+ 1 == Self.openRuns ? 0 : growingNext &+ 1
        }
        start(candidate)
        return true
    }

    private mutating func start(_ run: PacketRun) {
        runs[runCount] = run
        runCount &+= 1
    }

    private mutating func append(_ candidate: PacketRun, _ bytes: PacketBytes, to run: Int) -> Bool {
        let head = PacketBytes(packets[Int(runs[run].head)].base, count: packets[Int(runs[run].head)].length)
        guard runs[run].accepts(candidate, bytes, head: head) else { return false }
        // Only what is merged is looked at: a packet that stays alone keeps its checksum, right or wrong.
        if !runs[run].isVerified {
            guard runs[run].verifies(head) else {
                runs[run].mayGrow = false
                return false
            }
            runs[run].isVerified = true
        }
        guard candidate.verifies(bytes) else { return false }
        following[Int(runs[run].tail)] = candidate.head
        runs[run].extend(by: candidate)
        return true
    }

    /// The pieces of run `index` of ``runCount`` as they are written to a TUN with virtio headers: that header first, alone
    /// or with the headers of the super-packet, then packets or payloads. Valid until the next call.
    public mutating func pieces(ofRun index: Int) -> UnsafeMutableBufferPointer<PacketPiece> {
        precondition(index >= 0 && index < runCount, "no such run")
        let first = Int(runs[index].head)
        let room = PacketBytes(header, count: Self.headerRoom)
        guard runs[index].count > 1 else { return alone(first) }
        let headers = Int(runs[index].headerLength)
        runs[index].writeHeader(of: PacketBytes(packets[first].base, count: packets[first].length), to: room)
        pieces[0] = PacketPiece(header, VirtioNetHeader.size &+ headers)
        var used = 1
        var next = first
        while next >= 0, used <= Self.maximumRun {
            pieces[used] = PacketPiece(packets[next].base + headers, packets[next].length &- headers)
            used &+= 1
            next = Int(following[next])
        }
        return UnsafeMutableBufferPointer(start: pieces, count: used)
    }

    /// The number of packets in run `index`.
    public func packetCount(ofRun index: Int) -> Int {
        precondition(index >= 0 && index < runCount, "no such run")
        return Int(runs[index].count)
    }

    /// The kind of run `index`; nothing for one that was not merged.
    public func kind(ofRun index: Int) -> Kinds {
        precondition(index >= 0 && index < runCount, "no such run")
        return runs[index].count > 1 ? runs[index].mergeKind : []
    }

    /// The pieces of one packet of run `index` by itself, and which one follows: for a TUN that refused the run. `member` is
    /// nil for the first; nil comes back after the last.
    public mutating func pieces(
        ofRun index: Int,
        member: Int?
    ) -> (pieces: UnsafeMutableBufferPointer<PacketPiece>, next: Int?) {
        precondition(index >= 0 && index < runCount, "no such run")
        let place = member ?? Int(runs[index].head)
        precondition(place >= 0 && place < count, "no such packet")
        return (alone(place), following[place] >= 0 ? Int(following[place]) : nil)
    }

    private func alone(_ place: Int) -> UnsafeMutableBufferPointer<PacketPiece> {
        VirtioNetHeader().store(in: PacketBytes(header, count: Self.headerRoom))
        pieces[0] = PacketPiece(header, VirtioNetHeader.size)
        pieces[1] = packets[place]
        return UnsafeMutableBufferPointer(start: pieces, count: 2)
    }
}
