import CLinux
import Glibc
import IPsecTypes

/// A small process that outlives its parent by as long as it takes to undo the journal.
///
/// The parent holds the write end of a pipe and never writes to it while it works; when the parent dies, however it dies,
/// the kernel closes that end and the guardian wakes.
public final class Guardian {
    /// The descriptor at which the guardian finds the read end of the pipe.
    public static let pipeDescriptor: CInt = 3
    private static let dismissal: UInt8 = 0x71

    /// The guardian's process.
    public let processID: CInt
    private var pipe: CInt

    /// Starts the guardian: `executable arguments... journalPath 3`. The program then calls ``GuardianProcess/run(journalPath:parentPipe:)``.
    ///
    /// - Parameters:
    ///   - executable: the program; by default the one that is running, also after an upgrade has replaced its file.
    ///   - arguments: what makes it a guardian, `["internal", "guardian"]`.
    ///   - journalPath: the journal to undo.
    public init(
        executable: String = "/proc/self/exe",
        arguments: [String] = ["internal", "guardian"],
        journalPath: String
    ) throws(IOFailure) {
        var ends: [CInt] = [-1, -1]
        let piped = culvert_pipe(&ends)
        guard piped == 0 else { throw IOFailure(call: "pipe to guardian", code: -piped) }
        let words = ["culvert-guardian"] + arguments + [journalPath, "\(Self.pipeDescriptor)"]
        var argv = words.map { strdup($0) } + [nil]
        // An environment of its own: nothing of ours, secrets least of all, stays in it.
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
        let child = culvert_spawn(executable, &argv, &environment, ends[0], Self.pipeDescriptor)
        for word in argv + environment { free(word) }
        close(ends[0])
        guard child > 0 else {
            close(ends[1])
            throw IOFailure(call: "start guardian \(executable)", code: -child)
        }
        processID = child
        pipe = ends[1]
    }

    deinit { if pipe >= 0 { close(pipe) } }

    /// Tells the guardian that all has been taken back and waits for its end.
    public func dismiss() {
        guard pipe >= 0 else { return }
        var byte = Self.dismissal
        _ = write(pipe, &byte, 1)
        close(pipe)
        pipe = -1
        while waitpid(processID, nil, 0) < 0, errno == EINTR {}
    }

    static func isDismissal(_ byte: UInt8) -> Bool { byte == dismissal }
}

/// What the guardian does.
public enum GuardianProcess {
    /// Waits until the parent is gone, then undoes the journal. Called by `culvert internal guardian`; it has a process of
    /// its own and does not come back before its work is done.
    ///
    /// - Parameters:
    ///   - journalPath: the journal.
    ///   - parentPipe: the read end of the pipe.
    /// - Returns: the status to exit with: 0 when nothing is left over.
    public static func run(journalPath: String, parentPipe: CInt) -> CInt {
        // Who stops the parent by a signal to all must not stop its guardian with it.
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE] { _ = culvert_ignore_signal(signal) }
        _ = culvert_set_thread_name("culvert-guard")
        // It must not keep a file system from being unmounted.
        if journalPath.hasPrefix("/") { _ = chdir("/") }
        var byte: UInt8 = 0
        while true {
            let count = read(parentPipe, &byte, 1)
            if count == 1, Guardian.isDismissal(byte) { return 0 }
            if count == 0 || (count < 0 && errno != EINTR) { break }
        }
        do throws(IOFailure) {
            let journal = try CleanupJournal(path: journalPath)
            return try journal.undoAll().contains { $0.failure != nil } ? 1 : 0
        } catch {
            // A new instance holds the journal: it undoes what is left itself.
            return error.code == EWOULDBLOCK ? 0 : 1
        }
    }
}
