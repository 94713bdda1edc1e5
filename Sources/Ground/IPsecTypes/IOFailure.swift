#if canImport(Glibc)
import Glibc
#endif

/// Why the operating system did not do what was asked: what, why, and what to do about it.
public struct IOFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call and its object, such as "bind udp 0.0.0.0:500".
    public var call: String
    /// The `errno` value; 0 when the failure is not a system call's.
    public var code: CInt
    /// What the code means, or what the kernel said in words.
    public var text: String
    /// The next thing to do; empty when there is nothing better than the text.
    public var hint: String

    /// Makes a failure; without `text` the system's words for `code` are used.
    public init(call: String, code: CInt, text: String? = nil, hint: String = "") {
        self.call = call
        self.code = code
        self.text = text ?? Self.words(for: code)
        self.hint = hint
    }

    /// "bind udp 0.0.0.0:500: Address already in use; hint".
    public var description: String {
        hint.isEmpty ? "\(call): \(text)" : "\(call): \(text); \(hint)"
    }

    private static func words(for code: CInt) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard code != 0, strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.isEmpty ? "error \(code)" : text
    }
}
