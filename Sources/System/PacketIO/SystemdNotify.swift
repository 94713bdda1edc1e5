import CLinux
import Glibc
import IPsecTypes

/// Tells the service manager how we are (sd_notify(3)), without libsystemd.
///
/// The address comes from NOTIFY_SOCKET, which is removed from the environment so that children do not speak for us.
/// Without it every call does nothing.
public struct SystemdNotify: Sendable {
    /// The socket's path; nil when nobody listens.
    public let path: String?
    /// How often ``watchdog()`` must be called; nil when the service manager does not watch.
    public let watchdogInterval: Duration?

    /// Takes the address of a socket: an absolute path, or `@` and an abstract name.
    public init(path: String?, watchdogInterval: Duration? = nil) {
        self.path = path
        self.watchdogInterval = watchdogInterval
    }

    /// Reads and removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Before other threads read the environment.
    public static func fromEnvironment() -> SystemdNotify {
        let path = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        var interval: Duration?
        let watched = getenv("WATCHDOG_PID").map { String(cString: $0) }
        if let text = getenv("WATCHDOG_USEC").map({ String(cString: $0) }), let microseconds = Int64(text),
            microseconds > 0, watched == nil || watched == String(getpid())
        {
            interval = .microseconds(microseconds / 2)
        }
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsetenv(name) }
        return SystemdNotify(path: path, watchdogInterval: interval)
    }

    /// Everything is up: READY=1, with a line of status.
    public func ready(status: String = "") throws(IOFailure) {
        try send("READY=1" + Self.line(status))
    }

    /// A configuration is being loaded: RELOADING=1; followed by ``ready(status:)``.
    public func reloading() throws(IOFailure) {
        try send("RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds())")
    }

    /// We are going down: STOPPING=1.
    public func stopping(status: String = "") throws(IOFailure) {
        try send("STOPPING=1" + Self.line(status))
    }

    /// We are alive: WATCHDOG=1.
    public func watchdog() throws(IOFailure) {
        try send("WATCHDOG=1")
    }

    private static func line(_ status: String) -> String {
        status.isEmpty ? "" : "\nSTATUS=" + status.replacing("\n", with: " ")
    }

    private static func monotonicMicroseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    private func send(_ message: String) throws(IOFailure) {
        guard let path else { return }
        let result = culvert_notify(path, message, message.utf8.count)
        try check(result, "notify the service manager at \(path)")
    }
}
