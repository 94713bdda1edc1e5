/// The one source of AEAD IVs for a key (law 5): an epoch of 16 bits that fences owners, then a counter of 48 bits.
///
/// Whoever takes over a key on another node or after a thaw gets a new epoch, so no (key, IV) pair repeats.
public struct IVCounter: ~Copyable, Sendable {
    private let epoch: UInt16
    private var counter: UInt64

    /// The largest counter value.
    public static let limit: UInt64 = (1 << 48) - 1

    /// Starts a counter in `epoch`.
    public init(epoch: UInt16, startingAt counter: UInt64 = 0) {
        self.epoch = epoch
        self.counter = counter
    }

    /// The next IV as a number to be written big-endian into 8 bytes; nil when the epoch is used up, after which the key
    /// must be replaced.
    public mutating func next() -> UInt64? {
        guard counter <= Self.limit else { return nil }
        defer { counter += 1 }
        return UInt64(epoch) << 48 | counter
    }

    /// IVs handed out so far.
    public var used: UInt64 { counter }
}
