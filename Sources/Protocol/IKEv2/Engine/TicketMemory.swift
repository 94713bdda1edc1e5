import IPsecTypes

/// Numbers of tickets that must not be used (again): spent ones, and those of IKE SAs that were deleted. Each stays until its
/// ticket would have expired anyway. Bounded: when it is full nothing can be resumed, and full exchanges go on.
struct TicketMemory {
    private var entries: [[UInt8]: WallTime] = [:]
    private var prunedAt: WallTime?

    /// How many there are.
    var count: Int { entries.count }

    func contains(_ number: [UInt8]) -> Bool { entries[number] != nil }

    /// Remembers a number until `expires`; false when there is no room for it.
    mutating func insert(_ number: [UInt8], until expires: WallTime, now: WallTime, limit: Int) -> Bool {
        guard expires > now || entries[number] != nil else { return true }
        if entries.count >= limit { prune(now) }
        guard entries.count < limit || entries[number] != nil else { return false }
        entries[number] = expires
        return true
    }

    /// At most once a second of the civil clock: whoever fills the memory must not make each insertion a walk through it.
    private mutating func prune(_ now: WallTime) {
        guard prunedAt != now else { return }
        prunedAt = now
        entries = entries.filter { $0.value > now }
    }
}
