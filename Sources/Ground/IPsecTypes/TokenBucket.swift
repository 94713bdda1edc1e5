/// A bound on how often something is done: at most `burst` at once, refilled evenly. It starts full.
///
/// For what a stranger may cause: error messages, log lines, audit records. No allocation, no clock of its own.
public struct TokenBucket: Sendable {
    /// In billionths of a token; nil until the first use.
    private var tokens: Int64?
    private var filledAt = Instant.zero
    private static let token: Int64 = 1_000_000_000
    /// A longer pause fills no more; keeps the product below within 64 bits for rates up to a million.
    private static let longestPause: Int64 = 3600 * token

    /// A full bucket.
    public init() {}

    /// Whether it may be done now; counts it if so.
    ///
    /// - Parameters:
    ///   - perSecond: what a second refills, 1 to a million.
    ///   - burst: how much fits; what a second refills when nil.
    public mutating func take(_ now: Instant, perSecond: Int, burst: Int? = nil) -> Bool {
        let rate = Int64(min(max(1, perSecond), 1_000_000))
        let capacity = Int64(min(max(1, burst ?? perSecond), 1_000_000)) * Self.token
        var level = capacity
        if let tokens {
            let pause = min(max(0, (now - filledAt).wholeNanoseconds), Self.longestPause)
            level = min(capacity, tokens + pause * rate)
        }
        // A clock that goes back gives nothing, and gives nothing twice when it comes forward again.
        filledAt = tokens == nil ? now : max(filledAt, now)
        let allowed = level >= Self.token
        tokens = allowed ? level - Self.token : level
        return allowed
    }
}
