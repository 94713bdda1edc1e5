import AdminAPI
import ArgumentParser
import ConfigFile
import IPsecTypes
import Policy

/// `culvert policy`.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Check, test and explain a policy file without a gateway.",
        subcommands: [PolicyCheckCommand.self, PolicyTestCommand.self, PolicyExplainCommand.self]
    )
}

/// Which policy a verb means.
struct PolicyFileArgument: ParsableArguments {
    @Argument(help: "policy.yaml. (default: the standard one)")
    var file: String?

    func load() throws -> (document: PolicyDocument, source: String, path: String) {
        let path = file ?? "\(StandardPaths.current.configuration)/policy.yaml"
        let (document, source) = try ConfigurationFiles.policy(path)
        return (document, source, path)
    }
}

/// `culvert policy check`.
struct PolicyCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether a policy file is correct.",
        discussion: Help.flow(
            """
            Checks form, names and values; runs no tests and reads no secrets (see policy test and gateway check).

            Example:
              culvert policy check /etc/culvert/policy.yaml
            """
        )
    )

    @OptionGroup var file: PolicyFileArgument
    @OptionGroup var output: JSONOption

    func run() throws {
        struct Document: Encodable {
            var file: String
            var rules: Int
            var resources: Int
            var peers: Int
            var tests: Int
        }
        let (document, _, path) = try file.load()
        if output.json {
            return Terminal.out(
                AdminCoding.pretty(
                    Document(
                        file: path,
                        rules: document.rules.count,
                        resources: document.resources.count,
                        peers: document.peers.count,
                        tests: document.tests.count
                    )
                )
            )
        }
        let counts = [
            Amounts.count(document.rules.count, "rule"), Amounts.count(document.resources.count, "resource"),
            Amounts.count(document.peers.count, "peer"), Amounts.count(document.tests.count, "test"),
        ]
        Terminal.out("\(path.printable): correct, \(counts.joined(separator: ", "))")
    }
}

/// `culvert policy test`.
struct PolicyTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests that a policy file holds.",
        discussion: Help.flow(
            """
            Each entry of tests: names an identity and what it must and must not reach. Fails with exit code 12 when
            one does not hold, so that it can guard a repository.

            Example:
              culvert policy test policy.yaml
            """
        )
    )

    @OptionGroup var file: PolicyFileArgument
    @OptionGroup var output: JSONOption

    func run() throws {
        struct Document: Encodable {
            var tests: Int
            var failures: [ConfigProblem]
        }
        let (document, source, path) = try file.load()
        let failures = PolicyEngine(document).testFailures().map(\.problem)
        if output.json {
            Terminal.out(AdminCoding.pretty(Document(tests: document.tests.count, failures: failures)))
            if !failures.isEmpty { throw ExitCode(Int32(ExitClass.policy.rawValue)) }
            return
        }
        guard failures.isEmpty else { throw LocatedProblems(ConfigProblems(failures), sources: [path: source]) }
        Terminal.out("\(path.printable): \(Amounts.count(document.tests.count, "test")), all hold")
    }
}
