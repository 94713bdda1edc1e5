/// A key of a ``FlatTable``: plain words with a hash that spreads.
protocol FlatKey: BitwiseCopyable, Equatable {
    var flatHash: UInt64 { get }
}

extension UInt32: FlatKey {
    var flatHash: UInt64 { UInt64(self) &* 0x9E37_79B9_7F4A_7C15 }
}

/// A hash table in one piece of memory: open addressing, at most half full, no ARC, no allocation on lookup.
///
/// Owned by one worker, which also grows it, between packets and only when an SA is added.
struct FlatTable<Key: FlatKey, Value: BitwiseCopyable>: ~Copyable {
    struct Cell {
        var isUsed: Bool
        var key: Key
        var value: Value
    }

    private var cells: UnsafeMutablePointer<Cell>
    private var mask: Int
    private(set) var count = 0
    private let empty: Cell

    /// Makes an empty table; `key` and `value` only fill unused memory.
    init(fillingWith key: Key, _ value: Value) {
        empty = Cell(isUsed: false, key: key, value: value)
        mask = 15
        cells = .allocate(capacity: 16)
        cells.initialize(repeating: empty, count: 16)
    }

    deinit { cells.deallocate() }

    @inline(__always)
    private func home(_ key: Key) -> Int { Int(truncatingIfNeeded: key.flatHash >> 32) & mask }

    /// The value of a key.
    @inline(__always)
    func value(_ key: Key) -> Value? {
        var place = home(key)
        while cells[place].isUsed {
            if cells[place].key == key { return cells[place].value }
            place = (place &+ 1) & mask
        }
        return nil
    }

    /// Sets or replaces the value of a key.
    mutating func set(_ key: Key, _ value: Value) {
        if (count + 1) * 2 > mask + 1 { grow() }
        var place = home(key)
        while cells[place].isUsed, cells[place].key != key { place = (place + 1) & mask }
        if !cells[place].isUsed { count += 1 }
        cells[place] = Cell(isUsed: true, key: key, value: value)
    }

    /// Takes a key out and closes the gap, so that lookups need no tombstones.
    mutating func remove(_ key: Key) -> Value? {
        var gap = home(key)
        while cells[gap].isUsed, cells[gap].key != key { gap = (gap + 1) & mask }
        guard cells[gap].isUsed else { return nil }
        let value = cells[gap].value
        count -= 1
        var place = gap
        while true {
            place = (place + 1) & mask
            guard cells[place].isUsed else { break }
            // A cell may move into the gap when its home does not lie cyclically between the gap and itself.
            let distance = (place - home(cells[place].key)) & mask
            guard distance >= (place - gap) & mask else { continue }
            cells[gap] = cells[place]
            gap = place
        }
        cells[gap] = empty
        return value
    }

    /// Visits every value; the order means nothing.
    func visit(_ body: (Value) -> Void) {
        for place in 0...mask where cells[place].isUsed { body(cells[place].value) }
    }

    private mutating func grow() {
        let old = cells
        let oldCount = mask + 1
        mask = oldCount * 2 - 1
        cells = .allocate(capacity: oldCount * 2)
        cells.initialize(repeating: empty, count: oldCount * 2)
        for place in 0..<oldCount where old[place].isUsed {
            var target = home(old[place].key)
            while cells[target].isUsed { target = (target + 1) & mask }
            cells[target] = old[place]
        }
        old.deallocate()
    }
}
