import CLinux
import Glibc
import Testing

/// Whether tests may make network namespaces of their own.
enum Privilege {
    static let canMakeNamespaces = geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0 && hasIPCommand
    private static let hasIPCommand = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].contains { (path: String) in
        access(path, X_OK) == 0
    }
    static let reason: Comment = "needs root, /dev/net/tun and iproute2"
}

struct TestFailure: Error {
    var text: String
}

/// Runs `body` on this thread in a network namespace of its own with loopback up, and comes back. `body` cannot await, so it
/// stays on the thread; threads it starts live in the namespace too.
func inOwnNamespace<Result>(_ body: () throws -> Result) throws -> Result {
    let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    guard home >= 0 else { throw TestFailure(text: "cannot open the namespace") }
    defer { close(home) }
    guard culvert_unshare_network() == 0 else { throw TestFailure(text: "cannot unshare") }
    defer { if culvert_enter_namespace(home) != 0 { fatalError("cannot come back from the test's namespace") } }
    try shell("ip link set lo up")
    return try body()
}

func shell(_ command: String) throws {
    guard system(command) == 0 else { throw TestFailure(text: command) }
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
