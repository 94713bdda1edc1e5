import AdminAPI
import ArgumentParser
import CertificateAuthority
import ConfigFile
import IPsecTypes
import PKI
import PacketIO
import Policy
import Runtime

/// The key of the leaf to come.
private struct LeafKey {
    let spki: [UInt8]
    let pkcs8: SecretBytes

    init(_ experimental: ExperimentalLeafKey.Kind?) throws {
        if let experimental {
            let key = try ExperimentalLeafKey(experimental)
            (spki, pkcs8) = (key.subjectPublicKeyInfo, key.pkcs8)
        } else {
            let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
            (spki, pkcs8) = (key.signer.subjectPublicKeyInfo, key.pkcs8)
        }
    }
}

extension ExperimentalLeafKey.Kind: ExpressibleByArgument {}

/// `culvert ca issue`.
struct AuthorityIssueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Issue a certificate with its key: a profile for an agent, or a gateway's pair.",
        discussion: Help.flow(
            """
            For an agent, writes one file of mode 0600 with certificate, private key and the authority to trust: treat
            it as a password. The certificate carries the name, by which rules of policy.yaml let it in
            (when: {name: runner1}); without a rule it reaches nothing.

            With --role gateway, renews this gateway's own certificate and key, or with --out makes NAME.crt and
            NAME.key for another gateway. A running gateway takes the new pair with: culvert gateway reload

            Examples:
              culvert ca issue --name runner1 --out runner1.culvert
              culvert ca issue --name site7 --lifetime 30d --out site7.culvert
              culvert ca issue --role gateway

            --experimental-key makes an ML-DSA key for a peer whose gateway.yaml or agent.yaml has experimental_ml_dsa
            in its ike section; nobody else takes it. The certificate is signed by this authority's own kind of key.
            """
        )
    )

    enum Role: String, ExpressibleByArgument, CaseIterable {
        case agent
        case gateway
    }

    @Option(help: "The name of the agent, or the DNS name of the gateway.")
    var name: String?
    @Option(name: .shortAndLong, help: "The file to write. (default: NAME.culvert; for gateways see above)")
    var out: String?
    @Option(help: "How long it is valid, such as 12h or 30d. (default: 24h for agents, 365d for gateways)")
    var lifetime: DurationArgument?
    @Option(help: "agent or gateway.")
    var role = Role.agent
    @Option(help: "Where the agent finds the gateway: a DNS name or an address. (default: as given to init)")
    var gateway: String?
    @Option(
        name: .customLong("address"),
        help: "An address of the gateway, for --role gateway; may be repeated."
    )
    var addresses: [AddressArgument] = []
    @Option(
        name: .customLong("experimental-key"),
        help: "ml-dsa-65 or ml-dsa-87: a post-quantum signature key, for tests. (default: ECDSA P-256)"
    )
    var experimentalKey: ExperimentalLeafKey.Kind?
    @Flag(help: "Replace the file if it exists.")
    var force = false
    @OptionGroup var authority: AuthorityOptions
    @OptionGroup var output: JSONOption

    /// What was issued, for programs.
    struct Result: Encodable {
        var name: String
        var serial: String
        var identity: [String]
        var until: String
        var files: [String]
    }

    func validate() throws {
        if role == .agent, name == nil { throw ValidationError("Missing expected argument '--name <name>'") }
        if role == .agent, !addresses.isEmpty { throw ValidationError("--address is for --role gateway") }
        if role == .gateway, gateway != nil { throw ValidationError("--gateway is for agents' profiles") }
    }

    func run() throws {
        let authority = try Authority(directory: authority.directory)
        switch role {
        case .agent: try issueAgent(authority)
        case .gateway: try issueGateway(authority)
        }
    }

    private func issueAgent(_ authority: Authority) throws {
        guard let name, name.isConfigName, name.utf8.count <= 64 else {
            throw CulvertError(
                .invalidValue,
                "a name has letters, digits, '.', '_' and '-', at most 64, and starts with a letter or digit",
                next: "choose another --name"
            )
        }
        let path = out ?? "\(name).culvert"
        try checkFree([path])
        let defaults = try profileDefaults(authority)
        let key = try LeafKey(experimentalKey)
        let issued = try Self.issue(name, key.spki, lifetime, authority.embedded, allowsMLDSA: experimentalKey != nil)
        let profile = ConfigFile.AgentProfile(
            name: name,
            gateway: defaults.gateway,
            port: authority.configuration.listen.ikePort == 500 ? nil : authority.configuration.listen.ikePort,
            gatewayID: defaults.gatewayID,
            rootPins: [try authority.pin.description],
            certificate: String(decoding: Authority.pem(issued.chain), as: UTF8.self),
            key: String(decoding: Authority.pem(key.pkcs8), as: UTF8.self),
            authorities: String(decoding: Authority.pem([authority.embedded.rootDER]), as: UTF8.self)
        )
        try Files.write(Array(profile.text.utf8), to: path, replacing: force)
        let result = Self.result(name, issued.record, files: [path])
        if output.json { return Terminal.out(AdminCoding.pretty(result)) }
        var report = Report(Terminal.style)
        report.say("issued", "\(name), serial \(result.serial), until \(result.until)")
        let expected = defaults.gatewayID.map { ", which must prove to be \($0)" } ?? ""
        report.say("gateway", "\(defaults.gateway)\(expected)")
        report.say("profile", "\(path): holds the private key, treat it as a password")
        if !Self.isNamed(name, in: authority.configuration.files.policy) {
            report.say("policy", "no rule names \(name) yet: \(authority.configuration.files.policy)")
        }
        report.next([("culvert up --profile \(path)", "on \(name), as root")])
        Terminal.out(report.lines)
    }

    /// Issues an agent's certificate: its name is a claim, which policy reads as `name`.
    static func issue(
        _ name: String,
        _ spki: [UInt8],
        _ lifetime: DurationArgument?,
        _ authority: EmbeddedAuthority,
        allowsMLDSA: Bool = false
    ) throws -> EmbeddedAuthority.Issued {
        let claims: CertificateClaims
        do throws(CertificateClaims.Failure) {
            claims = try CertificateClaims([.init(name: "name", value: name)])
        } catch {
            throw CertificateAuthorityError.badClaims(error)
        }
        return try Blocking.run {
            try await authority.issueWorkload(
                .agent,
                id: Authority.newID,
                spiffePath: "agent/\(name)",
                claims: claims,
                spki: spki,
                label: name,
                lifetime: lifetime?.seconds,
                allowsMLDSA: allowsMLDSA,
                at: Authority.moment
            )
        }
    }

    private func issueGateway(_ authority: Authority) throws {
        let identity = authority.configuration.identity
        let files = out.map { ("\($0).crt", "\($0).key") } ?? (identity.certificate, identity.key)
        if out != nil { try checkFree([files.0, files.1]) }
        let names = try gatewayNames(authority)
        let key = try LeafKey(experimentalKey)
        let (embedded, allowsMLDSA) = (authority.embedded, experimentalKey != nil)
        let seconds = lifetime?.seconds ?? Installation.gatewayLifetime
        let issued = try Blocking.run {
            try await embedded.issueGateway(
                dnsNames: names.dns,
                addresses: names.addresses,
                spki: key.spki,
                label: names.dns.first ?? names.addresses.first?.description ?? "gateway",
                lifetime: seconds,
                allowsMLDSA: allowsMLDSA,
                at: Authority.moment
            )
        }
        // The key first: a gateway that starts in between finds a pair that does not fit and says so.
        try Files.write(Authority.pem(key.pkcs8), to: files.1, replacing: out == nil || force)
        try Files.write(Authority.pem(issued.chain), to: files.0, replacing: out == nil || force)
        let result = Self.result(issued.record.label, issued.record, files: [files.0, files.1])
        if output.json { return Terminal.out(AdminCoding.pretty(result)) }
        var report = Report(Terminal.style)
        report.say("issued", "\(result.identity.joined(separator: ", ")), serial \(result.serial)")
        report.say("until", result.until)
        report.say("files", result.files.joined(separator: ", "))
        let directory = self.authority.directory.map { " -c \($0)/gateway.yaml" } ?? ""
        report.next([("culvert gateway reload\(directory)", out == nil ? "" : "where the files are used")])
        Terminal.out(report.lines)
    }

    /// What was asked for, else what this gateway's certificate says now.
    private func gatewayNames(_ authority: Authority) throws -> CertificateNames {
        if name != nil || !addresses.isEmpty {
            return CertificateNames(dns: name.map { [$0.lowercased()] } ?? [], addresses: addresses.map(\.address))
        }
        guard out == nil else {
            throw CulvertError(.usage, "another gateway needs --name or --address", next: "culvert help ca issue")
        }
        let path = authority.configuration.identity.certificate
        let bytes = try Files.read(path)
        guard let der = try? PEM.certificates(in: bytes).first,
            let current = try? ParsedCertificate(der: der, allowsMLDSA: true)
        else {
            throw CulvertError(.badCertificateFile, "\(path) holds no certificate", next: "add --name")
        }
        return CertificateNames(dns: current.names.dns, addresses: current.names.addresses)
    }

    private func profileDefaults(_ authority: Authority) throws -> ProfileDefaults {
        if let gateway {
            guard gateway.isHostname || IPAddress(gateway) != nil else {
                throw CulvertError(.invalidValue, "--gateway takes a DNS name or an address", next: "correct --gateway")
            }
            let known = authority.configuration.identity.id ?? authority.configuration.identityName
            return ProfileDefaults(gateway: gateway, gatewayID: IPAddress(gateway) == nil ? nil : known)
        }
        let path = authority.files.profileDefaults
        guard Files.exists(path) else {
            return ProfileDefaults(gateway: authority.configuration.identityName)
        }
        let bytes = try Files.read(path)
        do throws(ConfigProblems) {
            return try ProfileDefaults.decode(bytes, file: path)
        } catch {
            throw LocatedProblems(error, sources: [path: String(decoding: bytes, as: UTF8.self)])
        }
    }

    private func checkFree(_ paths: [String]) throws {
        guard !force, let path = paths.first(where: Files.exists) else { return }
        throw CulvertError(.fileExists, "\(path) exists already", next: "choose another --out, or add --force")
    }

    static func result(_ name: String, _ record: CertificateRecord, files: [String]) -> Result {
        Result(
            name: name,
            serial: record.serial.description,
            identity: record.certificate.names.listed,
            until: record.certificate.notAfter.rfc3339,
            files: files
        )
    }

    /// Whether the policy mentions the name at all; a policy that cannot be read says nothing.
    private static func isNamed(_ name: String, in path: String) -> Bool {
        guard let policy = try? ConfigurationFiles.policy(path).document else { return true }
        return policy.rules.contains { rule in
            rule.when.contains { $0.claim == "name" ? $0.values.contains(name) : true }
        }
    }
}
