import CLinux
import Glibc
import IPsecTypes

/// A listening Unix socket for local commands: mode 0600 in a directory of its own, peers known by credentials.
public final class UnixListener: Sendable {
    /// Where it listens.
    public let path: String
    private let descriptor: CInt
    /// Connections the kernel holds before they are accepted.
    private static let backlog: CInt = 64

    /// Binds `path`, replacing a socket that nobody listens on any more.
    ///
    /// - Throws: ``IOFailure`` with EADDRINUSE when another process listens there.
    public init(path: String) throws(IOFailure) {
        self.path = path
        if let other = try? UnixConnection(path: path, timeoutSeconds: 1) {
            _ = consume other
            throw IOFailure(call: "bind \(path)", code: EADDRINUSE, hint: "another daemon listens there")
        }
        unlink(path)
        descriptor = try openUnixSocket()
        let old = umask(0o177)
        defer { umask(old) }
        guard withUnixAddress(path, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, Self.backlog) == 0 else {
            let code = errno
            close(descriptor)
            throw IOFailure(call: "bind \(path)", code: code, hint: "")
        }
    }

    deinit { close(descriptor) }

    /// Waits at most `timeoutSeconds` for a connection; nil when none came.
    public func accept(timeoutSeconds: Int) throws(IOFailure) -> UnixConnection? {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, CInt(clamping: timeoutSeconds * 1000)) > 0 else { return nil }
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else {
            if errno == EINTR || errno == ECONNABORTED || errno == EAGAIN { return nil }
            throw IOFailure(call: "accept \(path)", code: errno, hint: "")
        }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return UnixConnection(accepted: accepted)
    }

    /// Removes the socket file; call before the listener goes.
    public func unlinkPath() { unlink(path) }
}

/// One end of a local connection, blocking, with a deadline for each read and write.
public final class UnixConnection: Sendable {
    /// The descriptor, for credentials.
    public let descriptor: CInt

    /// Connects to a listener.
    public init(path: String, timeoutSeconds: Int) throws(IOFailure) {
        let opened = try openUnixSocket()
        guard withUnixAddress(path, { connect(opened, $0, $1) }) == 0 else {
            let code = errno
            close(opened)
            throw IOFailure(call: "connect \(path)", code: code, hint: "")
        }
        descriptor = opened
        setDeadline(seconds: timeoutSeconds)
    }

    init(accepted: CInt) { descriptor = accepted }

    deinit { close(descriptor) }

    /// Sets how long one read or write may wait.
    public func setDeadline(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    /// Reads exactly `count` bytes; nil when the peer closed before the first of them. With `deadline` all of them must
    /// be there by then; else each may take as long as ``setDeadline(seconds:)`` says.
    public func read(count: Int, before deadline: Instant? = nil) throws(IOFailure) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            if let deadline { try waitForBytes(until: deadline) }
            let got = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress.map { $0 + filled }, count - filled, 0)
            }
            if got == 0 {
                if filled == 0 { return nil }
                throw IOFailure(call: "read from control socket", code: EPIPE, hint: "the other end closed")
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw IOFailure(call: "read from control socket", code: errno, hint: "")
            }
            filled += got
        }
        return bytes
    }

    private func waitForBytes(until deadline: Instant) throws(IOFailure) {
        while true {
            let left = (deadline - SystemClock.now).wholeNanoseconds / 1_000_000
            guard left > 0 else { throw IOFailure(call: "read from control socket", code: ETIMEDOUT, hint: "") }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, CInt(clamping: left)) > 0 { return }
        }
    }

    /// Writes all bytes.
    public func write(_ bytes: [UInt8]) throws(IOFailure) {
        var sent = 0
        while sent < bytes.count {
            let put = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, CInt(MSG_NOSIGNAL))
            }
            if put < 0 {
                if errno == EINTR { continue }
                throw IOFailure(call: "write to control socket", code: errno, hint: "")
            }
            sent += put
        }
    }
}

private func openUnixSocket() throws(IOFailure) -> CInt {
    let opened = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard opened >= 0 else { throw IOFailure(call: "socket", code: errno, hint: "") }
    return opened
}

private func withUnixAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        errno = ENAMETOOLONG
        return -1
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
