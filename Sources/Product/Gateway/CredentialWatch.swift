import Foundation
import Glibc
import IPsecTypes

/// Notices when certificate or key are renewed on disk. Both are written one after the other, so a change counts when it has
/// stayed the same for one more look.
struct CredentialWatch {
    /// How often files are looked at.
    static let interval: Duration = .seconds(5)

    private struct Stamp: Equatable {
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private var used: [Stamp?]
    private var seen: [Stamp?]
    private var due: Instant

    /// Begins with the files as they are.
    init(_ paths: [String], now: Instant) {
        used = paths.map(Self.stamp)
        seen = used
        due = now + Self.interval
    }

    /// Whether the files are others than those in use, and have come to rest. Says so once.
    mutating func hasChanged(_ paths: [String], now: Instant) -> Bool {
        guard now >= due else { return false }
        due = now + Self.interval
        let present = paths.map(Self.stamp)
        defer { seen = present }
        guard present != used, present == seen, present.allSatisfy({ $0 != nil }) else { return false }
        used = present
        return true
    }

    private static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            inode: UInt64(status.st_ino),
            size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec
        )
    }
}
