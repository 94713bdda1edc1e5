import AdminAPI
import ArgumentParser
import IPsecTypes

/// `culvert wait`.
struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until a tunnel is up.",
        discussion: Help.flow(
            """
            Brings nothing up itself; for scripts that start beside the agent.

            Example:
              culvert wait office --timeout 2m
            """
        )
    )

    @Argument(help: "The tunnel's name; any without it.")
    var name: String?
    @Option(help: "How long to wait.")
    var timeout = DurationArgument(seconds: 30)
    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        let seconds = Int(min(timeout.seconds, 86_400))
        let answer = try socket.channel.ask(
            .wait(name: name, timeoutSeconds: seconds),
            timeoutSeconds: seconds + 5
        )
        guard case .tunnel(let tunnel) = answer else {
            throw CulvertError(.controlVersion, "the agent answered something else than was asked")
        }
        Terminal.out(
            output.json
                ? AdminCoding.pretty(tunnel)
                : StatusText(Terminal.style).agentTunnel(tunnel).joined(separator: "\n")
        )
    }
}
