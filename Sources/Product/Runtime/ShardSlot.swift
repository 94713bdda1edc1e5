import Synchronization

/// The shard, for callbacks that are made before it.
public final class ShardSlot: Sendable {
    private let shard = Mutex<ControlShard?>(nil)

    /// Makes an empty slot.
    public init() {}

    /// The shard; nil before it is there.
    public var value: ControlShard? { shard.withLock { $0 } }

    /// Puts the shard in.
    public func set(_ made: ControlShard) { shard.withLock { $0 = made } }
}
