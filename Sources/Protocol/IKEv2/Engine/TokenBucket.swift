import IPsecTypes

/// A bound on how often something is done: at most `burst` at once, refilled evenly.
struct TokenBucket {
    private var tokens: Double = 1
    private var filledAt: Instant?

    /// Whether it may be done now; counts it if so. Without `burst`, what a second brings may be done at once.
    mutating func take(_ now: Instant, perSecond: Int, burst: Int? = nil) -> Bool {
        let capacity = Double(max(1, burst ?? perSecond))
        if let filledAt {
            let elapsed = Double(max(0, (now - filledAt).wholeNanoseconds)) / 1e9
            tokens = min(capacity, tokens + elapsed * Double(perSecond))
        } else {
            tokens = capacity
        }
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
