import AuditLog
import Crypto
import Glibc
import IPsecTypes

/// Reads the lines of an audit trail in bounded memory, also while it grows.
final class TrailReader {
    static let digest: @Sendable ([UInt8]) -> [UInt8] = { Array(SHA256.hash(data: $0)) }
    private static let chunk = 1 << 20

    private let path: String
    private let descriptor: CInt
    private var pending: [UInt8] = []

    init(_ path: String) throws(CulvertError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CulvertError(
                errno == ENOENT ? .missingFile : .unreadableFile,
                errno == ENOENT ? "there is no audit trail at \(path)" : "\(path): \(String(cString: strerror(errno)))",
                next: errno == ENOENT ? "culvert gateway run begins one" : "run as root or as the gateway's user"
            )
        }
    }

    deinit { close(descriptor) }

    /// Whether bytes without a line end are left.
    var hasPartialLine: Bool { !pending.isEmpty }

    /// The last lines that are whole; reading goes on behind them.
    func newest(_ count: Int) throws(CulvertError) -> [[UInt8]] {
        let size = lseek(descriptor, 0, SEEK_END)
        // A record has a kilobyte or less; a trail is never read whole for its end.
        let wanted = min(size, off_t(count + 1) * 4096)
        lseek(descriptor, size - wanted, SEEK_SET)
        var lines: [[UInt8]] = []
        while true {
            let more = try next()
            if more.isEmpty { break }
            lines += more
        }
        if wanted < size, !lines.isEmpty { lines.removeFirst() }
        return Array(lines.suffix(count))
    }

    /// Lines that became whole since the last call; empty when there are none yet.
    func next() throws(CulvertError) -> [[UInt8]] {
        while true {
            var bytes = [UInt8](repeating: 0, count: Self.chunk)
            let got = read(descriptor, &bytes, bytes.count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw CulvertError(.unreadableFile, "\(path): \(String(cString: strerror(errno)))") }
            if got == 0 { return [] }
            pending += bytes.prefix(got)
            guard let end = pending.lastIndex(of: 0x0a) else {
                guard pending.count <= AuditReader.maximumLine else {
                    throw CulvertError(
                        .stateDamaged,
                        "\(path) has a line of more than \(AuditReader.maximumLine) bytes"
                    )
                }
                continue
            }
            let lines = pending[..<end].split(separator: 0x0a, omittingEmptySubsequences: false).map { Array($0) }
            pending = Array(pending[pending.index(after: end)...])
            return lines
        }
    }
}
