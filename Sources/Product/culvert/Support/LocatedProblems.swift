import AdminAPI
import IPsecTypes

/// Problems of configuration files with the files' text, so that the lines can be shown.
struct LocatedProblems: Error {
    var problems: ConfigProblems
    /// The text of each file, by the name in the problems' places.
    var sources: [String: String]

    init(_ problems: ConfigProblems, sources: [String: String] = [:]) {
        self.problems = problems
        self.sources = sources
    }

    /// The class of the first problem.
    var exitClass: ExitClass { problems.problems.first?.code.exitClass ?? .config }

    /// Every problem as compilers print it, with its source line, and how many there are.
    var rendered: String {
        let count = problems.problems.count
        return problems.problems.map { $0.rendered(source: sources[$0.place.file]) }.joined(separator: "\n")
            + "\n" + (count == 1 ? "1 error" : "\(count) errors")
    }

    /// The problems for programs.
    var json: String {
        struct Document: Encodable {
            var error: CulvertError
            var problems: [ConfigProblem]
        }
        return AdminCoding.pretty(Document(error: CulvertError(problems), problems: problems.problems))
    }
}
