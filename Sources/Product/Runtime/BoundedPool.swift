import Foundation
import Synchronization

/// A fixed set of threads for work that may take long: signatures, path validation, key generation, files.
///
/// The queue is bounded: when it is full the caller is told and answers its peer as busy, so a flood of handshakes costs
/// memory for the limit and no more (law 3: verification on bounded pools).
public final class BoundedPool: Sendable {
    private struct State {
        /// A ring of `limit` places; a place is emptied when its job is taken, so that a job's secrets go with it.
        var ring: [(@Sendable () -> Void)?]
        var head = 0
        var waiting = 0
        var stopping = false
    }

    private let state: Mutex<State>
    private let available = DispatchSemaphore(value: 0)
    private let threads: Int

    /// Starts `threads` threads that share a queue of at most `limit` jobs.
    public init(name: String, threads: Int, limit: Int) {
        precondition(threads > 0 && limit > 0, "a pool needs threads and room")
        self.threads = threads
        state = Mutex(State(ring: Array(repeating: nil, count: limit)))
        for index in 0..<threads {
            let thread = Thread { [self] in work() }
            thread.name = "\(name)-\(index)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Queues a job; false when the queue is full or the pool has stopped.
    public func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let accepted = state.withLock { state -> Bool in
            guard !state.stopping, state.waiting < state.ring.count else { return false }
            state.ring[(state.head + state.waiting) % state.ring.count] = job
            state.waiting += 1
            return true
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
                guard state.waiting > 0 else { return (nil, state.stopping) }
                let job = state.ring[state.head]
                state.ring[state.head] = nil
                state.head = (state.head + 1) % state.ring.count
                state.waiting -= 1
                return (job, false)
            }
            if done { return }
            job?()
        }
    }
}
