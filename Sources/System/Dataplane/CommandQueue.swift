import ESP
import IPsecTypes
import PacketIO
import Synchronization

/// What control threads ask of a worker. Carried out between packets, in order.
enum WorkerCommand: Sendable {
    case install(SAHandle)
    case activate(SAHandle)
    case deactivate(SAHandle)
    case remove(SAHandle)
    case move(SAHandle, local: PacketAddress, remote: PacketAddress, isEncapsulated: Bool)
    case setRules([(handle: SAHandle, rules: RuleBox)])
    case sendIKE(bytes: [UInt8], remote: PacketAddress, local: PacketAddress, role: SocketRole)
    case sendKeepalive(remote: PacketAddress, local: PacketAddress)
    case stop
}

/// Carries compiled rules to a worker, which takes them out.
///
/// Unchecked Sendable: made by one thread, handed over through the queue's lock, then used by one worker alone.
final class RuleBox: @unchecked Sendable {
    private var rules: SelectorSet?

    init(_ rules: consuming SelectorSet?) { self.rules = rules }

    func take() -> SelectorSet? { rules.take() }
}

/// The bounded queue of one worker. Control threads lock it for the time of an append; the worker looks at `hasWork`, one
/// atomic load, and locks only when there is something to take.
final class CommandQueue: Sendable {
    /// Commands that may wait: a worker carries out millions a second, so only a stopped one has more.
    static let capacity = 1 << 17
    /// Of those, at most so many messages, because they hold up to 64 KiB each.
    static let messageCapacity = 4096

    private struct Waiting {
        var commands: [WorkerCommand] = []
        var messages = 0
    }

    private let waiting = Mutex(Waiting())
    private let hasWork = Atomic(false)
    let signal: EventSignal

    init() throws(IOFailure) { signal = try EventSignal() }

    /// Adds a command; false when the queue is full.
    func push(_ command: WorkerCommand, isMessage: Bool = false) -> Bool {
        let isFirst: Bool? = waiting.withLock { queue in
            guard queue.commands.count < Self.capacity, !isMessage || queue.messages < Self.messageCapacity else {
                return nil
            }
            queue.commands.append(command)
            if isMessage { queue.messages += 1 }
            return queue.commands.count == 1
        }
        guard let isFirst else { return false }
        hasWork.store(true, ordering: .releasing)
        if isFirst { signal.signal() }
        return true
    }

    /// Takes all commands, in order; empty without locking when there are none.
    func take() -> [WorkerCommand] {
        guard hasWork.exchange(false, ordering: .acquiringAndReleasing) else { return [] }
        signal.clear()
        return waiting.withLock { queue in
            let commands = queue.commands
            queue = Waiting()
            return commands
        }
    }
}
