import ArgumentParser
import Netlink

/// `culvert internal`: roles of the program that it starts itself.
struct InternalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "internal",
        abstract: "Roles that the program starts by itself.",
        shouldDisplay: false,
        subcommands: [GuardianCommand.self]
    )
}

/// `culvert internal guardian`.
struct GuardianCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guardian",
        abstract: "Undo what a killed daemon left on this host.",
        shouldDisplay: false
    )

    @Argument(help: "The journal.")
    var journal: String
    @Argument(help: "The descriptor that closes with the daemon.")
    var descriptor: Int32

    func run() throws {
        let status = GuardianProcess.run(journalPath: journal, parentPipe: descriptor)
        if status != 0 { throw ExitCode(status) }
    }
}
