import ConfigFile
import Foundation
import Glibc

extension StandardPaths {
    /// The paths of whoever runs the program: the system's for root, else the user's.
    static var current: StandardPaths {
        choose(isRoot: geteuid() == 0, environment: ProcessInfo.processInfo.environment)
    }

    /// The paths that a configuration file's defaults stand for: the system's for a file in /etc/culvert, whoever reads
    /// it, so that a service's user and root mean the same.
    static func defaults(for file: String) -> StandardPaths {
        file.hasPrefix(StandardPaths.system.configuration + "/") ? .system : .current
    }

    static func choose(isRoot: Bool, environment: [String: String]) -> StandardPaths {
        func directory(_ name: String) -> String? {
            // The XDG specification has relative paths ignored.
            environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        guard !isRoot else { return .system }
        return .user(
            home: directory("HOME") ?? "/nonexistent",
            configurationHome: directory("XDG_CONFIG_HOME"),
            stateHome: directory("XDG_STATE_HOME"),
            runtimeDirectory: directory("XDG_RUNTIME_DIR")
        )
    }
}
