import ArgumentParser
import Foundation
import IPsecTypes
import Testing

@testable import culvert

/// docs/reference/cli.md is written from the help texts, by `make docs`, and compared here.
@Suite("The reference of the command line agrees with its help")
struct CommandReferenceTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func everyVerbIsInTheReference() throws {
        let url = Self.root.appendingPathComponent("docs/reference/cli.md")
        if ProcessInfo.processInfo.environment["CULVERT_WRITE_DOCS"] != nil {
            try Self.text.write(to: url, atomically: true, encoding: .utf8)
        }
        let written = try? String(contentsOf: url, encoding: .utf8)
        #expect(written == Self.text, "docs/reference/cli.md differs from the source: run make docs")
    }

    @Test func everyVerbSaysWhatItDoesAndGivesAnExample() {
        for (words, verb) in Self.verbs(Culvert.self, []) where verb.configuration.subcommands.isEmpty {
            let text = verb.configuration.discussion
            #expect(verb.configuration.abstract.hasSuffix("."), "\(words)")
            let isPlain = verb == VersionCommand.self
            #expect(
                isPlain || text.contains("\n  culvert ") || text.contains("\n  openssl "),
                "\(words) has no example"
            )
        }
    }

    private static var text: String {
        var parts = [
            """
            # The command line

            Written by `make docs` from the help texts. Every verb that reads has `--json`; errors are then JSON too, on
            standard error. An error says what, why and the next command, and has a code ([errors.md](errors.md)).

            | exit code | class | what it is about |
            | --- | --- | --- |
            | 0 | ok | done |
            | 10 | config | a file or the command line |
            | 11 | identity | who one side is |
            | 12 | policy | what an identity may do |
            | 13 | network | the way between machines, or this machine's own network |
            | 14 | gateway | the other side, or the daemon |
            | 15 | internal | a fault of Culvert itself |

            Colours and tables come on a terminal only; `NO_COLOR` switches colours off. As root, files are in
            `/etc/culvert`, `/var/lib/culvert` and `/run/culvert`; else in the XDG directories of the user.
            Completions: `culvert --generate-completion-script bash` (or zsh, fish).
            """
        ]
        for (words, verb) in verbs(Culvert.self, []) {
            guard verb.configuration.subcommands.isEmpty else { continue }
            let help = Culvert.helpMessage(for: verb, columns: 100)
                .split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !$0.hasPrefix("  --version ") && !$0.hasPrefix("  -h, --help ") }
                .joined(separator: "\n")
                .trimmingCharacters(in: .whitespacesAndNewlines)
            parts.append("## culvert \(words.joined(separator: " "))\n\n```text\n\(help)\n```")
        }
        return parts.joined(separator: "\n\n") + "\n"
    }

    /// Every verb that users see, with its words, in the order of the help.
    private static func verbs(
        _ command: any ParsableCommand.Type,
        _ words: [String]
    ) -> [(words: [String], verb: any ParsableCommand.Type)] {
        let configuration = command.configuration
        let groups = configuration.groupedSubcommands.flatMap(\.subcommands)
        var found: [(words: [String], verb: any ParsableCommand.Type)] = []
        for verb in configuration.ungroupedSubcommands + groups {
            let inner = verb.configuration
            guard inner.shouldDisplay else { continue }
            let path = words + [inner.commandName ?? ""]
            found.append((path, verb))
            found += verbs(verb, path)
        }
        return found
    }
}
