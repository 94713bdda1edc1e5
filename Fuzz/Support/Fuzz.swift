import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// libFuzzer's entry point for programs that have a `main` of their own, as every SwiftPM executable does.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The check of this process; libFuzzer takes a C function, which can capture nothing.
private nonisolated(unsafe) var check: ([UInt8]) -> String? = { _ in nil }

/// Runs libFuzzer with the command line's arguments. `property` returns what the input violates, or nil; a violation and
/// a trap alike end the process, and the input is kept.
public func fuzz(_ property: @escaping ([UInt8]) -> String?) -> Never {
    check = property
    var argumentCount = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    let status = runDriver(&argumentCount, &arguments) { data, size in
        let bytes = Array(UnsafeBufferPointer(start: data, count: size))
        if let violation = check(bytes) { fatalError("property violated: \(violation)") }
        return 0
    }
    exit(status)
}

/// Fuzzes inputs as they come, and again with a length field that says how long they are: or the fuzzer would spend its
/// time on guessing it.
public func fuzz(lengthAt field: LengthField, _ property: @escaping ([UInt8]) -> String?) -> Never {
    fuzz { bytes in property(bytes) ?? property(field.fitted(bytes)) }
}

/// The same for a property that awaits: it runs on this thread, so that a trap is this input's.
public func fuzzAsync(_ property: @escaping @Sendable ([UInt8]) async -> String?) -> Never {
    fuzz { bytes in
        let answer = Answer()
        let executor = HereExecutor()
        Task(executorPreference: executor) { answer.set(await property(bytes)) }
        while !answer.isThere { executor.run() }
        return answer.text
    }
}

/// What a property said, once it has.
private final class Answer: Sendable {
    private let said = Mutex<String??>(nil)

    var isThere: Bool { said.withLock { $0 != nil } }
    var text: String? { said.withLock { $0 ?? nil } }
    func set(_ text: String?) { said.withLock { $0 = .some(text) } }
}

/// Runs its jobs on the thread that asks for it.
private final class HereExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    func run() {
        while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}

/// Where a message has its own length, big-endian.
public struct LengthField: Sendable {
    /// Its offset.
    public var offset: Int
    /// Its octets.
    public var octets: Int
    /// Shorter inputs stay as they are.
    public var minimum: Int

    /// Describes a field that ends within `minimum` octets.
    public init(offset: Int, octets: Int, minimum: Int) {
        precondition(offset + octets <= minimum, "the field must be there")
        (self.offset, self.octets, self.minimum) = (offset, octets, minimum)
    }

    /// The input with its own length in the field.
    func fitted(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= minimum else { return bytes }
        var bytes = bytes
        for index in 0..<octets {
            bytes[offset + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * (octets - 1 - index)))
        }
        return bytes
    }
}
