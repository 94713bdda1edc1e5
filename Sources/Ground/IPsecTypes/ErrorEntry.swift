/// What the reference says about one error code.
public struct ErrorEntry: Sendable {
    /// The code.
    public let code: ErrorCode
    /// What it means, in a few words.
    public let title: String
    /// Why, in a sentence or two.
    public let explanation: String
    /// What to do next.
    public let next: String

    init(_ code: ErrorCode, _ title: String, _ explanation: String, _ next: String) {
        self.code = code
        self.title = title
        self.explanation = explanation
        self.next = next
    }

    /// The whole catalogue, in the order of the codes.
    public static let all: [ErrorEntry] =
        configuration + identity + policy + network + gateway + `internal`

    /// docs/reference/errors.md, made from the catalogue.
    public static var reference: String {
        var text = """
            # Error codes

            Every error says what happened, why, and the next command. Its code is stable: the second digit is the last
            digit of the exit class, which is also the exit status of the command.

            """
        for exitClass in ExitClass.allCases where exitClass != .ok {
            text += "\n## \(exitClass.name), exit status \(exitClass.rawValue)\n"
            for entry in all where entry.code.exitClass == exitClass {
                text += "\n### \(entry.code): \(entry.title)\n\n\(entry.explanation)\n\nNext: \(entry.next)\n"
            }
        }
        return text
    }
}
