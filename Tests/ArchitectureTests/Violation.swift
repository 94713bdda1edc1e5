/// One broken law: where, what, and what to do instead.
struct Violation: Hashable, Comparable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    init(_ path: String, _ line: Int, _ message: String) {
        self.path = path
        self.line = line
        self.message = message
    }

    var description: String { line > 0 ? "\(path):\(line): \(message)" : "\(path): \(message)" }

    static func < (left: Violation, right: Violation) -> Bool {
        (left.path, left.line, left.message) < (right.path, right.line, right.message)
    }
}

/// All violations as lines of text, so that a failed expectation prints every one.
func report(_ violations: [Violation]) -> String {
    violations.sorted().map(\.description).joined(separator: "\n")
}
