import AdminAPI
import ArgumentParser
import IPsecTypes

/// `culvert gateway status`.
struct GatewayStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what a running gateway does: tunnels, rules with counters, pools, the newest failures.",
        discussion: Help.flow(
            """
            Changes nothing. A failed negotiation stays listed with what differed.

            Example:
              culvert gateway status -c /etc/culvert/gateway.yaml --json
            """
        )
    )

    @OptionGroup var socket: GatewaySocketOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        guard case .gateway(let status) = try socket.ask(.status) else {
            throw CulvertError(.controlVersion, "this is not a gateway's control socket", next: "culvert status")
        }
        if output.json {
            Terminal.out(AdminCoding.pretty(status))
        } else {
            Terminal.out(StatusText(Terminal.style).gateway(status))
        }
    }
}
