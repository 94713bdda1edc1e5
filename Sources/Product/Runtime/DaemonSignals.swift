import CLinux
import Glibc
import IPsecTypes

/// Signals as a descriptor: a daemon's main thread waits here. Made before any thread is started, so that all of them
/// inherit the blocked signals.
public struct DaemonSignals: Sendable {
    /// What a signal means to a daemon.
    public enum Request: Sendable, Hashable {
        /// SIGTERM or SIGINT.
        case stop
        /// SIGHUP.
        case reload
    }

    private let descriptor: CInt

    /// Takes SIGTERM, SIGINT and SIGHUP; SIGPIPE is ignored.
    public init() throws(IOFailure) {
        _ = culvert_ignore_signal(SIGPIPE)
        let signals: [CInt] = [SIGTERM, SIGINT, SIGHUP]
        let result = culvert_signalfd(signals, CInt(signals.count))
        guard result >= 0 else { throw IOFailure(call: "signalfd", code: -result) }
        descriptor = result
    }

    /// Waits at most so long for a signal; nil when none came.
    public func wait(milliseconds: Int) -> Request? {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, CInt(clamping: milliseconds)) > 0 else { return nil }
        switch culvert_signalfd_read(descriptor) {
        case SIGTERM, SIGINT: return .stop
        case SIGHUP: return .reload
        default: return nil
        }
    }
}

/// What every daemon does first: no core dumps, nothing that could show keys (K03).
public enum ProcessHardening {
    /// Applies to this process; children get their own.
    public static func apply() {
        _ = culvert_set_dumpable(false)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        umask(0o077)
    }

    private static func isDirectory(_ path: String) -> Bool {
        let code = errno
        defer { errno = code }
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes a directory of mode 0700 with its parents of mode 0755.
    public static func makeDirectory(_ path: String) throws(CulvertError) {
        var current = path.hasPrefix("/") ? "/" : ""
        let parts = path.split(separator: "/")
        let old = umask(0)
        defer { umask(old) }
        for (index, part) in parts.enumerated() {
            current += (index == 0 ? "" : "/") + part
            let mode: mode_t = index == parts.count - 1 ? 0o700 : 0o755
            guard mkdir(current, mode) == 0 || (errno == EEXIST && isDirectory(current)) else {
                throw CulvertError(
                    errno == EACCES || errno == EPERM ? .needsPrivilege : .stateUnwritable,
                    "\(current) cannot be made: \(String(cString: strerror(errno)))"
                )
            }
        }
    }
}
