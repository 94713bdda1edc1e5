import AdminAPI
import ArgumentParser

/// `culvert down`.
struct DownCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "Take tunnels down: all of them, or one.",
        discussion: Help.flow(
            """
            The gateway is told, and routes and addresses are removed. An agent that culvert up started ends with its
            last tunnel; one that runs as a service goes on.

            Example:
              culvert down runner1
            """
        )
    )

    @Argument(help: "The tunnel's name; all without it.")
    var name: String?
    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        DoneDocument.show(try socket.channel.ask(.down(name: name)).doneText, json: output.json)
    }
}
