public import IPsecTypes

/// Traffic selectors compiled for one check a packet: a flat range of memory, scanned without ARC or allocation.
///
/// Each entry carries a tag (a rule index), which a match returns. Owned by one SA slot and used by its worker alone.
public struct SelectorSet: ~Copyable {
    /// What ``firstMatch(address:ipProtocol:port:)`` returns when nothing matches.
    public static let none: Int32 = -1

    @usableFromInline struct Entry {
        @usableFromInline var firstHigh: UInt64
        @usableFromInline var firstLow: UInt64
        @usableFromInline var lastHigh: UInt64
        @usableFromInline var lastLow: UInt64
        @usableFromInline var tag: Int32
        @usableFromInline var firstPort: UInt16
        @usableFromInline var lastPort: UInt16
        @usableFromInline var ipProtocol: UInt8
        @usableFromInline var isVersion6: Bool
    }

    @usableFromInline let entries: UnsafeMutableBufferPointer<Entry>

    /// Compiles selectors; their tags are their places in the array.
    public init(_ selectors: [TrafficSelector]) {
        self.init(tagged: selectors.enumerated().map { ($1, UInt32($0)) })
    }

    /// Compiles selectors with the tag that a match of each returns. Tags above `Int32.max` are a programming error.
    public init(tagged selectors: [(selector: TrafficSelector, tag: UInt32)]) {
        entries = .allocate(capacity: selectors.count)
        for (place, item) in selectors.enumerated() {
            let first = item.selector.addresses.first.halves
            let last = item.selector.addresses.last.halves
            entries.initializeElement(
                at: place,
                to: Entry(
                    firstHigh: first.high,
                    firstLow: first.low,
                    lastHigh: last.high,
                    lastLow: last.low,
                    tag: Int32(item.tag),
                    firstPort: item.selector.ports.first,
                    lastPort: item.selector.ports.last,
                    ipProtocol: item.selector.ipProtocol,
                    isVersion6: item.selector.addresses.family == .v6
                )
            )
        }
    }

    deinit { entries.deallocate() }

    /// Number of entries.
    @inlinable public var count: Int { entries.count }

    /// The tag of the first selector that a packet's end matches, or ``none``. The test is that of
    /// ``TrafficSelector/matches(address:ipProtocol:port:)``; a port that is not looked at fits every selector.
    @inlinable
    public func firstMatch(address: IPAddress, ipProtocol: UInt8, port: PortView) -> Int32 {
        let (high, low) = address.halves
        let isVersion6 = address.family == .v6
        var place = 0
        while place < entries.count {
            let entry = entries[place]
            place &+= 1
            guard entry.isVersion6 == isVersion6, entry.ipProtocol == 0 || entry.ipProtocol == ipProtocol else {
                continue
            }
            guard entry.firstHigh < high || (entry.firstHigh == high && entry.firstLow <= low) else { continue }
            guard high < entry.lastHigh || (high == entry.lastHigh && low <= entry.lastLow) else { continue }
            if Self.fits(port, entry.firstPort, entry.lastPort) { return entry.tag }
        }
        return Self.none
    }

    /// Whether any selector holds `address`, whatever protocol and ports.
    @inlinable
    public func holds(_ address: IPAddress) -> Bool {
        let (high, low) = address.halves
        let isVersion6 = address.family == .v6
        var place = 0
        while place < entries.count {
            let entry = entries[place]
            place &+= 1
            if entry.isVersion6 == isVersion6,
                entry.firstHigh < high || (entry.firstHigh == high && entry.firstLow <= low),
                high < entry.lastHigh || (high == entry.lastHigh && low <= entry.lastLow)
            {
                return true
            }
        }
        return false
    }

    @inlinable
    static func fits(_ port: PortView, _ first: UInt16, _ last: UInt16) -> Bool {
        switch port {
        case .value(let number): first <= number && number <= last
        // ANY (0 to 65535) or OPAQUE (first above last): RFC 4301 §4.4.1.1, §7.
        case .hidden: first > last || (first == 0 && last == .max)
        case .unused: true
        }
    }
}

extension IPAddress {
    /// The address as two halves that compare in address order; an IPv4 address is in the lower one.
    @inlinable public var halves: (high: UInt64, low: UInt64) {
        switch self {
        case .v4(let value): (0, UInt64(value))
        case .v6(let high, let low): (high, low)
        }
    }
}
