import AdminAPI
import ArgumentParser
import IPsecTypes
import Policy

/// `culvert policy explain`.
struct PolicyExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show what an identity may reach, rule by rule, and why.",
        discussion: Help.flow(
            """
            Decides as the gateway would with this file; it asks no gateway and knows no sessions. Exit code 12 when the
            identity is refused or the target is out of its reach.

            Examples:
              culvert policy explain policy.yaml --as name=runner1 --to 10.20.0.2:443
              culvert policy explain policy.yaml --as repository_id=456789 --as ref=refs/heads/main
              culvert policy explain policy.yaml --as peer=branch --to 10.20.0.2/icmp
            """
        )
    )

    @OptionGroup var file: PolicyFileArgument
    @Option(
        name: .customLong("as"),
        help: "An attribute of the identity, NAME=VALUE, or peer=NAME for an entry of peers:; may be repeated."
    )
    var attributes: [String] = []
    @Option(help: "A destination: ADDRESS:PORT, ADDRESS:PORT/udp or ADDRESS/icmp.")
    var to: String?
    @OptionGroup var output: JSONOption

    func validate() throws {
        if attributes.isEmpty { throw ValidationError("Say who asks, such as --as name=runner1") }
    }

    func run() throws {
        let document = try file.load().document
        let subject = try ExplainSubject.make(attributes, document)
        let target = try to.map { try ExplainSubject.target($0) }
        let explanation = PolicyEngine(document).explain(subject, to: target)
        let failure = explanation.error
        if output.json {
            Terminal.out(AdminCoding.pretty(ExplainDocument(explanation)))
        } else {
            Terminal.out(explanation.lines.map(\.printable))
            if let failure { Terminal.error(failure.rendered) }
        }
        if let failure { throw ExitCode(Int32(failure.exitClass.rawValue)) }
    }
}

/// The explanation for programs.
struct ExplainDocument: Encodable {
    struct Rule: Encodable {
        var rule: String
        var fits: Bool
        var fails: [String]
        var reachesTarget: Bool?
    }

    var allowed: Bool
    var rules: [Rule]
    var resources: [String]
    var selectors: [String]
    var target: String?
    var targetRule: String?
    var error: CulvertError?

    init(_ explanation: PolicyExplanation) {
        allowed = explanation.error == nil
        rules = explanation.verdicts.map {
            Rule(
                rule: $0.rule.description,
                fits: $0.failed.isEmpty,
                fails: $0.failed.map(\.withValues),
                reachesTarget: $0.reachesTarget
            )
        }
        resources = explanation.decision.grant?.resources ?? []
        selectors = explanation.decision.grant?.selectors.map(\.description) ?? []
        target = explanation.target?.description
        targetRule = explanation.targetRule?.description
        error = explanation.error
    }
}

/// Reads who asks, and for what, from the command line.
enum ExplainSubject {
    /// The identity of `--as NAME=VALUE` words.
    static func make(_ words: [String], _ document: PolicyDocument) throws(CulvertError) -> PolicySubject {
        var attributes: [String: [String]] = [:]
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = parts.first, let value = parts.last, !name.isEmpty else {
                throw CulvertError(
                    .usage,
                    "--as takes NAME=VALUE, not \"\(word)\"",
                    next: "culvert help policy explain"
                )
            }
            attributes[String(name), default: []].append(String(value))
        }
        if let name = attributes["peer"]?.first { return try peer(name, document) }
        let identity = attributes["identity"]?.first.flatMap { PeerIdentifier($0) ?? PeerIdentifier(fqdn: $0) }
        return PolicySubject(
            identity: identity ?? .fqdn("example.invalid"),
            authentication: .certificate(issuer: "", isOwn: true),
            name: attributes["name"]?.first,
            spiffe: attributes["spiffe"]?.first,
            tenant: attributes["tenant"]?.first ?? document.tenant,
            groups: attributes["groups"] ?? [],
            claims: attributes
        )
    }

    /// An entry of `peers:`, proved as it demands.
    private static func peer(_ name: String, _ document: PolicyDocument) throws(CulvertError) -> PolicySubject {
        guard let entry = document.peers.first(where: { $0.name == name }) else {
            let nearest = NearestName.find(name, in: document.peers.map(\.name))
            throw CulvertError(
                .unknownName,
                "no entry under peers: is named \"\(name)\"",
                details: nearest.map { [("nearest", $0)] } ?? []
            )
        }
        let authentication: PolicySubject.Authentication =
            switch entry.authentication {
            case .presharedKey: .presharedKey(peer: entry.name)
            case .certificate(.own): .certificate(issuer: "", isOwn: true)
            case .certificate(.publicKey(let digest)): .certificate(issuer: digest, isOwn: false)
            case .certificate(.file(let path)): .certificate(issuer: "file:\(path)", isOwn: false)
            case .eap: .eap
            }
        return PolicySubject(
            identity: entry.id,
            authentication: authentication,
            tenant: document.tenant,
            eap: entry.eapExample
        )
    }

    /// `10.20.0.2:443`, `[fd00::1]:53/udp`, `10.20.0.2/icmp`; TCP unless it says otherwise.
    static func target(_ text: String) throws(CulvertError) -> PolicyTarget {
        let protocols: [String: UInt8] = ["tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132]
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let word = parts.count == 2 ? parts[1] : "tcp"
        if let ipProtocol = protocols[word], let place = parts.first, let (address, port) = endpoint(place) {
            let hasPorts = [6, 17, 132].contains(ipProtocol)
            if hasPorts == (port != nil) {
                let adapted = ipProtocol == 1 && address.family == .v6 ? 58 : ipProtocol
                return PolicyTarget(address: address, ipProtocol: adapted, port: port)
            }
        }
        throw CulvertError(
            .usage,
            "\"\(text)\" is not a destination",
            next: "write ADDRESS:PORT, ADDRESS:PORT/udp or ADDRESS/icmp"
        )
    }

    private static func endpoint(_ text: String) -> (IPAddress, UInt16?)? {
        if let address = IPAddress(text) { return (address, nil) }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return IPAddress(String(host)).map { ($0, port) }
    }
}
