import AdminAPI
import ArgumentParser

/// `culvert reload`.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have a running agent read its certificates and keys again.",
        discussion: Help.flow(
            """
            Tunnels whose certificate, key or authorities are others now are authenticated anew, without a gap. SIGHUP does
            the same, and so does each authentication that is repeated. Files that cannot be used change nothing.

            Example:
              culvert reload
            """
        )
    )

    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        DoneDocument.show(try socket.channel.ask(.reload).doneText, json: output.json)
    }
}
