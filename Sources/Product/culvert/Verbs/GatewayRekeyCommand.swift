import AdminAPI
import ArgumentParser

/// `culvert gateway rekey`.
struct GatewayRekeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey",
        abstract: "Replace the keys of a tunnel from the gateway's side.",
        discussion: Help.flow(
            """
            Traffic goes on while keys change. Without --ike the Child SAs get new keys, with it the IKE SA.

            Example:
              culvert gateway rekey ike-7 --ike
            """
        )
    )

    @Argument(help: "A tunnel, session or connection of culvert gateway status.")
    var name: String?
    @Flag(help: "The IKE SA instead of its Child SAs.")
    var ike = false
    @OptionGroup var socket: GatewaySocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        DoneDocument.show(try socket.ask(.rekey(name: name, ike: ike)).doneText, json: output.json)
    }
}
