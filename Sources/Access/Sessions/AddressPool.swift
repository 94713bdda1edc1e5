public import IPsecTypes

/// Why an address could not be given.
public enum AddressPoolFailure: Error, Hashable, Sendable {
    /// Every address of the family is in use or in its hold-down.
    case exhausted(IPAddress.Family)
    /// The address belongs to another session.
    case taken(IPAddress, session: String)
    /// The address is none that the pools may give.
    case outside(IPAddress)

    /// The failure as an error.
    public var error: CulvertError {
        switch self {
        case .exhausted(let family):
            CulvertError(
                .poolExhausted,
                "no IPv\(family.rawValue) address is left in the pools",
                details: [
                    ("wanted", "one IPv\(family.rawValue) address"),
                    ("compared", "every address is held by a session, or rests after one"),
                ]
            )
        case .outside(let address):
            CulvertError(
                .poolExhausted,
                "\(address) is no address that the pools may give",
                next: "let the RADIUS server give addresses of network.pools, and not the gateway's own"
            )
        case .taken(let address, let session):
            CulvertError(
                .poolExhausted,
                "\(address) is held by another session",
                details: [("session", session)],
                next: "close it, or give the peer another address"
            )
        }
    }
}

/// The inner addresses of sessions: one of each family a session, at rest for a while after it, and the same one again for
/// an identity that comes back meanwhile.
///
/// Network and broadcast addresses, the subnet-router anycast address and the gateway's own (the first of each pool) are
/// never given. Addresses that are past their rest are given before ones never used, so memory follows the number of
/// sessions and not the size of the pool.
public struct AddressPool: Sendable {
    /// Five minutes: longer than connection tracking keeps a dead flow in mind by default for most protocols.
    public static let defaultHoldDown = Duration.seconds(300)

    /// Wishes for addresses that nobody had are heard while fewer than this are at rest.
    private static let wishLimit = 65_536

    /// The pools.
    public private(set) var prefixes: [IPPrefix]
    /// How long an address rests.
    public let holdDown: Duration

    private var ranges: [PoolRange]
    private var excluded: Set<IPAddress>
    private var active: [IPAddress: Holder] = [:]
    private var resting: [IPAddress: Rest] = [:]
    private var lastOf: [Sticky: IPAddress] = [:]
    private var queues: [IPAddress.Family: RestQueue] = [.v4: RestQueue(), .v6: RestQueue()]
    private var stamp: UInt64 = 0

    private struct Holder: Sendable {
        var session: String
        var identity: String
    }
    private struct Rest: Sendable {
        var identity: String
        var until: Instant
        var stamp: UInt64
    }
    private struct Sticky: Hashable, Sendable {
        var identity: String
        var family: IPAddress.Family
    }

    /// Makes pools. `reserved` addresses, such as those fixed for peers, are given by ``claim(_:session:identity:)`` alone.
    public init(
        _ prefixes: [IPPrefix],
        reserved: some Sequence<IPAddress> = [],
        holdDown: Duration = defaultHoldDown
    ) {
        self.prefixes = prefixes
        self.holdDown = holdDown
        self.ranges = prefixes.map(PoolRange.init)
        self.excluded = Set(reserved).union(prefixes.compactMap(Self.gatewayAddress))
    }

    /// The address of a pool that the gateway itself has.
    public static func gatewayAddress(_ prefix: IPPrefix) -> IPAddress? {
        prefix.length >= prefix.address.family.bits - 1 ? prefix.address : prefix.address.next
    }

    /// The gateway's own addresses, one a pool.
    public var gatewayAddresses: [IPAddress] { prefixes.compactMap(Self.gatewayAddress) }

    /// The families that have a pool.
    public var families: [IPAddress.Family] {
        IPAddress.Family.allCases.filter { family in ranges.contains { $0.family == family } }
    }

    /// Addresses in use.
    public var activeCount: Int { active.count }

    /// Addresses at rest.
    public var restingCount: Int { resting.count }

    /// The session that holds an address.
    public func session(holding address: IPAddress) -> String? { active[address]?.session }

    /// Gives one address of a family to a session: the one that the identity had, while it is free, else another. `wanting`
    /// are addresses that the peer asks for (RFC 7296 §3.15.1; RFC 5723 §5, note 5): it gets one that it had itself, or one
    /// that nobody has and nobody had before it.
    public mutating func lease(
        _ family: IPAddress.Family,
        session: String,
        identity: String,
        wanting: [IPAddress] = [],
        now: Instant
    ) throws(AddressPoolFailure) -> IPAddress {
        let wishes = wanting.filter { $0.family == family && isGivable($0) && active[$0] == nil }
        let address =
            wishes.first { resting[$0]?.identity == identity } ?? stickyAddress(identity, family) ?? fresh(wishes)
            ?? rested(family, now) ?? unused(family)
        guard let address else { throw .exhausted(family) }
        hold(address, session, identity)
        return address
    }

    /// Gives a certain address, inside the pools or not. It may be at rest, but not in use by another session.
    public mutating func claim(
        _ address: IPAddress,
        session: String,
        identity: String
    ) throws(AddressPoolFailure) {
        if let holder = active[address], holder.session != session {
            throw .taken(address, session: holder.session)
        }
        hold(address, session, identity)
    }

    /// Gives a certain address of the pools: one that is not the gateway's own, reserved or in use (E12). It may be at rest.
    public mutating func claimInside(
        _ address: IPAddress,
        session: String,
        identity: String
    ) throws(AddressPoolFailure) {
        guard isGivable(address) else { throw .outside(address) }
        try claim(address, session: session, identity: identity)
    }

    /// Addresses that identities had before this pool was made, the one that ended first at the front: each rests as long as
    /// is said, at most the hold-down, and goes to its identity first.
    public mutating func remember(_ leases: [(address: IPAddress, identity: String, rest: Duration)], now: Instant) {
        var until = now
        for lease in leases where isGivable(lease.address) && active[lease.address] == nil {
            // The queue is in the order of the ends.
            until = max(until, now + min(max(lease.rest, .zero), holdDown))
            rest(lease.address, lease.identity, until)
        }
    }

    /// Takes an address back; it rests before anybody but the same identity gets it.
    public mutating func release(_ address: IPAddress, now: Instant) {
        guard let holder = active.removeValue(forKey: address) else { return }
        guard isGivable(address) else { return }
        rest(address, holder.identity, now + holdDown)
    }

    /// Changes the pools at a reload. Sessions keep what they hold; it is not given again where it no longer belongs.
    public mutating func replace(_ prefixes: [IPPrefix], reserved: some Sequence<IPAddress>) {
        let old = Dictionary(zip(self.prefixes, ranges)) { first, _ in first }
        self.prefixes = prefixes
        ranges = prefixes.map { old[$0] ?? PoolRange($0) }
        excluded = Set(reserved).union(prefixes.compactMap(Self.gatewayAddress))
        for (address, rest) in resting
        where excluded.contains(address) || !ranges.contains(where: { $0.contains(address) }) {
            resting[address] = nil
            lastOf[Sticky(identity: rest.identity, family: address.family)] = nil
        }
    }

    /// Whether an address is one of the pools, not the gateway's own and not reserved.
    private func isGivable(_ address: IPAddress) -> Bool {
        !excluded.contains(address) && ranges.contains { $0.contains(address) }
    }

    private mutating func rest(_ address: IPAddress, _ identity: String, _ until: Instant) {
        stamp += 1
        resting[address] = Rest(identity: identity, until: until, stamp: stamp)
        lastOf[Sticky(identity: identity, family: address.family)] = address
        queues[address.family, default: RestQueue()].append(address, stamp)
        // Whoever comes and goes again and again always finds its own address, so nobody else would tidy up.
        guard queues[address.family, default: RestQueue()].count > 64 + 2 * resting.count else { return }
        queues[address.family]?.removeAll { resting[$0]?.stamp != $1 }
    }

    /// A wish for an address that nobody ever had, as after the loss of the gateway's memory. Only while few are at rest:
    /// a peer that wishes for another address each time must not fill the memory.
    private func fresh(_ wishes: [IPAddress]) -> IPAddress? {
        guard resting.count < Self.wishLimit else { return nil }
        return wishes.first { resting[$0] == nil }
    }

    private mutating func hold(_ address: IPAddress, _ session: String, _ identity: String) {
        if let rest = resting.removeValue(forKey: address) {
            let sticky = Sticky(identity: rest.identity, family: address.family)
            if lastOf[sticky] == address { lastOf[sticky] = nil }
        }
        active[address] = Holder(session: session, identity: identity)
    }

    private func stickyAddress(_ identity: String, _ family: IPAddress.Family) -> IPAddress? {
        guard let address = lastOf[Sticky(identity: identity, family: family)], resting[address] != nil else {
            return nil
        }
        return address
    }

    /// The address that has rested longest, when that is long enough.
    private mutating func rested(_ family: IPAddress.Family, _ now: Instant) -> IPAddress? {
        while let (address, stamp) = queues[family]?.first {
            guard let rest = resting[address], rest.stamp == stamp else {
                queues[family]?.removeFirst()
                continue
            }
            guard rest.until <= now else { return nil }
            queues[family]?.removeFirst()
            return address
        }
        return nil
    }

    private mutating func unused(_ family: IPAddress.Family) -> IPAddress? {
        for index in ranges.indices where ranges[index].family == family {
            while let address = ranges[index].advance() {
                if active[address] == nil, resting[address] == nil, !excluded.contains(address) { return address }
            }
        }
        return nil
    }
}

/// The addresses of one pool, and which comes next.
private struct PoolRange: Sendable {
    let first: IPAddress
    let last: IPAddress
    var next: IPAddress?

    init(_ prefix: IPPrefix) {
        let range = prefix.range
        let wide = prefix.length < prefix.address.family.bits - 1
        // The lowest is the network, or the subnet-router anycast address (RFC 4291 §2.6.1); the highest is the broadcast.
        first = wide ? range.first.next ?? range.first : range.first
        last = wide && range.family == .v4 ? range.last.previous ?? range.last : range.last
        next = first
    }

    var family: IPAddress.Family { first.family }

    func contains(_ address: IPAddress) -> Bool { address.family == family && first <= address && address <= last }

    mutating func advance() -> IPAddress? {
        guard let address = next else { return nil }
        next = address < last ? address.next : nil
        return address
    }
}

/// Addresses at rest in the order of their release; entries of addresses taken meanwhile are skipped by their stamp.
private struct RestQueue: Sendable {
    private var entries: [(address: IPAddress, stamp: UInt64)] = []
    private var head = 0

    var first: (address: IPAddress, stamp: UInt64)? { head < entries.count ? entries[head] : nil }

    var count: Int { entries.count - head }

    mutating func removeAll(where isGone: (IPAddress, UInt64) -> Bool) {
        entries = entries[head...].filter { !isGone($0.address, $0.stamp) }
        head = 0
    }

    mutating func append(_ address: IPAddress, _ stamp: UInt64) { entries.append((address, stamp)) }

    mutating func removeFirst() {
        head += 1
        guard head > 64, head * 2 > entries.count else { return }
        entries.removeFirst(head)
        head = 0
    }
}
