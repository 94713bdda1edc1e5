import Glibc
import IPsecTypes
import Runtime
import Store

/// Files as verbs read and write them.
enum Files {
    /// The path from the root, so that it means the same to a daemon elsewhere.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let buffer = getcwd(nil, 0) else { return path }
        defer { free(buffer) }
        let directory = String(cString: buffer)
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        if rest.isEmpty || rest == "." { return directory }
        return directory == "/" ? "/\(rest)" : "\(directory)/\(rest)"
    }

    /// Whether anything is there, a dangling link included.
    static func exists(_ path: String) -> Bool {
        faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    }

    static func read(_ path: String) throws(CulvertError) -> [UInt8] {
        do throws(AtomicFile.Failure) { return try AtomicFile.read(path) } catch { throw error.culvertError }
    }

    static func readPrivate(_ path: String) throws(CulvertError) -> [UInt8] {
        do throws(AtomicFile.Failure) { return try AtomicFile.readPrivate(path) } catch { throw error.culvertError }
    }

    /// Writes a file whole; an existing one is an error unless `replacing`.
    static func write(
        _ bytes: [UInt8],
        to path: String,
        mode: mode_t = 0o600,
        replacing: Bool
    ) throws(CulvertError) {
        do throws(AtomicFile.Failure) {
            try AtomicFile.write(bytes, to: path, mode: mode, replacing: replacing)
        } catch {
            guard error.code == EEXIST else { throw error.culvertError }
            throw CulvertError(.fileExists, "\(path) exists already", next: "choose another file, or add --force")
        }
    }
}
