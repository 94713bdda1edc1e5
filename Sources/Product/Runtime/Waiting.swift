import Dispatch
import Synchronization

/// A value that one thread hands over once and another waits for. Later values are dropped.
public final class Waiting<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let ready = DispatchSemaphore(value: 0)
    /// Ten years: what callers say stays within what the system's clock can count.
    private static var longest: Double { 315_360_000 }

    /// Nothing is there yet.
    public init() {}

    /// Hands the value over.
    public func finish(_ result: Value) {
        let first = value.withLock { value -> Bool in
            guard value == nil else { return false }
            value = .some(result)
            return true
        }
        if first { ready.signal() }
    }

    /// Waits at most so long; nil when nothing came.
    public func wait(seconds: Int) -> Value? { wait(seconds: Double(seconds)) }

    /// Waits at most so long; nil when nothing came.
    public func wait(seconds: Double) -> Value? {
        let seconds = min(max(0, seconds), Self.longest)
        guard ready.wait(timeout: .now() + seconds) == .success else { return nil }
        return value.withLock { $0 }
    }
}
