import Foundation
import Glibc
import IPsecTypes
import Netlink
import PacketIO

/// A thread that calls back when addresses, links or routes of this host have changed, once for a burst of changes.
public final class NetworkWatcher: Sendable {
    private let stopSignal: EventSignal
    private let finished = DispatchSemaphore(value: 0)

    /// A burst is over after this long without a change ...
    private static let quietMilliseconds: CInt = 20
    /// ... or after this many of those pauses: a flapping link must not keep us from looking.
    private static let pauses = 10

    /// Starts watching. `changed` runs on the watcher's thread.
    public init(_ changed: @escaping @Sendable () -> Void) throws(IOFailure) {
        let monitor = try NetworkMonitor()
        let stopSignal = try EventSignal()
        self.stopSignal = stopSignal
        let finished = finished
        let thread = Thread {
            Self.run(monitor, stopSignal.descriptor, changed)
            finished.signal()
        }
        thread.name = "culvert-routes"
        thread.start()
    }

    /// Ends the thread; no call comes afterwards.
    public func stop() {
        stopSignal.signal()
        _ = finished.wait(timeout: .now() + 5)
    }

    private static func run(_ monitor: NetworkMonitor, _ stop: CInt, _ changed: () -> Void) {
        while true {
            var waiting = [
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&waiting, 2, -1)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0, waiting[0].revents == 0 else { return }
            guard monitor.drain() else { continue }
            for _ in 0..<pauses {
                var more = pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&more, 1, quietMilliseconds) > 0 else { break }
                _ = monitor.drain()
            }
            changed()
        }
    }
}
