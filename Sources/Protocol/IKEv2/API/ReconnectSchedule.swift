import IPsecTypes

/// When a lost tunnel is tried again: soon at first, then with growing pauses, each half random, for ever (R10). One tunnel
/// owns one; it is a value without a clock, so that thousands of them can be tried in virtual time.
public struct ReconnectSchedule: Hashable, Sendable {
    /// What led to the next try.
    public enum Cause: Hashable, Sendable {
        /// The peer proved that it restarted, or sent us elsewhere: it is there. Its crash tokens have a rate, which spreads
        /// those that it calls back.
        case called
        /// The peer was silent for too long. Those who notice, notice at their own times.
        case lost
        /// The peer deleted the tunnel: maybe everybody's at once, because it is being restarted.
        case deleted
        /// A try failed.
        case failed
    }

    /// The first pause by cause: fast for one, spread for ten thousand.
    static let firstCalled: ClosedRange<Duration> = .zero ... .milliseconds(100)
    static let firstLost: ClosedRange<Duration> = .zero ... .seconds(1)
    static let firstDeleted: ClosedRange<Duration> = .milliseconds(100) ... .seconds(5)
    /// The longest pause: whoever was away for an hour is back within a minute.
    public static let longest: Duration = .seconds(30)
    /// A tunnel that stood for less than this counts as another failure in a row: two agents of one identity would else throw
    /// each other out without a pause.
    public static let steadyAfter: Duration = .seconds(60)

    /// Failures in a row.
    public private(set) var failures = 0

    /// No failures yet.
    public init() {}

    /// The pause before the next try. A tunnel that stood for `stood` before it was lost has paid for what went before.
    public mutating func next(
        after cause: Cause,
        stood: Duration? = nil,
        using generator: inout some RandomNumberGenerator
    ) -> Duration {
        if let stood, stood >= Self.steadyAfter { failures = 0 }
        failures = min(failures + 1, 1 << 20)
        guard failures == 1 else { return backOff(&generator) }
        return switch cause {
        case .called: Self.pick(Self.firstCalled, &generator)
        case .lost: Self.pick(Self.firstLost, &generator)
        case .deleted: Self.pick(Self.firstDeleted, &generator)
        case .failed: backOff(&generator)
        }
    }

    /// 1, 2, 4 ... seconds up to the longest, half of it random.
    private func backOff(_ generator: inout some RandomNumberGenerator) -> Duration {
        let whole = min(.seconds(1 << min(failures, 6)), Self.longest)
        return Self.pick(whole / 2...whole, &generator)
    }

    private static func pick(
        _ range: ClosedRange<Duration>,
        _ generator: inout some RandomNumberGenerator
    ) -> Duration {
        .nanoseconds(
            Int64.random(in: range.lowerBound.wholeNanoseconds...range.upperBound.wholeNanoseconds, using: &generator)
        )
    }
}
