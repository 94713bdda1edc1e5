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
