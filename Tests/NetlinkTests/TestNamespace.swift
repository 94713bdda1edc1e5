import CLinux
import Glibc
import Testing

@testable import Netlink

/// Whether tests may make network namespaces of their own.
enum Privilege {
    static let canMakeNamespaces = geteuid() == 0 && has("ip")
    static let canUseNftables = canMakeNamespaces && has("nft")
    static let reason: Comment = "needs root, iproute2 and nftables"

    private static func has(_ program: String) -> Bool {
        ["/usr/sbin/", "/sbin/", "/usr/bin/"].contains { (folder: String) in access(folder + program, X_OK) == 0 }
    }
}

struct TestFailure: Error {
    var text: String
}

/// A network namespace of a test's own. It lives as long as this object; other processes find it at `path`.
final class TestNamespace: Sendable {
    private let descriptor: CInt

    init() throws {
        let home = try Self.current()
        defer { close(home) }
        guard culvert_unshare_network() == 0 else { throw TestFailure(text: "cannot unshare") }
        let made = Result { try Self.current() }
        guard culvert_enter_namespace(home) == 0 else { fatalError("cannot come back from the test's namespace") }
        descriptor = try made.get()
        try inside { try shell("ip link set lo up") }
    }

    deinit { close(descriptor) }

    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    /// Runs `body` on this thread inside. It cannot await, so it stays on the thread.
    func inside<Value>(_ body: () throws -> Value) throws -> Value {
        let home = try Self.current()
        defer { close(home) }
        guard culvert_enter_namespace(descriptor) == 0 else { throw TestFailure(text: "cannot enter") }
        defer { if culvert_enter_namespace(home) != 0 { fatalError("cannot come back") } }
        return try body()
    }

    /// Moves this thread of another process inside, for good.
    static func enter(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, culvert_enter_namespace(descriptor) == 0 else { fatalError("cannot enter \(path)") }
        close(descriptor)
    }

    private static func current() throws -> CInt {
        let descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TestFailure(text: "cannot open the namespace") }
        return descriptor
    }
}

func shell(_ command: String) throws {
    guard system(command) == 0 else { throw TestFailure(text: command) }
}

/// What a command prints.
func output(_ command: String) throws -> String {
    guard let stream = popen(command, "re") else { throw TestFailure(text: command) }
    defer { pclose(stream) }
    var bytes: [UInt8] = []
    while true {
        let byte = fgetc(stream)
        if byte == EOF { return String(decoding: bytes, as: UTF8.self) }
        bytes.append(UInt8(truncatingIfNeeded: byte))
    }
}

/// A folder of a test's own, removed with this object.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/culvert-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure(text: "mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { _ = system("rm -rf \(path)") }
}

/// A generator with a seed, so that a failing case can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
