import Glibc
import IPsecTypes

/// Files that are either whole or not there, and private ones that nobody else may read.
public enum AtomicFile {
    /// Why a file was not written or read.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The file.
        public let path: String
        /// What was tried.
        public let step: String
        /// The system's error number; 0 where the file was refused by our own rule.
        public let code: Int32

        /// Path, step and the system's words.
        public var description: String {
            code == 0 ? "\(path): \(step)" : "\(path): \(step): \(String(cString: strerror(code)))"
        }

        /// Whether no space is left.
        public var isFull: Bool { code == ENOSPC || code == EDQUOT }
    }

    /// Writes a file in whole: a new file beside it takes the content, is made durable and then takes its name.
    ///
    /// A symbolic link at `path` is replaced, never followed. With `replacing` false an existing file is an error. A file
    /// that root replaces keeps its owner, so that a service goes on reading its own.
    public static func write(
        _ bytes: [UInt8],
        to path: String,
        mode: mode_t = 0o600,
        replacing: Bool = true
    ) throws(Failure) {
        let directory = parent(of: path)
        let temporary = try writeTemporary(bytes, beside: path, in: directory, mode: mode)
        if replacing {
            try keepOwner(of: path, on: temporary)
            guard rename(temporary, path) == 0 else { throw abandon(temporary, path, "taking its place") }
        } else {
            // link(2) fails when the name exists; rename(2) would not.
            guard link(temporary, path) == 0 else { throw abandon(temporary, path, "creating it") }
            unlink(temporary)
        }
        try syncDirectory(directory, path)
    }

    /// Reads a file that holds a secret: a regular file, owned by this user or root, closed to group and others. Root also
    /// reads what belongs to the owner of its directory, when nobody else may write there: the files of a service's user.
    public static func readPrivate(_ path: String, limit: Int = 1 << 20) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            throw code == ELOOP
                ? Failure(path: path, step: "it is a symbolic link, which is not followed for secrets", code: 0)
                : Failure(path: path, step: "opening it", code: code)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure(path: path, step: "looking at it", code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(path: path, step: "it is not a regular file", code: 0)
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 || isService(status.st_uid, parent(of: path)) else {
            throw Failure(path: path, step: "it belongs to user \(status.st_uid), not to this one", code: 0)
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw Failure(
                path: path,
                step: "others may read or write it (mode 0\(mode)); run: chmod 600 \(path)",
                code: 0
            )
        }
        return try readAll(descriptor, path, limit)
    }

    /// Reads a file that is no secret.
    public static func read(_ path: String, limit: Int = 1 << 20) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path: path, step: "opening it", code: errno) }
        defer { close(descriptor) }
        return try readAll(descriptor, path, limit)
    }

    /// Whether we are root and `owner` alone may change what is in the directory, besides us.
    private static func isService(_ owner: uid_t, _ directory: String) -> Bool {
        var status = stat()
        return geteuid() == 0 && stat(directory, &status) == 0 && status.st_uid == owner
            && status.st_mode & 0o022 == 0
    }

    private static func keepOwner(of path: String, on temporary: String) throws(Failure) {
        var status = stat()
        guard geteuid() == 0, lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid != 0 else {
            return
        }
        guard lchown(temporary, status.st_uid, status.st_gid) == 0 else {
            throw abandon(temporary, path, "keeping its owner")
        }
    }

    private static func writeTemporary(
        _ bytes: [UInt8],
        beside path: String,
        in directory: String,
        mode: mode_t
    ) throws(Failure) -> String {
        // The name cannot be foretold and O_EXCL takes nothing that is there (C05).
        let random = UInt64.random(in: .min ... .max)
        let temporary = "\(directory)/.culvert-\(getpid())-\(String(random, radix: 16))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Failure(path: path, step: "creating a file beside it", code: errno) }
        var code: Int32 = 0
        // The mode holds whatever the umask is.
        if fchmod(descriptor, mode) != 0 { code = errno }
        var written = 0
        while code == 0, written < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                Glibc.write(descriptor, raw.baseAddress.map { $0 + written }, raw.count - written)
            }
            if count > 0 {
                written += count
            } else if errno != EINTR {
                code = errno
            }
        }
        if code == 0, fsync(descriptor) != 0 { code = errno }
        if close(descriptor) != 0, code == 0 { code = errno }
        guard code == 0 else {
            unlink(temporary)
            throw Failure(path: path, step: "writing it", code: code)
        }
        return temporary
    }

    private static func abandon(_ temporary: String, _ path: String, _ step: String) -> Failure {
        let code = errno
        unlink(temporary)
        return Failure(path: path, step: step, code: code)
    }

    private static func syncDirectory(_ directory: String, _ path: String) throws(Failure) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path: path, step: "opening its directory", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(path: path, step: "making its name durable", code: errno) }
    }

    private static func readAll(_ descriptor: CInt, _ path: String, _ limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        defer { chunk.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(path: path, step: "reading it", code: errno)
            }
            guard bytes.count + count <= limit else {
                throw Failure(path: path, step: "it is over \(limit) bytes", code: 0)
            }
            bytes.append(contentsOf: chunk.prefix(count))
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        let directory = path[..<slash]
        return directory.isEmpty ? "/" : String(directory)
    }
}
