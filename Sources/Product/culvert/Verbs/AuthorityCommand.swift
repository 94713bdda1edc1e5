import ArgumentParser

/// `culvert ca`.
struct AuthorityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "Issue, sign, revoke and list certificates.",
        discussion: Help.flow(
            """
            The embedded authority lives in files.ca of gateway.yaml; run these verbs where it is, as its owner. What a
            certificate may reach is not in it: policy.yaml decides, and may change at any time.
            """
        ),
        subcommands: [
            AuthorityIssueCommand.self, AuthoritySignCommand.self, AuthorityRevokeCommand.self,
            AuthorityListCommand.self,
        ]
    )
}

/// Which installation a `ca` verb means.
struct AuthorityOptions: ParsableArguments {
    @Option(name: .customLong("dir"), help: "The directory of gateway.yaml. (default: the standard place)")
    var directory: String?
}
