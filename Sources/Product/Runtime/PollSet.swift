import IPsecTypes
import PacketIO
import Synchronization

/// The two descriptors a shard sleeps on.
///
/// The poller is made by whoever starts the shard, so that a failure can be reported, and used by the shard's thread alone
/// afterwards; the lock is never contended.
final class PollSet: Sendable {
    private struct Owned: ~Copyable {
        let poller: Poller
    }

    private let owned: Mutex<Owned>
    /// A shard looks at its clock at least this often.
    private static let longestSleep: Duration = .seconds(1)

    init(mailbox: CInt, dataplane: CInt) throws(IOFailure) {
        let poller = try Poller()
        try poller.add(mailbox, .readable, token: 1)
        try poller.add(dataplane, .readable, token: 2)
        owned = Mutex(Owned(poller: poller))
    }

    func wait(until deadline: Instant?) {
        var timeout = Self.longestSleep
        if let deadline { timeout = min(timeout, max(.zero, deadline - SystemClock.now)) }
        owned.withLock { owned in
            // An interrupted or failed wait only means that the lists are looked at early.
            _ = try? owned.poller.wait(timeout: timeout)
        }
    }
}
