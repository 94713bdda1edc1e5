import CLinux
import Glibc
import IPsecTypes
import Synchronization

/// A file that lists how to take back what would survive this process: routing rules, sysctls, tables without an owner.
///
/// A step is written and synced before the change it takes back is made, so whatever the moment of a SIGKILL, the next
/// start (or the guardian) knows at least all that was changed. The file is append-only while in use, mode 0600, and
/// locked by its holder; it is emptied when everything has been taken back.
///
/// A line is `step ID FIELD...` or `done ID`, separated by tabs; the first is `journal 1 BOOT-ID NAMESPACE`. A last
/// line without its line end was being written when the process died: its change was not made. Changes end with the
/// machine's uptime, so a journal of another boot is void; steps of another network namespace are left alone.
public final class CleanupJournal: Sendable {
    /// The longest journal that is read; some hundred thousand steps.
    static let limit = 16 << 20
    /// Steps of other namespaces that are kept. A namespace of a container that died takes its settings with it, and the
    /// next container is another one, so they would pile up.
    static let foreignLimit = 256

    /// What became of a step.
    public struct Outcome: Sendable {
        /// The step.
        public var step: CleanupStep
        /// Why it could not be taken back; nil when it was.
        public var failure: IOFailure?
    }

    /// Names a step of this journal.
    public struct Entry: Hashable, Sendable {
        let number: UInt64
    }

    /// Where the journal is.
    public let path: String
    private let descriptor: CInt
    private let state: Mutex<State>

    private struct State {
        var next: UInt64 = 1
        /// Steps not taken back yet, with the namespace they were made in.
        var open: [(number: UInt64, namespace: String, step: CleanupStep)] = []
        /// The namespace of the last header line written or read.
        var namespace: String
    }

    /// Opens or makes a journal and locks it. Steps left by a dead process are in it: call ``undoAll()`` first.
    ///
    /// - Parameters:
    ///   - path: in a directory that only its owner may write to, such as /var/lib/culvert.
    ///   - patience: how long to wait for a dead process's guardian that is at work.
    public init(path: String, patience: Duration = .seconds(5)) throws(IOFailure) {
        self.path = path
        let opened = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw IOFailure(call: "open journal \(path)", code: errno) }
        do throws(IOFailure) {
            try Self.checkOwner(opened, path)
            try Self.lock(opened, path, patience)
            let bytes = try SystemFile.readAll(opened, path, limit: Self.limit)
            let here = try Self.namespace()
            var state = Self.parse(bytes, boot: try Self.bootID())
            if !state.open.contains(where: { $0.namespace == here }),
                state.open.isEmpty || state.open.count > Self.foreignLimit
            {
                state.open = []
                guard ftruncate(opened, 0) == 0 else { throw IOFailure(call: "empty journal \(path)", code: errno) }
                state.namespace = ""
            }
            if state.namespace != here {
                let torn = !state.open.isEmpty && bytes.last != 10
                let header = (torn ? "\n" : "") + "journal\t1\t\(try Self.bootID())\t\(here)\n"
                try Self.append(header, opened, path)
                state.namespace = here
            } else if bytes.last != 10 {
                // The torn last line gets its end, so that it cannot run into the next.
                try Self.append("\n", opened, path)
            }
            self.state = Mutex(state)
        } catch {
            close(opened)
            throw error
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Writes a step and syncs it; on return the change may be made.
    public func record(_ step: CleanupStep) throws(IOFailure) -> Entry {
        let fields = step.fields
        guard !fields.contains(where: { $0.contains("\t") || $0.contains("\n") }) else {
            throw IOFailure(call: "write journal \(path)", code: EINVAL, text: "a field holds a tab or a line end")
        }
        return try state.withLock { (state) throws(IOFailure) in
            let number = state.next
            try Self.append(
                "step\t\(number)\t" + fields.joined(separator: "\t") + "\n",
                descriptor,
                path
            )
            state.next += 1
            state.open.append((number, state.namespace, step))
            return Entry(number: number)
        }
    }

    /// Says that a change was taken back, or was not made after all.
    public func forget(_ entry: Entry) throws(IOFailure) {
        try state.withLock { (state) throws(IOFailure) in
            guard let index = state.open.firstIndex(where: { $0.number == entry.number }) else { return }
            state.open.remove(at: index)
            try strike(entry.number, &state)
        }
    }

    /// Takes back everything in the journal, the last change first. What fails stays in it for the next time.
    public func undoAll() throws(IOFailure) -> [Outcome] {
        try state.withLock { (state) throws(IOFailure) in
            var outcomes: [Outcome] = []
            let here = try Self.namespace()
            for entry in state.open.reversed() where entry.namespace == here {
                do throws(IOFailure) {
                    try entry.step.undo()
                } catch {
                    outcomes.append(Outcome(step: entry.step, failure: error))
                    continue
                }
                outcomes.append(Outcome(step: entry.step, failure: nil))
                state.open.removeAll { $0.number == entry.number }
                try strike(entry.number, &state)
            }
            return outcomes
        }
    }

    /// The steps that are not taken back yet.
    public var openSteps: [CleanupStep] { state.withLock { $0.open.map(\.step) } }

    private func strike(_ number: UInt64, _ state: inout State) throws(IOFailure) {
        if state.open.isEmpty {
            guard ftruncate(descriptor, 0) == 0 else { throw IOFailure(call: "empty journal \(path)", code: errno) }
            try Self.append("journal\t1\t\(try Self.bootID())\t\(state.namespace)\n", descriptor, path)
        } else {
            try Self.append("done\t\(number)\n", descriptor, path)
        }
    }

    private static func parse(_ bytes: [UInt8], boot: String) -> State {
        var state = State(namespace: "")
        var isVoid = true
        // What follows the last line end was torn.
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false).dropLast()
        for line in lines {
            let fields = line.split(separator: 9, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            switch (fields[0], fields.count) {
            case ("journal", 4):
                isVoid = fields[1] != "1" || fields[2] != boot
                state.namespace = fields[3]
            case ("step", 3...):
                guard !isVoid, let number = UInt64(fields[1]), number < UInt64.max,
                    let step = CleanupStep(fields: Array(fields.dropFirst(2)))
                else { continue }
                state.open.append((number, state.namespace, step))
                state.next = max(state.next, number + 1)
            case ("done", 2):
                state.open.removeAll { String($0.number) == fields[1] }
            default: continue
            }
        }
        return state
    }

    private static func append(_ text: String, _ descriptor: CInt, _ path: String) throws(IOFailure) {
        try SystemFile.writeAll(Array(text.utf8), descriptor, path)
        guard fdatasync(descriptor) == 0 else { throw IOFailure(call: "sync journal \(path)", code: errno) }
    }

    private static func checkOwner(_ descriptor: CInt, _ path: String) throws(IOFailure) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw IOFailure(call: "stat journal \(path)", code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_mode & 0o077 == 0,
            status.st_nlink == 1
        else {
            throw IOFailure(
                call: "open journal \(path)",
                code: EPERM,
                text: "not a plain file of ours with mode 0600; what it says would be done to this machine",
                hint: "look at it, then: rm \(path)"
            )
        }
    }

    private static func lock(_ descriptor: CInt, _ path: String, _ patience: Duration) throws(IOFailure) {
        let pause = Duration.milliseconds(20)
        var waited = Duration.zero
        while true {
            let result = culvert_lock_file(descriptor, false)
            if result == 0 { return }
            guard result == -EWOULDBLOCK else { throw IOFailure(call: "lock journal \(path)", code: -result) }
            guard waited < patience else {
                throw IOFailure(
                    call: "lock journal \(path)",
                    code: EWOULDBLOCK,
                    text: "another culvert process holds it",
                    hint: "see: fuser -v \(path)"
                )
            }
            usleep(20_000)
            waited += pause
        }
    }

    private static func bootID() throws(IOFailure) -> String {
        try SystemFile.read("/proc/sys/kernel/random/boot_id").trimmed
    }

    /// The identity of this thread's network namespace.
    private static func namespace() throws(IOFailure) -> String {
        var status = stat()
        guard stat("/proc/thread-self/ns/net", &status) == 0 else {
            throw IOFailure(call: "identify the network namespace", code: errno)
        }
        return "\(status.st_dev):\(status.st_ino)"
    }
}
