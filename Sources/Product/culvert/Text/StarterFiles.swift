import ConfigFile
import IPsecTypes

/// The files that `culvert init` writes for people to edit.
enum StarterFiles {
    /// gateway.yaml: what differs from the defaults, and what is changed most often.
    static func gateway(
        name: String,
        identity: String,
        trustDomain: String,
        pools: [IPPrefix],
        layout: InstallationLayout
    ) -> String {
        let file = layout.gatewayFile
        var lines = [
            "# A Culvert gateway, made by culvert init. Every key with its default: culvert config defaults gateway",
            "# Check:  culvert gateway check -c \(file)",
            "# Apply:  culvert gateway reload -c \(file)",
            "name: \(name.yamlQuoted)",
            "trust_domain: \(trustDomain.yamlQuoted)",
            "",
            "identity:",
            "  # What agents expect: a name or address of the certificate.",
            "  id: \(identity.yamlQuoted)",
            "  certificate: gateway.crt",
            "  key: gateway.key",
            "  authorities: ca.crt",
            "",
            "network:",
            "  # Each session gets an address of each pool. They must be free here and where the agents are.",
            "  pools: [\(pools.map { $0.description.yamlQuoted }.joined(separator: ", "))]",
            "  # Resolvers that agents are told of:",
            "  # dns: [10.20.0.53]",
            "  # Agents reach the networks behind this gateway under its own address (source NAT). Without that, hosts",
            "  # there need a route to the pools:",
            "  # snat: off",
        ]
        // Written out even where they are the defaults, which depend on who reads the file.
        let files =
            layout.isStandard
            ? [
                ("audit", "\(layout.state)/audit.jsonl"), ("ca", layout.authority.directory), ("state", layout.state),
                ("control", layout.control),
            ]
            : [("audit", "state/audit.jsonl"), ("ca", "ca"), ("state", "state"), ("control", "run/gateway.sock")]
        lines += ["", "files:", "  policy: policy.yaml"] + files.map { "  \($0.0): \($0.1.yamlQuoted)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// policy.yaml: nothing is granted.
    static func policy(layout: InstallationLayout) -> String {
        """
        # Who may reach what. Nothing is granted until a rule says so.
        # Check:  culvert policy check \(layout.policyFile)
        # Apply:  culvert gateway reload -c \(layout.gatewayFile)
        version: 1

        # An example: runner1 may pull from a registry. Remove the '#' and put in your own addresses.
        #
        # resources:
        #   registry: {address: 10.20.0.0/28, ports: [tcp/443]}
        #
        # rules:
        #   - name: runners-pull
        #     when: {name: runner1}
        #     allow: [registry]
        #
        # tests:
        #   - as: {name: runner1}
        #     allow: [registry]
        #   - as: {name: somebody-else}
        #     deny: [registry]

        """
    }

    /// profile.yaml of the CA's directory.
    static func profileDefaults(_ defaults: ProfileDefaults) -> String {
        var lines = [
            "# What culvert ca issue writes into profiles: where agents find the gateway, and the identity they ask it for.",
            "gateway: \(defaults.gateway.yamlQuoted)",
        ]
        if let identity = defaults.gatewayID { lines.append("gateway_id: \(identity.yamlQuoted)") }
        return lines.joined(separator: "\n") + "\n"
    }
}
