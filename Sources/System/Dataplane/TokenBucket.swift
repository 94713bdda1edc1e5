import IPsecTypes

/// Allows `rate` events a second and bursts of as many; for what an unauthenticated packet may cause.
struct TokenBucket {
    private let rate: Int64
    private var tokens: Int64
    private var last: Instant
    private static let second: Int64 = 1_000_000_000

    init(rate: Int, now: Instant = .zero) {
        self.rate = Int64(rate)
        tokens = Int64(rate) * Self.second
        last = now
    }

    /// Whether one more event is allowed.
    mutating func take(now: Instant) -> Bool {
        let elapsed = min(max(0, now.nanoseconds &- last.nanoseconds), Self.second)
        last = now
        tokens = min(rate * Self.second, tokens + elapsed * rate)
        guard tokens >= Self.second else { return false }
        tokens -= Self.second
        return true
    }
}
