import AdminAPI
import ArgumentParser
import ConfigFile
import Gateway
import IPsecTypes
import Runtime

/// `culvert gateway check`.
struct GatewayCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read everything a gateway needs and say what is wrong with it.",
        discussion: Help.flow(
            """
            Reads gateway.yaml, policy.yaml and every certificate, key and secret they name, checks that they fit
            together and runs the policy's own tests. Changes nothing and asks no running gateway: run it before
            culvert gateway reload.

            With --radius it also asks the RADIUS servers whether they are there, and with --radius-user whether they
            let a user in by password (PAP): a test user's, for the server sees it.

            Examples:
              culvert gateway check -c /etc/culvert/gateway.yaml
              culvert gateway check --radius --radius-user probe --radius-password-file probe.password
            """
        )
    )

    @Option(name: .customShort("c"), help: ArgumentHelp("gateway.yaml. (default: the standard one)", valueName: "file"))
    var file: String?
    @Flag(help: "Ask the RADIUS servers by Status-Server whether they are there.")
    var radius = false
    @Option(help: ArgumentHelp("Ask the RADIUS servers to let this user in by password.", valueName: "name"))
    var radiusUser: String?
    @Option(help: ArgumentHelp("The file of that user's password.", valueName: "file"))
    var radiusPasswordFile: String?
    @OptionGroup var output: JSONOption

    func validate() throws {
        guard (radiusUser == nil) == (radiusPasswordFile == nil) else {
            throw ValidationError("--radius-user and --radius-password-file belong together")
        }
    }

    func run() throws {
        let (configuration, path) = try ConfigurationFiles.gateway(file)
        var check = try GatewayCheck.run(configuration, path: path)
        if let parts = check.radius(configuration), radius || radiusUser != nil {
            var user: (String, SecretBytes)?
            if let radiusUser, let radiusPasswordFile {
                var bytes = try Files.readPrivate(radiusPasswordFile)
                defer { bytes.wipe() }
                while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
                user = (radiusUser, SecretBytes(bytes))
            }
            check.add(try RADIUSCheck.run(parts, user: user))
        }
        if output.json {
            Terminal.out(AdminCoding.pretty(check.document))
        } else {
            var report = Report(Terminal.style)
            for fact in check.facts { report.say(fact.label, fact.value) }
            for warning in check.warnings { report.say("warning", warning) }
            Terminal.out(report.lines)
            if !check.errors.isEmpty { Terminal.error(check.errors.map(\.rendered).joined(separator: "\n")) }
        }
        if let first = check.errors.first { throw ExitCode(Int32(first.exitClass.rawValue)) }
        if !output.json { Terminal.out(Terminal.style.good("the gateway can run with these files")) }
    }
}
