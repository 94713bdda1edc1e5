import IPsecTypes
import Synchronization

/// What a worker could not go on after, for whoever asks; and the last setting that could not be made.
final class FailureBox: Sendable {
    private let fatal = Mutex<IOFailure?>(nil)
    private let last = Mutex<IOFailure?>(nil)

    /// Records why a worker stopped; the first reason stays.
    func set(_ failure: IOFailure) {
        fatal.withLock { if $0 == nil { $0 = failure } }
    }

    /// Records something that went wrong without stopping anything.
    func note(_ failure: IOFailure) { last.withLock { $0 = failure } }

    /// Why a worker stopped.
    var fatalFailure: IOFailure? { fatal.withLock { $0 } }
}
