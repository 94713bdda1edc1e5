import AdminAPI
import ArgumentParser
import CertificateAuthority
import IPsecTypes
import PKI
import Runtime

/// `culvert ca sign`.
struct AuthoritySignCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign the key of a certificate signing request (PKCS #10) as an agent's.",
        discussion: Help.flow(
            """
            For agents that make their own key. Only the key is taken from the request, after its signature was checked;
            names and powers that it asks for are not granted and are listed. Writes the certificate and the issuing
            authority's in PEM.

            Example:
              openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout a.key -subj / -out a.csr
              culvert ca sign --csr a.csr --name runner2 --out a.crt
            """
        )
    )

    @Option(help: "The request, PEM or DER.")
    var csr: String
    @Option(name: .shortAndLong, help: "The file to write.")
    var out: String
    @Option(help: "The name of the agent.")
    var name: String
    @Option(help: "How long it is valid, such as 12h or 30d. (default: 24h)")
    var lifetime: DurationArgument?
    @Flag(help: "Replace the file if it exists.")
    var force = false
    @OptionGroup var authority: AuthorityOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        guard name.isConfigName, name.utf8.count <= 64 else {
            throw CulvertError(.invalidValue, "\"\(name)\" cannot be an agent's name", next: "choose another --name")
        }
        guard force || !Files.exists(out) else {
            throw CulvertError(.fileExists, "\(out) exists already", next: "choose another --out, or add --force")
        }
        let request = try SigningRequest(Files.read(csr))
        let authority = try Authority(directory: authority.directory)
        let issued = try AuthorityIssueCommand.issue(name, request.spkiDER, lifetime, authority.embedded)
        try Files.write(Authority.pem(issued.chain), to: out, mode: 0o644, replacing: force)
        let result = AuthorityIssueCommand.result(name, issued.record, files: [out])
        if output.json { return Terminal.out(AdminCoding.pretty(result)) }
        var report = Report(Terminal.style)
        report.say("signed", "\(name), serial \(result.serial), until \(result.until)")
        report.say("identity", result.identity.joined(separator: ", "))
        if !request.asksFor.isEmpty { report.say("ignored", request.asksFor.joined(separator: ", ")) }
        report.say("file", out)
        Terminal.out(report.lines)
    }
}
