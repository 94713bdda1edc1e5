import Foundation
import Synchronization

/// A fixed set of threads for work that may take long: signatures, path validation, key generation, files.
///
/// The queue is bounded: when it is full the caller is told and answers its peer as busy, so a flood of handshakes costs
/// memory for the limit and no more (law 3: verification on bounded pools).
public final class BoundedPool: Sendable {
    /// Jobs in order, at most so many.
    private struct Queue {
        /// A place is emptied when its job is taken, so that a job's secrets go with it.
        private var ring: [(@Sendable () -> Void)?]
        private var head = 0
        private var count = 0

        init(limit: Int) { ring = Array(repeating: nil, count: limit) }

        mutating func append(_ job: @escaping @Sendable () -> Void) -> Bool {
            guard count < ring.count else { return false }
            ring[(head + count) % ring.count] = job
            count += 1
            return true
        }

        mutating func popFirst() -> (@Sendable () -> Void)? {
            guard count > 0 else { return nil }
            defer {
                ring[head] = nil
                head = (head + 1) % ring.count
                count -= 1
            }
            return ring[head]
        }
    }

    private struct State {
        var urgent: Queue
        var ordinary: Queue
        var stopping = false
    }

    private let state: Mutex<State>
    private let available = DispatchSemaphore(value: 0)
    private let threads: Int

    /// Starts `threads` threads that share two queues, urgent and ordinary, of at most `limit` jobs each.
    public init(name: String, threads: Int, limit: Int) {
        precondition(threads > 0 && limit > 0, "a pool needs threads and room")
        self.threads = threads
        state = Mutex(State(urgent: Queue(limit: limit), ordinary: Queue(limit: limit)))
        for index in 0..<threads {
            let thread = Thread { [self] in work() }
            thread.name = "\(name)-\(index)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Queues a job; false when its queue is full or the pool has stopped. Urgent jobs, those of peers that have shown who
    /// they are, go before all others.
    public func submit(urgent: Bool = false, _ job: @escaping @Sendable () -> Void) -> Bool {
        let accepted = state.withLock { state -> Bool in
            guard !state.stopping else { return false }
            return urgent ? state.urgent.append(job) : state.ordinary.append(job)
        }
        if accepted { available.signal() }
        return accepted
    }

    /// Lets the threads finish what is queued and then end.
    public func stop() {
        let first = state.withLock { state -> Bool in
            defer { state.stopping = true }
            return !state.stopping
        }
        if first { for _ in 0..<threads { available.signal() } }
    }

    private func work() {
        while true {
            available.wait()
            let (job, done) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                guard let job = state.urgent.popFirst() ?? state.ordinary.popFirst() else {
                    return (nil, state.stopping)
                }
                return (job, false)
            }
            if done { return }
            job?()
        }
    }
}
