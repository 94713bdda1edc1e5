/// One thing that is wrong with a configuration file, with its place.
public struct ConfigProblem: Error, Hashable, Sendable, Codable {
    /// The stable code.
    public var code: ErrorCode
    /// Where it is.
    public var place: SourcePlace
    /// What is wrong, in one line.
    public var message: String
    /// The known name closest to what was written.
    public var nearest: String?
    /// What to do about it, where that is not plain from the message.
    public var hint: String?

    /// Makes a problem.
    public init(
        _ code: ErrorCode,
        at place: SourcePlace,
        _ message: String,
        nearest: String? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.place = place
        self.message = message
        self.nearest = nearest
        self.hint = hint
    }

    /// One line as compilers print it: `file:line:column: error[E1003]: message; did you mean "allow"?`
    public var line: String {
        let question = nearest.map { "; did you mean \"\($0.printable)\"?" } ?? ""
        return "\(place): error[\(code)]: \(message.printable)\(question)"
    }

    /// The line, the source line with a mark under the column when `source` is given, and the hint.
    public func rendered(source: String? = nil) -> String {
        var text = line
        if let source, let excerpt = Self.excerpt(source, place) { text += "\n" + excerpt }
        if let hint { text += "\n  help: " + hint.printable }
        return text
    }

    private static func excerpt(_ source: String, _ place: SourcePlace) -> String? {
        guard place.line > 0 else { return nil }
        let lines = source.split(separator: "\n", maxSplits: place.line, omittingEmptySubsequences: false)
        guard lines.count >= place.line else { return nil }
        let shown = String(lines[place.line - 1].prefix(160)).replacingTabs.printable
        guard !shown.isEmpty else { return nil }
        let number = "\(place.line)"
        let gutter = String(repeating: " ", count: number.count)
        var text = " \(number) | \(shown)"
        if place.column > 0, place.column <= 160 {
            text += "\n \(gutter) | " + String(repeating: " ", count: place.column - 1) + "^"
        }
        return text
    }
}

extension String {
    fileprivate var replacingTabs: String { String(map { $0 == "\t" || $0 == "\r" ? " " : $0 }) }
}

/// All that is wrong with a configuration; it is refused whole.
public struct ConfigProblems: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The problems in the order of the file; never empty.
    public var problems: [ConfigProblem]

    /// Makes the error.
    public init(_ problems: [ConfigProblem]) {
        self.problems = problems
    }

    /// Every problem as compilers print it, and how many there are.
    public func rendered(source: String? = nil) -> String {
        let count = problems.count == 1 ? "1 error" : "\(problems.count) errors"
        return problems.map { $0.rendered(source: source) }.joined(separator: "\n") + "\n\(count)"
    }

    /// Every problem in a line.
    public var description: String { problems.map(\.line).joined(separator: "\n") }
}

/// Collects problems while a configuration is read, so that one run shows them all.
public final class ConfigDiagnostics {
    /// More are counted but not kept: nobody reads further.
    public static let maximumProblems = 100

    private var problems: [ConfigProblem] = []

    /// Starts without problems.
    public init() {}

    /// Whether nothing was reported.
    public var isClean: Bool { problems.isEmpty }

    /// Notes a problem.
    public func report(_ problem: ConfigProblem) {
        guard problems.count < Self.maximumProblems, !problems.contains(problem) else { return }
        problems.append(problem)
    }

    /// Notes a problem.
    public func report(
        _ code: ErrorCode,
        at place: SourcePlace,
        _ message: String,
        nearest: String? = nil,
        hint: String? = nil
    ) {
        report(ConfigProblem(code, at: place, message, nearest: nearest, hint: hint))
    }

    /// Throws all that was reported, in the order of the file.
    public func throwProblems() throws(ConfigProblems) {
        guard !problems.isEmpty else { return }
        let ordered = problems.enumerated().sorted { left, right in
            let (a, b) = (left.element.place, right.element.place)
            return (a.file, a.line, a.column, left.offset) < (b.file, b.line, b.column, right.offset)
        }
        throw ConfigProblems(ordered.map(\.element))
    }
}
