public import IPsecTypes

/// The compiled rules that every packet is checked against: flat arrays, immutable, shared by all workers.
///
/// A check allocates nothing, takes no lock and copies no array. A reload makes another table; an index keeps its meaning
/// across reloads (see ``PolicyEngine/init(_:previous:)``), so that Child SAs need not be touched.
public final class RuleTable: Sendable {
    /// Rules a table may hold: an index must fit comfortably into counters' arrays of each worker.
    public static let maximumRules = 65_536
    /// What ``check(rules:address:ipProtocol:port:)`` returns when no rule allows the packet.
    public static let denied: Int32 = -1

    /// The rules, in the order of their index.
    public let rules: [PacketRule]

    @usableFromInline let spans: ContiguousArray<RuleSpan>
    @usableFromInline let entries4: ContiguousArray<Entry4>
    @usableFromInline let entries6: ContiguousArray<Entry6>

    /// A table that denies everything.
    public static let empty = RuleTable([])

    /// Compiles rules. Their `index` is set to their place in `rules`; rules beyond ``maximumRules`` are dropped, which
    /// denies what they would have allowed.
    public init(_ rules: [PacketRule]) {
        var kept: [PacketRule] = []
        var spans: ContiguousArray<RuleSpan> = []
        var entries4: ContiguousArray<Entry4> = []
        var entries6: ContiguousArray<Entry6> = []
        for (index, rule) in rules.prefix(Self.maximumRules).enumerated() {
            let (start4, start6) = (entries4.count, entries6.count)
            for selector in rule.destinations {
                let match = PortMatch(selector)
                switch (selector.addresses.first, selector.addresses.last) {
                case (.v4(let first), .v4(let last)):
                    entries4.append(Entry4(first: first, last: last, match: match))
                case (.v6(let high, let low), .v6(let lastHigh, let lastLow)):
                    entries6.append(
                        Entry6(firstHigh: high, firstLow: low, lastHigh: lastHigh, lastLow: lastLow, match: match)
                    )
                case (.v4, .v6): continue
                case (.v6, .v4): continue
                }
            }
            spans.append(
                RuleSpan(
                    start4: UInt32(start4),
                    end4: UInt32(entries4.count),
                    start6: UInt32(start6),
                    end6: UInt32(entries6.count)
                )
            )
            var rule = rule
            rule.index = UInt32(index)
            kept.append(rule)
        }
        self.rules = kept
        self.spans = spans
        self.entries4 = entries4
        self.entries6 = entries6
    }

    /// How many rules the table holds; every index is below it.
    @inlinable public var count: Int { spans.count }

    /// The rule at an index; nil when there is none.
    public func rule(at index: Int32) -> PacketRule? {
        index >= 0 && Int(index) < rules.count ? rules[Int(index)] : nil
    }

    /// The first of `rules` that allows a packet whose resource end is `address` and `port`, or ``denied``.
    ///
    /// The resource end is the destination of a packet that came out of a tunnel and the source of one that goes in.
    /// `port` is nil where the packet shows none (later fragments, protocols without ports); for ICMP and ICMPv6 it is
    /// type and code (`type << 8 | code`). An index outside the table allows nothing.
    @inlinable
    public func check(rules: Span<UInt32>, address: IPAddress, ipProtocol: UInt8, port: UInt16?) -> Int32 {
        var position = 0
        while position < rules.count {
            let index = rules[position]
            if allows(rule: index, address: address, ipProtocol: ipProtocol, port: port) {
                return Int32(bitPattern: index)
            }
            position += 1
        }
        return Self.denied
    }

    /// The same for a list of rule indices held in an array.
    @inlinable
    public func check(rules: [UInt32], address: IPAddress, ipProtocol: UInt8, port: UInt16?) -> Int32 {
        check(rules: rules.span, address: address, ipProtocol: ipProtocol, port: port)
    }

    /// Whether one rule allows a packet with this resource end.
    @inlinable
    public func allows(rule index: UInt32, address: IPAddress, ipProtocol: UInt8, port: UInt16?) -> Bool {
        guard Int(index) < spans.count else { return false }
        let span = spans[Int(index)]
        switch address {
        case .v4(let value):
            var position = Int(span.start4)
            while position < Int(span.end4) {
                if entries4[position].contains(value), entries4[position].match.matches(ipProtocol, port) {
                    return true
                }
                position += 1
            }
        case .v6(let high, let low):
            var position = Int(span.start6)
            while position < Int(span.end6) {
                if entries6[position].contains(high, low), entries6[position].match.matches(ipProtocol, port) {
                    return true
                }
                position += 1
            }
        }
        return false
    }
}

/// Where a rule's entries lie in the flat arrays.
@usableFromInline struct RuleSpan: Sendable {
    @usableFromInline var start4: UInt32
    @usableFromInline var end4: UInt32
    @usableFromInline var start6: UInt32
    @usableFromInline var end6: UInt32

    init(start4: UInt32, end4: UInt32, start6: UInt32, end6: UInt32) {
        self.start4 = start4
        self.end4 = end4
        self.start6 = start6
        self.end6 = end6
    }
}

/// Protocol and ports of an entry, the same test as ``TrafficSelector/matches(address:ipProtocol:port:)``.
@usableFromInline struct PortMatch: Sendable {
    @usableFromInline var ipProtocol: UInt8
    @usableFromInline var first: UInt16
    @usableFromInline var last: UInt16

    init(_ selector: TrafficSelector) {
        ipProtocol = selector.ipProtocol
        first = selector.ports.first
        last = selector.ports.last
    }

    @inlinable
    func matches(_ packetProtocol: UInt8, _ port: UInt16?) -> Bool {
        guard ipProtocol == 0 || ipProtocol == packetProtocol else { return false }
        guard let port else { return first > last || (first == 0 && last == 65535) }
        return first <= port && port <= last
    }
}

@usableFromInline struct Entry4: Sendable {
    @usableFromInline var first: UInt32
    @usableFromInline var last: UInt32
    @usableFromInline var match: PortMatch

    init(first: UInt32, last: UInt32, match: PortMatch) {
        self.first = first
        self.last = last
        self.match = match
    }

    @inlinable
    func contains(_ address: UInt32) -> Bool { first <= address && address <= last }
}

@usableFromInline struct Entry6: Sendable {
    @usableFromInline var firstHigh: UInt64
    @usableFromInline var firstLow: UInt64
    @usableFromInline var lastHigh: UInt64
    @usableFromInline var lastLow: UInt64
    @usableFromInline var match: PortMatch

    init(firstHigh: UInt64, firstLow: UInt64, lastHigh: UInt64, lastLow: UInt64, match: PortMatch) {
        self.firstHigh = firstHigh
        self.firstLow = firstLow
        self.lastHigh = lastHigh
        self.lastLow = lastLow
        self.match = match
    }

    @inlinable
    func contains(_ high: UInt64, _ low: UInt64) -> Bool {
        (firstHigh < high || (firstHigh == high && firstLow <= low))
            && (high < lastHigh || (high == lastHigh && low <= lastLow))
    }
}
