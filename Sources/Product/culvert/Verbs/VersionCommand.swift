import AdminAPI
import ArgumentParser
import Runtime

/// `culvert version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the program's version.",
        discussion: "A daemon's own version is in its status: it may have been started before an upgrade."
    )

    @OptionGroup var output: JSONOption

    func run() {
        struct Document: Encodable { var version: String }
        Terminal.out(
            output.json
                ? AdminCoding.pretty(Document(version: CulvertVersion.text)) : "culvert \(CulvertVersion.text)"
        )
    }
}
