import AdminAPI
import ArgumentParser
import AuditLog
import ConfigFile
import Glibc
import IPsecTypes

/// `culvert audit`.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Read and verify a gateway's audit trail.",
        subcommands: [AuditTailCommand.self, AuditVerifyCommand.self, AuditLeasesCommand.self]
    )
}

/// Which trail a verb means.
struct AuditFileOptions: ParsableArguments {
    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("gateway.yaml, which names the trail. (default: the standard one)", valueName: "file")
    )
    var configuration: String?
    @Option(help: "The trail itself.")
    var file: String?

    var path: String {
        get throws {
            if let file { return Files.absolute(file) }
            return try ConfigurationFiles.gateway(configuration).configuration.files.audit
        }
    }
}

/// `culvert audit tail`.
struct AuditTailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print the newest records: who reached what, when, under which rule, and why it closed.",
        discussion: Help.flow(
            """
            Reads the file and checks nothing (see audit verify). With --json the records come as they are stored.

            Examples:
              culvert audit tail -n 50
              culvert audit tail --follow --json
            """
        )
    )

    @Option(name: [.customShort("n"), .customLong("lines")], help: "How many.")
    var count = 20
    @Flag(name: .shortAndLong, help: "Go on with records as they are written, until interrupted.")
    var follow = false
    @OptionGroup var trail: AuditFileOptions
    @OptionGroup var output: JSONOption

    func validate() throws {
        if !(0...100_000).contains(count) { throw ValidationError("-n takes 0 to 100000") }
    }

    func run() throws {
        let reader = try TrailReader(trail.path)
        for line in try reader.newest(count) { Terminal.out(text(line)) }
        while follow {
            _ = poll(nil, 0, 300)
            for line in try reader.next() { Terminal.out(text(line)) }
        }
    }

    private func text(_ line: [UInt8]) -> String {
        if output.json { return String(decoding: line, as: UTF8.self) }
        guard let entry = AuditEntry(line: line) else {
            return "unreadable: " + String(decoding: line, as: UTF8.self).printable(limit: 200)
        }
        return entry.record.line
    }
}

/// `culvert audit verify`.
struct AuditVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that no record of an audit trail was changed, removed or inserted.",
        discussion: Help.flow(
            """
            Each record carries the hash of the one before. Whoever can write the file can also write a new chain:
            keep a copy of records elsewhere to be sure.

            Example:
              culvert audit verify -c /etc/culvert/gateway.yaml
            """
        )
    )

    @OptionGroup var trail: AuditFileOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        struct Document: Encodable {
            var file: String
            var records: UInt64
            var lastHash: String
        }
        let path = try trail.path
        var verifier = AuditReader(digest: TrailReader.digest)
        let reader = try TrailReader(path)
        func failure(_ damage: String) -> CulvertError {
            CulvertError(
                .stateDamaged,
                "\(path): \(damage)",
                next: "keep the file, compare it with a copy, and start a new trail"
            )
        }
        while true {
            let lines = try reader.next()
            guard !lines.isEmpty else { break }
            for line in lines {
                do throws(AuditDamage) { _ = try verifier.read(line) } catch { throw failure(error.description) }
            }
        }
        if reader.hasPartialLine {
            throw failure("line \(verifier.records + 1) is cut off")
        }
        if output.json {
            let document = Document(file: path, records: verifier.records, lastHash: verifier.tail.hash)
            return Terminal.out(AdminCoding.pretty(document))
        }
        Terminal.out("\(path.printable): \(verifier.records) records, the chain is whole; last \(verifier.tail.hash)")
    }
}
