import IPsecTypes

/// What will happen, ordered by time and, within an instant, by the order in which it was scheduled.
struct EventQueue<Event> {
    private struct Entry {
        var at: Instant
        var sequence: UInt64
        var event: Event

        static func < (left: Entry, right: Entry) -> Bool { (left.at, left.sequence) < (right.at, right.sequence) }
    }

    private var entries: [Entry] = []
    private var sequence: UInt64 = 0

    var next: Instant? { entries.first?.at }

    mutating func push(_ event: Event, at: Instant) {
        sequence += 1
        entries.append(Entry(at: at, sequence: sequence, event: event))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (at: Instant, event: Event)? {
        guard let first = entries.first else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child] < entries[smallest] { smallest = child }
            guard smallest != parent else { return (first.at, first.event) }
            entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
