import IPsecTypes

/// When which IKE SA wants to be looked at: a binary heap with lazy deletion.
///
/// An IKE SA may stand in it several times; whoever takes an entry out asks the IKE SA for its real deadline. Entries of
/// the same instant come out in the order they went in, so nothing depends on hash order.
struct DeadlineHeap {
    struct Entry {
        var at: Instant
        var order: UInt64
        var spi: IKESPI

        static func < (left: Entry, right: Entry) -> Bool { (left.at, left.order) < (right.at, right.order) }
    }

    private var entries: [Entry] = []
    private var order: UInt64 = 0

    /// The earliest deadline.
    var next: Instant? { entries.first?.at }

    mutating func push(_ at: Instant, _ spi: IKESPI) {
        order += 1
        entries.append(Entry(at: at, order: order, spi: spi))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// The earliest entry that is due; nil when none is.
    mutating func popDue(_ now: Instant) -> Entry? {
        guard let first = entries.first, first.at <= now else { return nil }
        return pop()
    }

    /// Drops entries in front whose IKE SA is gone, so that nobody is woken for it.
    mutating func prune(_ isAlive: (IKESPI) -> Bool) {
        while let first = entries.first, !isAlive(first.spi) { _ = pop() }
    }

    private mutating func pop() -> Entry? {
        guard let first = entries.first else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child] < entries[smallest] { smallest = child }
            guard smallest != parent else { return first }
            entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
