import AdminAPI
import ArgumentParser
import ConfigFile
import IPsecTypes

/// `culvert gateway`.
struct GatewayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Run a gateway, check its files, look at it, and steer it.",
        subcommands: [
            GatewayRunCommand.self, GatewayCheckCommand.self, GatewayStatusCommand.self, GatewayReloadCommand.self,
            GatewayRekeyCommand.self, GatewayCloseCommand.self, GatewayDrainCommand.self,
        ]
    )
}

/// Which gateway a verb means.
struct GatewaySocketOptions: ParsableArguments {
    @Option(
        name: .customShort("c"),
        help: ArgumentHelp(
            "gateway.yaml, which names the control socket. (default: the standard one)",
            valueName: "file"
        )
    )
    var file: String?
    @Option(help: "The control socket itself; nothing else is read then.")
    var control: String?

    /// Asks the gateway; what it refuses is thrown.
    func ask(_ operation: AdminRequest.Operation, timeoutSeconds: Int = 10) throws -> AdminResponse {
        try ControlChannel(path: path(), daemon: .gateway).ask(operation, timeoutSeconds: timeoutSeconds)
    }

    private func path() throws -> String {
        if let control { return Files.absolute(control) }
        let paths = StandardPaths.current
        guard file != nil || Files.exists("\(paths.configuration)/gateway.yaml") else {
            return GatewayConfiguration(paths: paths).files.control
        }
        return try ConfigurationFiles.gateway(file).configuration.files.control
    }
}
