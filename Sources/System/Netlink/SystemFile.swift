import Glibc
import IPsecTypes

/// Small files, read and written whole.
enum SystemFile {
    /// The contents; at most `limit` bytes.
    static func read(_ path: String, limit: Int = 1 << 16) throws(IOFailure) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw IOFailure(call: "open \(path)", code: errno) }
        defer { close(descriptor) }
        return String(decoding: try readAll(descriptor, path, limit: limit), as: UTF8.self)
    }

    static func readAll(_ descriptor: CInt, _ path: String, limit: Int) throws(IOFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw IOFailure(call: "read \(path)", code: errno)
            }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= limit else { throw IOFailure(call: "read \(path)", code: EFBIG) }
        }
    }

    /// Writes to a file that exists, in one call, as sysctl files need it.
    static func write(_ text: String, to path: String) throws(IOFailure) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw IOFailure(call: "open \(path)", code: errno) }
        defer { close(descriptor) }
        try writeAll(Array(text.utf8), descriptor, path)
    }

    static func writeAll(_ bytes: [UInt8], _ descriptor: CInt, _ path: String) throws(IOFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw IOFailure(call: "write \(path)", code: errno)
            }
            rest = rest.dropFirst(count)
        }
    }
}
