import CLinux
import IPsecTypes

/// The machine's clocks. Nothing else reads them.
public enum SystemClock {
    /// Monotonic time since the machine started. Time asleep counts: keys and leases age while a laptop sleeps.
    public static var now: Instant { Instant(nanoseconds: culvert_clock_boottime()) }

    /// Civil time, for certificates, leases and audit records.
    public static var wall: WallTime { WallTime(secondsSinceEpoch: culvert_clock_realtime() / 1_000_000_000) }

    /// Civil time in nanoseconds since 1970, for time stamps of records.
    public static var wallNanoseconds: Int64 { culvert_clock_realtime() }
}

/// The kernel's random numbers. Nothing else reads them.
///
/// Should the kernel fail to give any, the process stops: going on with guessable keys is worse.
public struct SystemRandom: RandomNumberGenerator, Sendable {
    /// Makes a generator; it has no state.
    public init() {}

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { Self.fill($0) }
        return value
    }

    /// Fills a buffer.
    public static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return }
        let result = culvert_random(base, buffer.count)
        guard result == 0 else { fatalError("getrandom failed with \(-result): no keys can be made") }
    }

    /// `count` random bytes.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}
