import IPsecTypes

@testable import Netlink

/// What must hold for any line of a journal. The tests and the fuzz target share this file.
enum CleanupStepProperties {
    /// A line that is read is written back the same, and names nothing outside of what we change.
    static func violation(line bytes: [UInt8]) -> String? {
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: "\t", omittingEmptySubsequences: false)
            .map(String.init)
        guard let step = CleanupStep(fields: fields) else { return nil }
        guard let again = CleanupStep(fields: step.fields), again.fields == step.fields else {
            return "a step does not read back"
        }
        if case .sysctl(let path, _, _) = step, !path.hasPrefix("/proc/sys/net/") || path.contains("/../") {
            return "a step outside of the network's settings"
        }
        return nil
    }
}
