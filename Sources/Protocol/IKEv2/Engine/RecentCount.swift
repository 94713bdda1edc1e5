import IPsecTypes

/// How often something happened lately; each time counts until its own end.
struct RecentCount {
    /// Oldest first, from `start` on.
    private var ends: [Instant] = []
    private var start = 0

    /// Remembered at most; then the oldest is forgotten.
    private static let limit = 8192

    /// Remembers one until `end`, which never goes back from one call to the next.
    mutating func note(until end: Instant) {
        ends.append(end)
        if ends.count - start > Self.limit { start += 1 }
        compact()
    }

    /// How many count now.
    mutating func count(_ now: Instant) -> Int {
        while start < ends.count, ends[start] <= now { start += 1 }
        compact()
        return ends.count - start
    }

    /// Half of the list is gone: the rest moves to its front, so that each entry moves once on average.
    private mutating func compact() {
        guard start * 2 > ends.count else { return }
        ends.removeFirst(start)
        start = 0
    }
}
