import Foundation
import Synchronization

/// A fixed set of threads for work that may take long: signatures, path validation, key generation, files.
///
/// The queue is bounded: when it is full the caller is told and answers its peer as busy, so a flood of handshakes costs
/// memory for the limit and no more (law 3: verification on bounded pools).
public final class BoundedPool: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var head = 0
        var stopping = false
        var waiting: Int { jobs.count - head }
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let limit: Int

    /// Starts `threads` threads that share a queue of at most `limit` jobs.
    public init(name: String, threads: Int, limit: Int) {
        precondition(threads > 0 && limit > 0, "a pool needs threads and room")
        self.limit = limit
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
            guard !state.stopping, state.waiting < limit else { return false }
            state.jobs.append(job)
            return true
        }
        if accepted { available.signal() }
        return accepted
    }

    /// Lets the threads finish what is queued and then end.
    public func stop() {
        state.withLock { $0.stopping = true }
        for _ in 0..<64 { available.signal() }
    }

    private func work() {
        while true {
            available.wait()
            let (job, done) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                guard state.head < state.jobs.count else { return (nil, state.stopping) }
                let job = state.jobs[state.head]
                state.head += 1
                if state.head == state.jobs.count {
                    state.jobs.removeAll(keepingCapacity: state.jobs.count < 1024)
                    state.head = 0
                }
                return (job, false)
            }
            if done { return }
            job?()
        }
    }
}
