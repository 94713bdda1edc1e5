import CLinux
import Glibc

/// Counters in plain memory: one thread adds, any thread reads.
///
/// Unchecked Sendable: every word is written by one thread alone with an atomic store and read with atomic loads, so a
/// reader sees some recent value of each; the memory lives as long as the object, which every user holds.
final class CounterBlock: @unchecked Sendable {
    let words: UnsafeMutablePointer<UInt64>
    let count: Int

    init(count: Int) {
        self.count = count
        // Untouched pages of a large block cost nothing. Without memory it ends as every Swift allocation does.
        guard let memory = calloc(count, 8) else { fatalError("out of memory for counters") }
        words = memory.bindMemory(to: UInt64.self, capacity: count)
    }

    deinit { free(words) }

    func read(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "no such counter")
        return culvert_load_relaxed(words + index)
    }
}

/// Adds to a word of a ``CounterBlock``; only its one writing thread does.
@inline(__always)
func add(_ amount: UInt64, to word: UnsafeMutablePointer<UInt64>) {
    culvert_store_release(word, culvert_load_relaxed(word) &+ amount)
}

/// Places of an SA's counters.
enum SACounterPlace {
    static let inboundPackets = 0
    static let inboundBytes = 1
    static let outboundPackets = 2
    static let outboundBytes = 3
    static let replay = 4
    static let integrity = 5
    static let policy = 6
    static let other = 7
    static let lastInbound = 8
    static let count = 9
}

/// Places of a worker's counters: traffic, control messages, then one a ``DropCause``.
enum WorkerCounterPlace {
    static let inboundPackets = 0
    static let inboundBytes = 1
    static let outboundPackets = 2
    static let outboundBytes = 3
    static let ikeReceived = 4
    static let ikeSent = 5
    static let ikeUnsent = 6
    static let keepalivesReceived = 7
    static let keepalivesSent = 8
    static let icmpAnswers = 9
    static let superPackets = 10
    static let mergedReceives = 11
    static let mergedWrites = 12
    static let refusedMerges = 13
    static let refusedSegments = 14
    static let drops = 16
    static let count = 64
}

/// Places of a rule's counters, from four times its index.
enum RuleCounterPlace {
    static let inboundPackets = 0
    static let inboundBytes = 1
    static let outboundPackets = 2
    static let outboundBytes = 3
    static let count = 4
}

/// Sets a word of a ``CounterBlock``; only its one writing thread does.
@inline(__always)
func set(_ word: UnsafeMutablePointer<UInt64>, _ value: UInt64) {
    culvert_store_release(word, value)
}
