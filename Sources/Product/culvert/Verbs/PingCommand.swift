import AdminAPI
import ArgumentParser
import IPsecTypes

/// `culvert ping`.
struct PingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Ask a tunnel's gateway whether it lives, over the tunnel's IKE SA.",
        discussion: Help.flow(
            """
            Sends an IKE message and waits for the answer; it says nothing about hosts behind the gateway.

            Example:
              culvert ping runner1
            """
        )
    )

    @Argument(help: "The tunnel's name; the only one without it.")
    var name: String?
    @Option(help: "How long to wait.")
    var timeout = DurationArgument(seconds: 5)
    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        struct Document: Encodable {
            var name: String
            var milliseconds: Double
        }
        let seconds = Int(min(timeout.seconds, 3600))
        let answer = try socket.channel.ask(
            .ping(name: name, timeoutSeconds: seconds),
            timeoutSeconds: seconds + 5
        )
        guard case .pong(let name, let milliseconds) = answer else {
            throw CulvertError(.controlVersion, "the agent answered something else than was asked")
        }
        Terminal.out(
            output.json
                ? AdminCoding.pretty(Document(name: name, milliseconds: milliseconds))
                : "culvert  \(name.printable): the gateway answered in \(Amounts.milliseconds(milliseconds))"
        )
    }
}
