import Agent
import ArgumentParser
import ConfigFile
import Glibc
import IPsecTypes

/// `culvert agent`.
struct AgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Run the agent that owns this machine's tunnels.",
        subcommands: [AgentRunCommand.self]
    )
}

/// `culvert agent run`.
struct AgentRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run an agent in the foreground until SIGTERM.",
        discussion: Help.flow(
            """
            Brings up the connections of agent.yaml that say autostart, and those that culvert up asks for. Needs root or
            CAP_NET_ADMIN, and /dev/net/tun. culvert up starts an agent by itself when none runs; that one ends with its
            last tunnel.

            Example:
              culvert agent run -c /etc/culvert/agent.yaml
            """
        )
    )

    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("agent.yaml. (default: the standard one, if there is one)", valueName: "file")
    )
    var file: String?
    @Option(help: "The control socket, instead of the one in agent.yaml.")
    var control: String?
    @Flag(help: "End with the last tunnel.")
    var endsWhenIdle = false
    @Option(help: ArgumentHelp("A descriptor that becomes standard error.", visibility: .hidden))
    var logDescriptor: Int32?
    @Flag(help: ArgumentHelp("Print errors as JSON.", visibility: .hidden))
    var json = false

    func run() throws {
        if let logDescriptor {
            guard dup2(logDescriptor, 2) == 2 else {
                throw CulvertError(.usage, "descriptor \(logDescriptor) is not open")
            }
            close(logDescriptor)
        }
        var configuration = try ConfigurationFiles.agent(file)
        if let control { configuration.files.control = Files.absolute(control) }
        var options = AgentDaemon.Options()
        options.endsWhenIdle = endsWhenIdle
        try AgentDaemon.run(configuration, options: options, logger: Log.make("agent", configuration.logLevel))
    }
}

/// Which agent a verb means.
struct AgentSocketOptions: ParsableArguments {
    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("agent.yaml, which names the control socket. (default: the standard one)", valueName: "file")
    )
    var file: String?
    @Option(help: "The control socket itself; nothing else is read then.")
    var control: String?

    var channel: ControlChannel {
        get throws { ControlChannel(path: try path, daemon: .agent) }
    }

    private var path: String {
        get throws {
            if let control { return Files.absolute(control) }
            return try ConfigurationFiles.agent(file).files.control
        }
    }
}
