import ESP
import IPsecTypes

/// A prefix as a hash key: family and length in one number, the address in two halves.
struct PrefixKey: FlatKey, Hashable, Sendable {
    var high: UInt64
    var low: UInt64
    /// 0...32 for IPv4, 256...384 for IPv6.
    var kind: UInt16

    static let version6: UInt16 = 256

    init(_ prefix: IPPrefix) {
        (high, low) = prefix.address.halves
        kind = UInt16(prefix.length) | (prefix.address.family == .v6 ? Self.version6 : 0)
    }

    /// The prefix of `length` bits that `address` lies in.
    @inline(__always)
    init(_ address: IPAddress, length: UInt8) {
        switch address {
        case .v4(let value):
            high = 0
            low = length == 0 ? 0 : UInt64(value) & (UInt64(UInt32.max) << UInt64(32 &- length)) & UInt64(UInt32.max)
            kind = UInt16(length)
        case .v6(let upper, let lower):
            // Swift's shifts give 0 when they push everything out.
            high = length >= 64 ? upper : upper & ~(UInt64.max >> UInt64(length))
            low = length <= 64 ? 0 : lower & ~(UInt64.max >> UInt64(length &- 64))
            kind = Self.version6 | UInt16(length)
        }
    }

    @inline(__always)
    var flatHash: UInt64 {
        var hash = (high ^ 0x2545_F491_4F6C_DD1D) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ (hash >> 29) ^ low ^ UInt64(kind) << 48) &* 0xBF58_476D_1CE4_E5B9
        return (hash ^ (hash >> 32)) &* 0x94D0_49BB_1331_11EB
    }

    /// The prefixes that exactly cover the selectors' addresses, each once.
    static func covering(_ selectors: [TrafficSelector]) -> [PrefixKey] {
        var seen: Set<PrefixKey> = []
        var result: [PrefixKey] = []
        for selector in selectors {
            for prefix in selector.addresses.prefixes {
                let key = PrefixKey(prefix)
                if seen.insert(key).inserted { result.append(key) }
            }
        }
        return result
    }
}

/// Finds the SA that a packet leaves by: longest prefix of its destination first (host addresses at once), then the SA that
/// was activated last, until the selectors of one hold the packet. Owned by one worker.
struct OutboundTable: ~Copyable {
    /// One SA under one prefix. The handle is kept alive by the worker's SPI table.
    struct Candidate {
        var slot: UnsafeMutablePointer<SASlot>
        var owner: UInt16
        var next: UnsafeMutablePointer<Candidate>?
    }

    /// What a lookup found.
    enum Found {
        /// This SA carries it.
        case slot(UnsafeMutablePointer<SASlot>, owner: UInt16)
        /// SAs for its destination exist, but none holds the packet.
        case selectorsDiffer
        /// No SA for its destination.
        case none
    }

    private var heads: FlatTable<PrefixKey, UnsafeMutablePointer<Candidate>?>
    /// Entries a prefix length, so that only lengths in use are looked up.
    private var used4: LengthList
    private var used6: LengthList

    init() {
        heads = FlatTable(fillingWith: PrefixKey(.v4(0), length: 0), nil)
        used4 = LengthList(bits: 32)
        used6 = LengthList(bits: 128)
    }

    deinit {
        heads.visit { head in
            var node = head
            while let current = node {
                node = current.pointee.next
                current.deallocate()
            }
        }
    }

    /// Puts an SA in front of others with the same prefixes; at most once.
    mutating func insert(_ handle: SAHandle) {
        remove(handle)
        for key in handle.prefixes {
            let node = UnsafeMutablePointer<Candidate>.allocate(capacity: 1)
            let head = heads.value(key) ?? nil
            node.initialize(to: Candidate(slot: handle.slot, owner: handle.owner, next: head))
            heads.set(key, node)
            if head == nil { count(key, by: 1) }
        }
    }

    /// Takes an SA out.
    mutating func remove(_ handle: SAHandle) {
        for key in handle.prefixes {
            guard let head = heads.value(key) ?? nil else { continue }
            var previous: UnsafeMutablePointer<Candidate>?
            var node: UnsafeMutablePointer<Candidate>? = head
            while let current = node, current.pointee.slot != handle.slot {
                previous = current
                node = current.pointee.next
            }
            guard let found = node else { continue }
            if let previous {
                previous.pointee.next = found.pointee.next
            } else if let next = found.pointee.next {
                heads.set(key, next)
            } else {
                _ = heads.remove(key)
                count(key, by: -1)
            }
            found.deallocate()
        }
    }

    /// The SA for a packet.
    func find(_ packet: IPPacket) -> Found {
        var sawDestination = false
        let lengths = packet.family == .v4 ? used4.lengths : used6.lengths
        let lengthCount = packet.family == .v4 ? used4.count : used6.count
        var place = 0
        while place < lengthCount {
            let key = PrefixKey(packet.destination, length: lengths[place])
            place &+= 1
            var node = heads.value(key) ?? nil
            while let candidate = node {
                if Self.holds(candidate.pointee.slot, packet) {
                    return .slot(candidate.pointee.slot, owner: candidate.pointee.owner)
                }
                sawDestination = true
                node = candidate.pointee.next
            }
        }
        return sawDestination ? .selectorsDiffer : .none
    }

    /// The newest SA for a destination, whatever protocol and ports: for ICMP errors about packets it carried.
    func newest(for destination: IPAddress) -> (slot: UnsafeMutablePointer<SASlot>, owner: UInt16)? {
        let lengths = destination.family == .v4 ? used4.lengths : used6.lengths
        let lengthCount = destination.family == .v4 ? used4.count : used6.count
        var place = 0
        while place < lengthCount {
            let key = PrefixKey(destination, length: lengths[place])
            place &+= 1
            if let head = heads.value(key) ?? nil { return (head.pointee.slot, head.pointee.owner) }
        }
        return nil
    }

    @inline(__always)
    private static func holds(_ slot: UnsafeMutablePointer<SASlot>, _ packet: IPPacket) -> Bool {
        slot.pointee.remoteSelectors.firstMatch(
            address: packet.destination,
            ipProtocol: packet.ipProtocol,
            port: packet.destinationPort
        ) != SelectorSet.none
            && slot.pointee.localSelectors.firstMatch(
                address: packet.source,
                ipProtocol: packet.ipProtocol,
                port: packet.sourcePort
            ) != SelectorSet.none
    }

    private mutating func count(_ key: PrefixKey, by change: Int) {
        let length = Int(key.kind & 0xFF)
        if key.kind >= PrefixKey.version6 {
            used6.count(length, by: change)
        } else {
            used4.count(length, by: change)
        }
    }
}

/// The prefix lengths in use, longest first, in memory that lookups scan.
struct LengthList: ~Copyable {
    private let entries: UnsafeMutablePointer<Int>
    let lengths: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private let bits: Int

    init(bits: Int) {
        self.bits = bits
        entries = .allocate(capacity: bits + 1)
        entries.initialize(repeating: 0, count: bits + 1)
        lengths = .allocate(capacity: bits + 1)
        lengths.initialize(repeating: 0, count: bits + 1)
    }

    deinit {
        entries.deallocate()
        lengths.deallocate()
    }

    mutating func count(_ length: Int, by change: Int) {
        precondition(length >= 0 && length <= bits, "no such prefix length")
        entries[length] += change
        count = 0
        for candidate in stride(from: bits, through: 0, by: -1) where entries[candidate] > 0 {
            lengths[count] = UInt8(candidate)
            count += 1
        }
    }
}
