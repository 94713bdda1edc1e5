import ArgumentParser
import Runtime

/// The root of the command line.
struct Culvert: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "culvert",
        abstract: "An IKEv2/IPsec gateway and agent for delivery pipelines.",
        discussion: Help.flow(
            """
            The first minute, on the gateway:
              culvert init --name vpn.example.com
              culvert gateway run -c /etc/culvert/gateway.yaml
              culvert ca issue --name runner1 --out runner1.culvert
            and on the runner:
              culvert up --profile runner1.culvert

            Exit codes: 0 done, 10 configuration or usage, 11 identity, 12 policy, 13 network, 14 gateway or daemon,
            15 internal. Every error has a code; docs/reference/errors.md explains each.
            """
        ),
        version: "culvert \(CulvertVersion.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "Tunnel",
                subcommands: [
                    UpCommand.self, DownCommand.self, StatusCommand.self, PingCommand.self, WaitCommand.self,
                    RekeyCommand.self, ReloadCommand.self, AgentCommand.self,
                ]
            ),
            CommandGroup(
                name: "Gateway",
                subcommands: [
                    InitCommand.self, GatewayCommand.self, PolicyCommand.self, AuthorityCommand.self, AuditCommand.self,
                ]
            ),
            CommandGroup(
                name: "Other",
                subcommands: [ConfigCommand.self, VersionCommand.self, InternalCommand.self]
            ),
        ]
    )
}
