import IPsecTypes
import PacketIO
import Synchronization

/// What other threads have for a shard: a bounded list behind a lock, and an event descriptor the shard polls.
public final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let signal: EventSignal
    private let limit: Int

    /// Makes an empty mailbox for at most `limit` messages.
    public init(limit: Int) throws(IOFailure) {
        self.limit = limit
        signal = try EventSignal()
    }

    /// Readable while messages wait.
    public var descriptor: CInt { signal.descriptor }

    /// Leaves a message and wakes the shard; false when the mailbox is full.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        let accepted = messages.withLock { list -> Bool in
            guard list.count < limit else { return false }
            list.append(message)
            return true
        }
        if accepted { signal.signal() }
        return accepted
    }

    /// Takes everything that waits, oldest first.
    public func drain() -> [Message] {
        signal.clear()
        return messages.withLock { list -> [Message] in
            let taken = list
            list.removeAll(keepingCapacity: true)
            return taken
        }
    }
}
