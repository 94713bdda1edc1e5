import Foundation
import Glibc
import IPsecTypes

/// Standard output and standard error.
enum Terminal {
    /// Whether standard output is a terminal that takes colours.
    static let style = TextStyle(
        isTerminal: isatty(1) == 1,
        environment: ProcessInfo.processInfo.environment
    )

    /// Prints a line, or several, to standard output.
    static func out(_ text: String) { write(text, to: 1) }

    /// Prints lines to standard output.
    static func out(_ lines: [String]) { if !lines.isEmpty { out(lines.joined(separator: "\n")) } }

    /// Prints a line, or several, to standard error.
    static func error(_ text: String) { write(text, to: 2) }

    private static func write(_ text: String, to descriptor: CInt) {
        var bytes = Array(text.utf8)[...]
        if bytes.last != 0x0a { bytes.append(0x0a) }
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // Nobody reads any more, or the disk is full: there is no one to tell.
            if count < 0, errno != EINTR { return }
            bytes = bytes.dropFirst(max(0, count))
        }
    }
}

/// How text is dressed: colours and tables on a terminal only.
struct TextStyle: Sendable {
    /// Whether the reader is a person at a terminal.
    var isTerminal: Bool
    /// Whether colours are wanted.
    var isColoured: Bool

    /// Plain text.
    static let plain = TextStyle(isTerminal: false, environment: [:])

    /// NO_COLOR (no-color.org) and a dumb terminal switch colours off.
    init(isTerminal: Bool, environment: [String: String]) {
        self.isTerminal = isTerminal
        isColoured = isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    func bold(_ text: String) -> String { dressed(text, "1") }
    func dim(_ text: String) -> String { dressed(text, "2") }
    func good(_ text: String) -> String { dressed(text, "32") }
    func bad(_ text: String) -> String { dressed(text, "31") }
    func uncertain(_ text: String) -> String { dressed(text, "33") }

    private func dressed(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}
