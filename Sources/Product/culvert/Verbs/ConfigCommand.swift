import ArgumentParser
import ConfigFile

/// `culvert config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "What configuration files may hold.",
        subcommands: [ConfigDefaultsCommand.self]
    )
}

/// `culvert config defaults`.
struct ConfigDefaultsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "defaults",
        abstract: "Print every key of gateway.yaml and agent.yaml with its default and what it means.",
        discussion: Help.flow(
            """
            Reads no file: what it prints is what holds where a file says nothing.

            Example:
              culvert config defaults gateway > gateway.yaml
            """
        )
    )

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case gateway
        case agent
    }

    @Argument(help: "gateway or agent; both without it.")
    var kind: Kind?

    func run() {
        let paths = StandardPaths.current
        if kind != .agent { Terminal.out(GatewayConfiguration.defaultsText(GatewayConfiguration(paths: paths))) }
        if kind != .gateway { Terminal.out(AgentConfiguration.defaultsText(AgentConfiguration(paths: paths))) }
    }
}
