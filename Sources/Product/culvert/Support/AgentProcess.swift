import AdminAPI
import CLinux
import Foundation
import Glibc
import IPsecTypes
import Runtime

/// Starts an agent by the way, for `culvert up` on a machine where none runs as a service.
struct AgentProcess {
    /// What the agent is started with besides its verb.
    var arguments: [String]
    /// Where it will answer.
    var channel: ControlChannel
    /// Its log: nobody reads its standard error.
    var logPath: String

    /// The descriptor that the agent's log is handed over as.
    private static let logDescriptor: CInt = 3
    /// An agent answers within milliseconds; this long only on a machine that is out of breath.
    private static let patience: Duration = .seconds(10)
    /// A log that grew beyond this begins anew.
    private static let logLimit: off_t = 4 << 20

    /// Starts it in a session of its own and waits until it answers.
    func start(now: () -> Instant) throws(CulvertError) {
        try ProcessHardening.makeDirectory(logPath.parentDirectory)
        let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard log >= 0 else {
            throw CulvertError(.stateUnwritable, "\(logPath): \(String(cString: strerror(errno)))")
        }
        defer { close(log) }
        if lseek(log, 0, SEEK_END) > Self.logLimit { ftruncate(log, 0) }
        let begin = lseek(log, 0, SEEK_END)
        let child = try spawn(log)
        let deadline = now() + Self.patience
        while now() < deadline {
            if (try? channel.ask(.status, timeoutSeconds: 2)) != nil { return }
            var status: CInt = 0
            if waitpid(child, &status, WNOHANG) == child { throw ending(from: begin) }
            _ = poll(nil, 0, 10)
        }
        throw CulvertError(.controlTimeout, "the agent that was started does not answer", details: [("log", logPath)])
    }

    private func spawn(_ log: CInt) throws(CulvertError) -> CInt {
        let words =
            ["culvert", "agent", "run", "--ends-when-idle", "--json", "--log-descriptor", "\(Self.logDescriptor)"]
            + arguments
        var argv = words.map { strdup($0) } + [nil]
        let kept = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "LD_LIBRARY_PATH"]
        let inherited = ProcessInfo.processInfo.environment.filter { kept.contains($0.key) }
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] + inherited.map { "\($0.key)=\($0.value)" }.sorted()
        var envp = environment.map { strdup($0) } + [nil]
        defer { for word in argv + envp { free(word) } }
        let child = culvert_spawn("/proc/self/exe", &argv, &envp, log, Self.logDescriptor)
        guard child > 0 else {
            throw CulvertError(.internalFault, "the agent cannot be started: \(String(cString: strerror(-child)))")
        }
        return child
    }

    /// Why it ended: the error it wrote to its log, which is JSON.
    private func ending(from offset: off_t) -> CulvertError {
        let bytes = (try? Files.read(logPath)) ?? []
        let text = String(decoding: bytes.dropFirst(Int(max(0, offset))), as: UTF8.self)
        return Self.error(inLog: text)
            ?? CulvertError(.notRunning, "the agent ended at once", details: [("log", logPath)], next: "read the log")
    }

    /// The error document at the end of a log.
    static func error(inLog text: String) -> CulvertError? {
        struct Document: Decodable { var error: CulvertError }
        // It is the last that was written, and its outermost brace has a line of its own.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.lastIndex(of: "{") else { return nil }
        let body = lines[first...].joined(separator: "\n")
        return try? JSONDecoder().decode(Document.self, from: Data(body.utf8)).error
    }
}
