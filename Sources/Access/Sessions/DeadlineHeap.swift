import IPsecTypes

/// Deadlines of many sessions, the earliest first. A session's newer deadline makes its older ones void.
struct DeadlineHeap: Sendable {
    private struct Entry: Sendable {
        var deadline: Instant
        var id: String
        var stamp: UInt64

        func precedes(_ other: Entry) -> Bool { (deadline, stamp) < (other.deadline, other.stamp) }
    }

    private var entries: [Entry] = []
    private var current: [String: UInt64] = [:]
    private var stamp: UInt64 = 0

    /// Sets, moves or with nil removes the deadline of a session.
    mutating func set(_ id: String, _ deadline: Instant?) {
        guard let deadline else {
            current[id] = nil
            return
        }
        stamp += 1
        current[id] = stamp
        entries.append(Entry(deadline: deadline, id: id, stamp: stamp))
        siftUp(entries.count - 1)
        if entries.count > 64, entries.count > current.count * 4 { rebuild() }
    }

    /// The earliest deadline.
    mutating func next() -> Instant? {
        dropVoid()
        return entries.first?.deadline
    }

    /// Removes and returns a session whose deadline has come.
    mutating func pop(now: Instant) -> String? {
        dropVoid()
        guard let first = entries.first, first.deadline <= now else { return nil }
        removeFirst()
        current[first.id] = nil
        return first.id
    }

    private mutating func dropVoid() {
        while let first = entries.first, current[first.id] != first.stamp { removeFirst() }
    }

    private mutating func rebuild() {
        let live = entries.filter { current[$0.id] == $0.stamp }
        entries = live.sorted { $0.precedes($1) }
    }

    private mutating func removeFirst() {
        let last = entries.removeLast()
        guard !entries.isEmpty else { return }
        entries[0] = last
        var index = 0
        while true {
            let (left, right) = (2 * index + 1, 2 * index + 2)
            var least = index
            if left < entries.count, entries[left].precedes(entries[least]) { least = left }
            if right < entries.count, entries[right].precedes(entries[least]) { least = right }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0, entries[index].precedes(entries[(index - 1) / 2]) {
            entries.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }
}
