import CLinux
import Foundation
import Glibc
import IPsecTypes

/// Keeps load inside laboratories: loopback, or a network namespace that `ip netns add` made.
enum LaboratoryOnly {
    /// Refuses `target` unless it cannot be anybody else's machine.
    static func check(_ target: IPAddress) throws {
        if isLoopback(target) || isNamedNamespace { return }
        throw LoadFailure(
            "\(target) is neither loopback nor reached from a network namespace of a laboratory; use ip netns exec "
                + "NAME culvert-load ..., or lab/bench"
        )
    }

    static func isLoopback(_ address: IPAddress) -> Bool {
        switch address {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// Whether this thread's network namespace has a name; the machine's first one has none.
    private static var isNamedNamespace: Bool {
        guard let own = file("/proc/thread-self/ns/net") else { return false }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: NetworkNamespace.directory)) ?? []
        return names.contains { name in
            guard let named = file("\(NetworkNamespace.directory)/\(name)") else { return false }
            return named.st_dev == own.st_dev && named.st_ino == own.st_ino
        }
    }

    private static func file(_ path: String) -> stat? {
        var found = stat()
        return stat(path, &found) == 0 ? found : nil
    }
}

/// A named network namespace, as `ip netns add` makes them.
struct NetworkNamespace {
    var name: String

    static let directory = "/run/netns"

    /// Runs `body` on this thread inside the namespace and comes back. Sockets made there stay there.
    func run<Value>(_ body: () throws -> Value) throws -> Value {
        guard !name.isEmpty, !name.contains("/"), name != "." && name != ".." else {
            throw LoadFailure("\(name) is no name of a network namespace")
        }
        let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard home >= 0 else { throw LoadFailure("cannot open this thread's network namespace") }
        defer { close(home) }
        let target = open("\(Self.directory)/\(name)", O_RDONLY | O_CLOEXEC)
        guard target >= 0 else { throw LoadFailure("no network namespace \(name); see: ip netns list") }
        defer { close(target) }
        guard culvert_enter_namespace(target) == 0 else {
            throw LoadFailure("cannot enter the network namespace \(name); this needs root")
        }
        // A thread that stays in a foreign namespace would send there: better no process.
        defer { if culvert_enter_namespace(home) != 0 { fatalError("cannot leave the network namespace \(name)") } }
        return try body()
    }
}
