import AdminAPI
import ArgumentParser

/// `culvert rekey`.
struct RekeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey",
        abstract: "Replace a tunnel's keys now.",
        discussion: Help.flow(
            """
            Happens by itself in time; this is for rehearsals. Traffic goes on meanwhile. Without --ike the Child SAs get
            new keys, with it the IKE SA.

            Example:
              culvert rekey runner1 --ike
            """
        )
    )

    @Argument(help: "The tunnel's name; the only one without it.")
    var name: String?
    @Flag(help: "The IKE SA instead of its Child SAs.")
    var ike = false
    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        DoneDocument.show(try socket.channel.ask(.rekey(name: name, ike: ike)).doneText, json: output.json)
    }
}
