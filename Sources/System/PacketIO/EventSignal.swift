import CLinux
import Glibc
import IPsecTypes

/// A wake-up between threads: an eventfd.
public final class EventSignal: Sendable {
    /// The descriptor; readable while signalled.
    public let descriptor: CInt

    /// Opens the descriptor.
    public init() throws(IOFailure) {
        descriptor = try check(culvert_eventfd(), "eventfd")
    }

    deinit { close(descriptor) }

    /// Makes the descriptor readable. Any thread, any number of times.
    public func signal() {
        _ = culvert_eventfd_signal(descriptor)
    }

    /// Takes the signal back.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    public func clear() -> Bool {
        culvert_eventfd_clear(descriptor) > 0
    }
}

/// A descriptor that becomes readable at a moment of ``SystemClock``.
public final class DeadlineTimer: Sendable {
    /// The descriptor; readable once the deadline has passed.
    public let descriptor: CInt

    /// Opens the descriptor, with no deadline.
    public init() throws(IOFailure) {
        descriptor = try check(culvert_timerfd(), "timerfd_create")
    }

    deinit { close(descriptor) }

    /// Sets the deadline, or none. A past one makes the descriptor readable at once.
    public func arm(_ deadline: Instant?) {
        guard let deadline else {
            _ = culvert_timerfd_set(descriptor, 0)
            return
        }
        _ = culvert_timerfd_set(descriptor, max(1, (deadline - SystemClock.now).wholeNanoseconds))
    }

    /// Takes an expiry back.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    public func clear() -> Bool {
        culvert_timerfd_clear(descriptor) > 0
    }
}
