import AdminAPI
import ArgumentParser
import IPsecTypes

/// `culvert status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show this machine's tunnels: state, gateway, suite, addresses, counters.",
        discussion: Help.flow(
            """
            Changes nothing. A tunnel that failed stays listed with the reason. For a gateway: culvert gateway status

            Example:
              culvert status --json
            """
        )
    )

    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        guard case .agent(let status) = try socket.channel.ask(.status) else {
            throw CulvertError(.controlVersion, "this is not an agent's control socket", next: "culvert gateway status")
        }
        if output.json {
            Terminal.out(AdminCoding.pretty(status))
        } else {
            Terminal.out(StatusText(Terminal.style).agent(status))
        }
    }
}
