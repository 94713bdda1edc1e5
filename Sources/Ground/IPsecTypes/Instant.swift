/// A moment on the monotonic clock, in nanoseconds since an origin of the driver's choice.
///
/// Floors 1-4 never read a clock: every entry point takes `now: Instant`, so a simulation can supply virtual time.
public struct Instant: Hashable, Sendable, Codable {
    /// Nanoseconds since the origin.
    public var nanoseconds: Int64

    /// Makes an instant `nanoseconds` after the origin.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The origin of the clock.
    public static var zero: Instant { Instant(nanoseconds: 0) }

    /// The instant `duration` later, saturating at the ends of the range.
    public static func + (instant: Instant, duration: Duration) -> Instant {
        instant.advanced(by: duration)
    }

    /// The instant `duration` earlier, saturating at the ends of the range.
    public static func - (instant: Instant, duration: Duration) -> Instant {
        instant.advanced(by: .zero - duration)
    }

    /// The time from `earlier` to `later`; negative when they are the other way round.
    public static func - (later: Instant, earlier: Instant) -> Duration {
        earlier.duration(to: later)
    }
}

extension Instant: InstantProtocol {
    /// The instant `duration` later, saturating at the ends of the range.
    public func advanced(by duration: Duration) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        guard overflow else { return Instant(nanoseconds: sum) }
        return Instant(nanoseconds: duration > .zero ? .max : .min)
    }

    /// The time from here to `other`, saturating.
    public func duration(to other: Instant) -> Duration {
        let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
        return .nanoseconds(overflow ? (other > self ? Int64.max : Int64.min) : difference)
    }

    /// Whether `left` is earlier than `right`.
    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// The whole nanoseconds in this duration, clamped to what an `Int64` holds (292 years).
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard !carry else { return seconds < 0 ? .min : .max }
        return sum
    }
}

/// A moment on the civil clock: seconds since 1970-01-01T00:00:00Z.
///
/// Only certificates, leases and audit records look at it; timers use ``Instant``.
public struct WallTime: Hashable, Comparable, Sendable, Codable {
    /// Seconds since the epoch.
    public var secondsSinceEpoch: Int64

    /// Makes a civil time from seconds since the epoch.
    public init(secondsSinceEpoch: Int64) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// Whether `left` is earlier than `right`.
    public static func < (left: WallTime, right: WallTime) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }

    /// The time `seconds` later, saturating.
    public func advanced(bySeconds seconds: Int64) -> WallTime {
        let (sum, overflow) = secondsSinceEpoch.addingReportingOverflow(seconds)
        return WallTime(secondsSinceEpoch: overflow ? (seconds > 0 ? .max : .min) : sum)
    }
}
