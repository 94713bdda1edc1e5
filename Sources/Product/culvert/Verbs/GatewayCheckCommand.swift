import AdminAPI
import ArgumentParser
import ConfigFile
import IPsecTypes

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

            Example:
              culvert gateway check -c /etc/culvert/gateway.yaml
            """
        )
    )

    @Option(name: .customShort("c"), help: ArgumentHelp("gateway.yaml. (default: the standard one)", valueName: "file"))
    var file: String?
    @OptionGroup var output: JSONOption

    func run() throws {
        let (configuration, path) = try ConfigurationFiles.gateway(file)
        let check = try GatewayCheck.run(configuration, path: path)
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
