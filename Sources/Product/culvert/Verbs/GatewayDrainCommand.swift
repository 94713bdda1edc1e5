import AdminAPI
import ArgumentParser
import IPsecTypes

/// `culvert gateway drain`.
struct GatewayDrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send the clients of a running gateway to another one.",
        discussion: Help.flow(
            """
            New clients are redirected before anything is made for them, established ones are asked to move within ten
            seconds (RFC 5685). Clients that do not follow redirects are served on. An agent follows to the gateway it was
            given and to those under redirects: of its connection. A restart ends the drain.

            Examples:
              culvert gateway drain --to vpn2.example.com
              culvert gateway drain --undo
            """
        )
    )

    @Option(help: ArgumentHelp("Where clients go: a DNS name or an address.", valueName: "gateway"))
    var to: String?
    @Flag(help: "Serve clients here again.")
    var undo = false
    @OptionGroup var socket: GatewaySocketOptions
    @OptionGroup var output: JSONOption

    func validate() throws {
        if (to == nil) != undo { throw ValidationError("Give --to GATEWAY, or --undo") }
    }

    func run() throws {
        DoneDocument.show(try socket.ask(.drain(to: to)).doneText, json: output.json)
    }
}
