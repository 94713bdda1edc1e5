import CLinux
import Foundation
import Glibc
import IPsecTypes

/// Keeps load inside laboratories: loopback, or a network namespace that is not the machine's first one.
enum LaboratoryOnly {
    /// Refuses `target` unless it cannot be anybody else's machine.
    static func check(_ target: IPAddress) throws {
        if isLoopback(target) { return }
        guard let own = namespace("/proc/thread-self/ns/net"), let first = namespace("/proc/1/ns/net") else {
            throw LoadFailure(
                "cannot tell whether this is a network namespace of a laboratory; run as root: ip netns exec NAME "
                    + "culvert-load ..."
            )
        }
        guard own != first else {
            throw LoadFailure(
                "\(target) is neither loopback nor reached from a network namespace of a laboratory; use ip netns exec "
                    + "NAME culvert-load ..., or lab/bench"
            )
        }
    }

    static func isLoopback(_ address: IPAddress) -> Bool {
        switch address {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    private static func namespace(_ path: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    }
}

/// A named network namespace, as `ip netns add` makes them.
struct NetworkNamespace {
    var name: String

    /// Runs `body` on this thread inside the namespace and comes back. Sockets made there stay there.
    func run<Value>(_ body: () throws -> Value) throws -> Value {
        guard !name.isEmpty, !name.contains("/"), name != "." && name != ".." else {
            throw LoadFailure("\(name) is no name of a network namespace")
        }
        let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard home >= 0 else { throw LoadFailure("cannot open this thread's network namespace") }
        defer { close(home) }
        let target = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
        guard target >= 0 else { throw LoadFailure("no network namespace \(name); see: ip netns list") }
        defer { close(target) }
        guard culvert_enter_namespace(target) == 0 else {
            throw LoadFailure("cannot enter the network namespace \(name); this needs root")
        }
        defer { if culvert_enter_namespace(home) != 0 { fatalError("cannot leave the network namespace \(name)") } }
        return try body()
    }
}
