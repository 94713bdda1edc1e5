import Foundation
import IPsecTypes
import PacketIO
import Synchronization

/// Answers local commands: one thread accepts, a few answer, all of them bounded.
///
/// Only the users it is given (root and the daemon's own) may talk to it; everybody else is closed without an answer and
/// counted (SO_PEERCRED, so a name cannot be forged).
public final class ControlServer: Sendable {
    /// Answers one framed request; called on a thread of the server's.
    public typealias Handler = @Sendable (_ request: [UInt8], _ peer: PeerCredentials) -> [UInt8]

    /// The largest request or answer: a status of some thousand tunnels fits.
    public static let frameLimit = 16 << 20
    /// A request is small: no honest client sends more.
    public static let requestLimit = 1 << 20
    /// Connections served at once; commands that wait for a tunnel hold one each.
    private static let threads = 16
    /// Connections that may wait to be served.
    private static let queue = 64
    /// Seconds within which a client must have sent a whole request, and taken a whole answer.
    private static let patience = 10
    /// The pause after the system refused a connection, as when no descriptor is left.
    private static let refusalPause = 0.2

    private let listener: UnixListener
    private let allowedUsers: Set<UInt32>
    private let handler: Handler
    private let pool: BoundedPool
    private let stopping = Atomic<Bool>(false)
    private let stopped = DispatchSemaphore(value: 0)
    private let refused = Atomic<UInt64>(0)

    /// Listens at `path` and begins to answer.
    public init(path: String, allowedUsers: Set<UInt32>, handler: @escaping Handler) throws(IOFailure) {
        listener = try UnixListener(path: path)
        self.allowedUsers = allowedUsers
        self.handler = handler
        pool = BoundedPool(name: "culvert-control", threads: Self.threads, limit: Self.queue)
        let thread = Thread { [self] in acceptLoop() }
        thread.name = "culvert-control"
        thread.start()
    }

    /// Connections of users that may not ask.
    public var refusedCount: UInt64 { refused.load(ordering: .relaxed) }

    /// Takes no more connections and removes the socket.
    public func stop() {
        stopping.store(true, ordering: .relaxed)
        stopped.signal()
        listener.unlinkPath()
        pool.stop()
    }

    private func acceptLoop() {
        while !stopping.load(ordering: .relaxed) {
            do throws(IOFailure) {
                guard let connection = try listener.accept(timeoutSeconds: 1) else { continue }
                _ = pool.submit { [self] in serve(connection) }
            } catch {
                // The connection still waits in the kernel: without a pause this thread would spin (R08).
                _ = stopped.wait(timeout: .now() + Self.refusalPause)
            }
        }
    }

    private func serve(_ connection: UnixConnection) {
        guard let peer = try? PeerCredentials(of: connection.descriptor), allowedUsers.contains(peer.userID) else {
            refused.add(1, ordering: .relaxed)
            return
        }
        while !stopping.load(ordering: .relaxed) {
            let deadline = SystemClock.now + .seconds(Self.patience)
            guard
                let request = try? ControlFrame.read(from: connection, limit: Self.requestLimit, before: deadline)
            else { return }
            let answer = handler(request, peer)
            connection.setDeadline(seconds: Self.patience)
            guard (try? ControlFrame.write(answer, to: connection)) != nil else { return }
        }
    }
}

/// A frame on a control socket: four bytes of length, big-endian, then JSON.
public enum ControlFrame {
    /// Reads one frame; nil when the other end closed before it began. With `deadline` the whole frame must be there by
    /// then, however many bytes trickle in.
    public static func read(
        from connection: UnixConnection,
        limit: Int,
        before deadline: Instant? = nil
    ) throws(IOFailure) -> [UInt8]? {
        guard let header = try connection.read(count: 4, before: deadline) else { return nil }
        let length = header.reduce(0) { $0 << 8 | Int($1) }
        guard length <= limit else {
            throw IOFailure(call: "read from control socket", code: 0, text: "a frame of \(length) bytes is refused")
        }
        return length == 0 ? [] : try connection.read(count: length, before: deadline)
    }

    /// Writes one frame.
    public static func write(_ body: [UInt8], to connection: UnixConnection) throws(IOFailure) {
        var writer = WireWriter(capacity: body.count + 4)
        writer.writeUInt32(UInt32(truncatingIfNeeded: body.count))
        writer.writeBytes(body)
        try connection.write(writer.bytes)
    }
}

/// Asks a daemon on this machine.
public enum ControlClient {
    /// Sends one request and waits for its answer.
    ///
    /// - Throws: ``IOFailure``; ENOENT or ECONNREFUSED mean that no daemon runs there, EACCES that we may not ask.
    public static func ask(_ request: [UInt8], at path: String, timeoutSeconds: Int) throws(IOFailure) -> [UInt8] {
        let connection = try UnixConnection(path: path, timeoutSeconds: timeoutSeconds)
        try ControlFrame.write(request, to: connection)
        guard let answer = try ControlFrame.read(from: connection, limit: ControlServer.frameLimit) else {
            throw IOFailure(
                call: "read from control socket \(path)",
                code: 0,
                text: "the daemon closed the connection without an answer",
                hint: "run as root or as the daemon's user"
            )
        }
        return answer
    }
}
