import CLinux
import Glibc
import IPsecTypes

/// Signals as something to wait for, instead of handlers that interrupt whatever runs.
///
/// The signals are blocked in the thread that makes this; made first thing in `main`, all later threads inherit that.
public final class SignalDescriptor: Sendable {
    /// The descriptor, for ``Poller``.
    public let descriptor: CInt

    /// Blocks the signals and opens the descriptor.
    public init(_ signals: [CInt]) throws(IOFailure) {
        descriptor = try check(culvert_signalfd(signals, CInt(clamping: signals.count)), "signalfd")
    }

    deinit { close(descriptor) }

    /// The next signal that has arrived; nil when there is none.
    public func next() -> CInt? {
        let signal = culvert_signalfd_read(descriptor)
        return signal > 0 ? signal : nil
    }
}
