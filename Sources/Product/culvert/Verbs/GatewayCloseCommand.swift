import AdminAPI
import ArgumentParser
import IPsecTypes

/// `culvert gateway close`.
struct GatewayCloseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "End sessions of a running gateway.",
        discussion: Help.flow(
            """
            The peer is told, and may connect again at once: to keep it out, revoke its certificate or change the
            policy.

            Examples:
              culvert gateway close 01jd3v9k
              culvert gateway close --all
            """
        ),
        aliases: ["disconnect"]
    )

    @Argument(help: "The session, as culvert gateway status shows it.")
    var session: String?
    @Flag(help: "Every session.")
    var all = false
    @OptionGroup var socket: GatewaySocketOptions
    @OptionGroup var output: JSONOption

    func validate() throws {
        if (session == nil) != all { throw ValidationError("Name one session, or give --all") }
    }

    func run() throws {
        if let session {
            return DoneDocument.show(try socket.ask(.closeSession(session: session)).doneText, json: output.json)
        }
        guard case .gateway(let status) = try socket.ask(.status) else {
            throw CulvertError(.controlVersion, "this is not a gateway's control socket", next: "culvert down")
        }
        var closed = 0
        for tunnel in status.tunnels {
            let session = tunnel.session.isEmpty ? tunnel.id : tunnel.session
            let result = Result { try socket.ask(.closeSession(session: session)) }
            if case .failure(let error) = result {
                // It may have ended by itself in between.
                guard let error = error as? CulvertError, error.code == .unknownName else { throw error }
            } else {
                closed += 1
            }
        }
        DoneDocument.show("closed \(Amounts.count(closed, "session"))", json: output.json)
    }
}
