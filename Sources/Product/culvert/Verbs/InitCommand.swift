import AdminAPI
import ArgumentParser
import ConfigFile
import Glibc
import IPsecTypes
import Netlink
import PKI
import PacketIO
import Runtime

/// `culvert init`.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a certificate authority, a gateway's certificate, gateway.yaml and policy.yaml.",
        discussion: Help.flow(
            """
            Writes everything a gateway needs and starts nothing. Nobody can connect afterwards: no agent has a
            certificate yet, and policy.yaml grants nothing. Files that exist are refused; with --force they are kept
            beside the new ones as FILE.before-TIME, and agents of the old authority cannot connect any more.

            The root's private key (ca/root.key) is not needed to issue: move it to a safe place.

            Example:
              culvert init --name vpn.example.com --address 203.0.113.10
            """
        )
    )

    @Option(help: "The DNS name by which agents call the gateway. (default: this host's name)")
    var name: String?
    @Option(
        name: .customLong("address"),
        help: "An address by which agents reach it; may be repeated. (default: this host's outward addresses)"
    )
    var addresses: [AddressArgument] = []
    @Option(name: .customLong("dir"), help: "Where to write, and to keep all state. (default: the standard places)")
    var directory: String?
    @Option(help: "The domain of agents' identities. (default: made from --name)")
    var trustDomain: String?
    @Flag(help: "Replace what is there; the old files are kept under another name.")
    var force = false
    @OptionGroup var output: JSONOption

    func run() throws {
        let layout = InstallationLayout(directory: directory.map(Files.absolute), paths: .current)
        let networks = try? LocalNetworks(RouteNetlink())
        let name = try gatewayName()
        let guessed = addresses.isEmpty ? networks?.likelyAddresses ?? [] : []
        let given = addresses.map(\.address)
        let trustDomain = trustDomain ?? Self.trustDomain(for: name)
        let installation = Installation(
            layout: layout,
            name: name,
            addresses: given.isEmpty ? guessed : given,
            trustDomain: trustDomain,
            pools: Self.pools(networks),
            profile: ProfileDefaults.choose(name: name, given: given, guessed: guessed)
        )
        let result = try installation.write(force: force)
        if output.json { Terminal.out(AdminCoding.pretty(result)) } else { Terminal.out(lines(result, layout)) }
    }

    private func lines(_ result: Installation.Result, _ layout: InstallationLayout) -> [String] {
        var report = Report(Terminal.style)
        report.say("authority", "\(result.trustDomain), kept in \(result.authorityDirectory)")
        report.say("", "--ca-sha256 \(result.caSHA256)")
        let names = ([result.name] + result.addresses).joined(separator: ", ")
        report.say("gateway", "\(names); certificate until \(result.certificateUntil.prefix(10))")
        report.say("files", "\(layout.gatewayFile), \(layout.policyFile)")
        if let owner = result.owner { report.say("owner", "\(owner), as which the service runs") }
        report.say("pools", result.pools.joined(separator: ", "))
        if !result.kept.isEmpty { report.say("kept", result.kept.joined(separator: ", ")) }
        report.say("firewall", "let in " + result.firewall.joined(separator: ", ") + " (IP protocol 50)")
        report.say("nobody", "can connect yet: no certificate is issued and policy.yaml grants nothing")
        let option = layout.isStandard ? "" : " --dir \(layout.directory)"
        report.next([
            ("culvert ca issue --name runner1 --out runner1.culvert\(option)", "then let it in: \(layout.policyFile)"),
            ("culvert gateway run -c \(layout.gatewayFile)", "as root"),
            ("culvert up --profile runner1.culvert", "on the runner, as root"),
        ])
        return report.lines
    }

    private func gatewayName() throws -> String {
        let text = (name ?? Self.hostName)?.lowercased() ?? ""
        guard let canonical = IdentityBinding.canonicalHostName(text) else {
            throw CulvertError(
                .invalidValue,
                name == nil
                    ? "this host's name \"\(text)\" cannot be a gateway's" : "\"\(text)\" is not a DNS name",
                next: "culvert init --name vpn.example.com; addresses go to --address"
            )
        }
        return canonical
    }

    private static var hostName: String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `vpn.example.com` belongs to example.com; a shorter name is a domain of its own.
    static func trustDomain(for name: String) -> String {
        let labels = name.split(separator: ".")
        switch labels.count {
        case ...1: return GatewayConfiguration().trustDomain
        case 2: return name
        default: return labels.dropFirst().joined(separator: ".")
        }
    }

    /// 10.99.0.0/16, or the nearest below it that is free here, and a random unique local /64.
    private static func pools(_ networks: LocalNetworks?) -> [IPPrefix] {
        let candidates = (64...99).reversed().compactMap { IPPrefix("10.\($0).0.0/16") }
        let free = candidates.first { networks?.overlaps($0).isEmpty ?? true } ?? candidates.first
        var random = SystemRandom()
        return [free, GatewayConfiguration.uniqueLocalPool(seed: random.next())].compactMap { $0 }
    }
}
