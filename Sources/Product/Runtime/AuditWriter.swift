import AuditLog
import Crypto
import Foundation
import Glibc
import IPsecTypes
import Logging
import PacketIO
import Synchronization

/// Writes the audit trail: records are queued by any thread and written in order by one.
///
/// The queue is bounded. When the disk refuses, records wait in the queue, ``isHealthy`` turns false and the gateway takes
/// no new sessions; once the queue is full the newest records are counted and the gap is written down (L04).
public final class AuditWriter: Sendable {
    /// Records that may wait (decisions: 64 Ki).
    public static let queueLimit = 65_536

    private struct State {
        var queue: [AuditRecord] = []
        var lost: UInt64 = 0
        var stopping = false
        var healthy = true
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)
    /// Signalled by ``stop()``, so that a pause between two tries ends with it.
    private let stopped = DispatchSemaphore(value: 0)
    /// The pause between two tries while the disk refuses.
    private static let retryPause = 0.5
    /// The trail's end is read from a local file; longer means that the disk hangs.
    private static let patience = 30
    private let path: String
    private let gateway: String
    private let logger: Logger

    /// Opens the trail, checks its end and continues it. A last line that a crash cut off is truncated away.
    public init(path: String, gateway: String, logger: Logger) throws(CulvertError) {
        self.path = path
        self.gateway = gateway
        self.logger = logger
        // The file belongs to the thread alone, so it is opened there.
        let opened = Waiting<CulvertError?>()
        let thread = Thread { [self] in
            do throws(CulvertError) {
                let file = try AuditFile(path: path)
                opened.finish(nil)
                run(file)
            } catch {
                opened.finish(error)
            }
        }
        thread.name = "culvert-audit"
        thread.start()
        guard let result = opened.wait(seconds: Self.patience) else {
            throw CulvertError(.auditUnavailable, "the disk does not answer: \(path)")
        }
        if let failure = result { throw failure }
    }

    /// Whether records reach the disk.
    public var isHealthy: Bool { state.withLock { $0.healthy && $0.lost == 0 } }

    /// Queues a record.
    public func write(_ record: AuditRecord) {
        let queued = state.withLock { state -> Bool in
            guard state.queue.count < Self.queueLimit else {
                state.lost += 1
                return false
            }
            state.queue.append(record)
            return true
        }
        if queued { available.signal() }
    }

    /// Writes what is queued and closes the trail.
    public func stop() {
        state.withLock { $0.stopping = true }
        available.signal()
        stopped.signal()
        _ = finished.wait(timeout: .now() + 5)
    }

    private func run(_ opened: consuming AuditFile) {
        var file = opened
        while true {
            available.wait()
            let (batch, lost, stopping) = state.withLock { state -> ([AuditRecord], UInt64, Bool) in
                let batch = state.queue
                let lost = state.lost
                state.queue.removeAll(keepingCapacity: true)
                state.lost = 0
                return (batch, lost, state.stopping)
            }
            var records = batch
            if lost > 0 { records.append(gap(lost)) }
            write(records, to: &file)
            if stopping, state.withLock({ $0.queue.isEmpty }) { break }
        }
        finished.signal()
    }

    private func write(_ records: [AuditRecord], to file: inout AuditFile) {
        guard !records.isEmpty else { return }
        while true {
            do throws(CulvertError) {
                try file.append(records)
                state.withLock { $0.healthy = true }
                return
            } catch {
                let first = state.withLock { state -> Bool in
                    let first = state.healthy
                    state.healthy = false
                    return first
                }
                if first { logger.error("the audit trail cannot be written", metadata: ["error": "\(error.message)"]) }
                if state.withLock({ $0.stopping }) {
                    logger.error("audit records are lost", metadata: ["records": "\(records.count)"])
                    return
                }
                _ = stopped.wait(timeout: .now() + Self.retryPause)
            }
        }
    }

    private func gap(_ lost: UInt64) -> AuditRecord {
        var record = AuditRecord(.sourceLimited, at: SystemClock.wall, gateway: gateway)
        record.count = lost
        record.reason = "records lost because the trail could not be written"
        return record
    }
}

/// The trail's file: mode 0600, appended to, flushed after each batch.
struct AuditFile: ~Copyable {
    private let path: String
    private let descriptor: CInt
    private var chain: AuditChain

    init(path: String) throws(CulvertError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, "opening it") }
        chain = AuditChain(after: try Self.tail(of: descriptor, path), digest: Self.digest)
    }

    deinit { close(descriptor) }

    private static let digest: @Sendable ([UInt8]) -> [UInt8] = { Array(SHA256.hash(data: $0)) }

    /// Appends all records or none: what was written of a batch that failed is cut off again.
    mutating func append(_ records: [AuditRecord]) throws(CulvertError) {
        let before = lseek(descriptor, 0, SEEK_END)
        var next = chain
        var bytes: [UInt8] = []
        for record in records { bytes += Array(next.append(record).utf8) + [10] }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw takenBack(to: before, "writing") }
            written += count
        }
        // Some file systems find out only now that there is no room.
        guard fdatasync(descriptor) == 0 else { throw takenBack(to: before, "making it durable") }
        chain = next
    }

    /// Cuts off what was written of a batch. The failure is read from `errno` first.
    private func takenBack(to size: off_t, _ step: String) -> CulvertError {
        let error = Self.failure(path, step)
        _ = ftruncate(descriptor, size)
        return error
    }

    private static func failure(_ path: String, _ step: String) -> CulvertError {
        let code = errno
        return CulvertError(
            code == ENOSPC ? .diskFull : .auditUnavailable,
            "\(path): \(step): \(String(cString: strerror(code)))"
        )
    }

    /// Where the trail ends. What a crash cut off is truncated away; a last record that is damaged is an error, so that
    /// nobody goes on with a trail that was tampered with and thinks it whole.
    private static func tail(of descriptor: CInt, _ path: String) throws(CulvertError) -> AuditTail {
        let size = Int(lseek(descriptor, 0, SEEK_END))
        let length = min(size, AuditReader.maximumLine * 2)
        var bytes = [UInt8](repeating: 0, count: length)
        let got = pread(descriptor, &bytes, length, off_t(size - length))
        guard got == length else { throw failure(path, "reading its end") }
        guard let lineEnd = bytes.lastIndex(of: 10) else {
            guard size == length else { throw CulvertError(.stateDamaged, "the audit trail \(path) has no line end") }
            _ = ftruncate(descriptor, 0)
            return .start
        }
        if lineEnd + 1 < length { _ = ftruncate(descriptor, off_t(size - length + lineEnd + 1)) }
        let begin = bytes[..<lineEnd].lastIndex(of: 10).map { $0 + 1 } ?? 0
        guard let entry = AuditEntry(line: bytes[begin..<lineEnd]), Hex.encode(digest(entry.body)) == entry.hash else {
            throw CulvertError(.stateDamaged, "the last record of the audit trail \(path) is damaged or was changed")
        }
        return AuditTail(sequence: entry.record.sequence, hash: entry.hash, wholeBytes: size - length + lineEnd + 1)
    }
}
