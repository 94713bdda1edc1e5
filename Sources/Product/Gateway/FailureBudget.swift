import IPsecTypes

/// How many failures and refusals of peers get an audit record and a log line of their own: a token bucket. What is
/// beyond it is counted and told as one number, so that nobody fills the disk or crowds out other records (L08, rule G).
struct FailureBudget {
    /// Records at once.
    static let burst = 100
    /// Records a second, afterwards.
    static let perSecond = 5
    /// A count that waits longer than this is told.
    static let summaryInterval: Duration = .seconds(10)

    private var tokens = TokenBucket()
    private var untold: UInt64 = 0

    /// When ``summary(now:)`` is due; nil while nothing is untold.
    private(set) var nextSummary: Instant?

    /// Whether this failure gets its own record.
    mutating func takes(now: Instant) -> Bool {
        guard tokens.take(now, perSecond: Self.perSecond, burst: Self.burst) else {
            untold += 1
            nextSummary = nextSummary ?? now + Self.summaryInterval
            return false
        }
        return true
    }

    /// The failures without a record since the last summary, when one is due.
    mutating func summary(now: Instant) -> UInt64? {
        guard let due = nextSummary, due <= now else { return nil }
        defer { untold = 0 }
        nextSummary = nil
        return untold
    }
}
