import AdminAPI
import ArgumentParser

/// `culvert gateway reload`.
struct GatewayReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have a running gateway read its files again.",
        discussion: Help.flow(
            """
            Tunnels that the new files still allow go on undisturbed. Files with a mistake are refused whole, with the
            place of the mistake, and the gateway goes on as before.

            Example:
              culvert gateway reload -c /etc/culvert/gateway.yaml
            """
        )
    )

    @OptionGroup var socket: GatewaySocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        DoneDocument.show(try socket.ask(.reload, timeoutSeconds: 60).doneText, json: output.json)
    }
}
