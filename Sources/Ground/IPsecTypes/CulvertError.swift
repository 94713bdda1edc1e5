/// An error as a user sees it: what, why, whose turn it is and the next command, with a stable code.
public struct CulvertError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// One labelled line under the message.
    public struct Detail: Hashable, Sendable, Codable {
        /// The label: one word.
        public var label: String
        /// The value.
        public var value: String

        /// Makes a detail.
        public init(_ label: String, _ value: String) {
            self.label = label
            self.value = value
        }
    }

    /// The code, which also gives the exit class.
    public var code: ErrorCode
    /// What happened, in one line.
    public var message: String
    /// What else is known.
    public var details: [Detail]
    /// The next command or step.
    public var next: String

    /// Makes an error. Without `message` or `next` the catalogue's words stand.
    public init(
        _ code: ErrorCode,
        _ message: String? = nil,
        details: [(label: String, value: String)] = [],
        next: String? = nil
    ) {
        self.code = code
        self.message = message ?? code.entry.title
        self.details = details.map { Detail($0.label, $0.value) }
        self.next = next ?? code.entry.next
    }

    /// Makes an error of the first of several configuration problems; the others are details.
    public init(_ problems: ConfigProblems) {
        let first = problems.problems.first
        self.init(
            first?.code ?? .invalidYAML,
            first.map { "\($0.place): \($0.message)" },
            details: problems.problems.dropFirst().prefix(20).map { ("also", $0.line) }
                + (first?.nearest.map { [("nearest", $0)] } ?? []),
            next: first?.hint
        )
    }

    private enum CodingKeys: String, CodingKey {
        case code, message, details, next, reason, offered, wanted, compared
    }

    /// Reads what ``encode(to:)`` wrote; what is derived from the details is passed over.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        code = try container.decode(ErrorCode.self, forKey: .code)
        message = try container.decode(String.self, forKey: .message)
        details = try container.decode([Detail].self, forKey: .details)
        next = try container.decode(String.self, forKey: .next)
    }

    /// Code, message, details and next step; and for programs, beside them, the stable word and the lists of what was
    /// offered, wanted and compared, always there, empty where nothing is known.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encode(details, forKey: .details)
        try container.encode(next, forKey: .next)
        try container.encodeIfPresent(values("reason").first, forKey: .reason)
        try container.encode(values("offered"), forKey: .offered)
        try container.encode(values("wanted"), forKey: .wanted)
        try container.encode(values("compared"), forKey: .compared)
    }

    /// The values of all details of a label.
    public func values(_ label: String) -> [String] { details.filter { $0.label == label }.map(\.value) }

    /// What the process ends with.
    public var exitClass: ExitClass { code.exitClass }

    /// The lines that a terminal gets; whatever could steer it is escaped.
    ///
    ///     error[E1203] policy: no rule lets this job reach db.int:5432
    ///       job      acme/api@456789
    ///       next     culvert policy explain --to db.int:5432
    public var rendered: String {
        let lines = details + (next.isEmpty ? [] : [Detail("next", next)])
        let width = max(7, lines.map(\.label.count).max() ?? 0) + 2
        return lines.reduce("error[\(code)] \(exitClass.name): \(message.printable)") { text, detail in
            text + "\n  " + detail.label.printable.padded(to: width) + detail.value.printable
        }
    }

    /// The same lines.
    public var description: String { rendered }
}
