public import IPsecTypes

/// policy.yaml: who may reach what.
public struct PolicyDocument: Hashable, Sendable {
    /// Issuers of tokens.
    public var trust: [TrustEntry] = []
    /// What can be granted, by name, in the order of the file.
    public var resources: [PolicyResource] = []
    /// Who gets what.
    public var rules: [PolicyRule] = []
    /// Peers without claims.
    public var peers: [PolicyPeer] = []
    /// What must hold of the rules.
    public var tests: [PolicyTest] = []
    /// The tenant whose identities the rules are for.
    public var tenant = "default"
    /// Whether a refused client learns which rule came closest.
    public var explainToClient = false

    /// A policy that allows nothing.
    public init() {}

    /// Reads a parsed policy.yaml. Throws every problem it finds; nothing of a file with a problem is used.
    public static func decode(_ node: ConfigNode) throws(ConfigProblems) -> PolicyDocument {
        let diagnostics = ConfigDiagnostics()
        var document = PolicyDocument()
        if let map = ConfigMap(node, diagnostics, subject: "the policy") {
            document.read(map)
            map.finish()
            document.checkNames(diagnostics)
        }
        try diagnostics.throwProblems()
        return document
    }

    /// The resource of a name.
    public func resource(_ name: String) -> PolicyResource? { resources.first { $0.name == name } }

    /// The rule of a name.
    public func rule(_ name: String) -> PolicyRule? { rules.first { $0.name == name } }

    /// The entry for exactly this identity.
    public func peer(_ identity: PeerIdentifier) -> PolicyPeer? {
        peers.first { peer in
            if case .eap = peer.authentication { return false }
            return peer.id == identity
        }
    }

    /// The entry for a user whom EAP alone has authenticated: one that names the user goes before one for a group, then the
    /// order of the file counts.
    public func peer(_ user: EAPUser) -> PolicyPeer? {
        let fitting = peers.filter { peer in
            if case .eap(let member) = peer.authentication { return member.fits(user) }
            return false
        }
        return fitting.first { if case .eap(let member) = $0.authentication { member.user != nil } else { false } }
            ?? fitting.first
    }

    /// The PEM files that `authority:` keys name, sorted.
    public var authorityFiles: [String] {
        Set(
            peers.compactMap { peer in
                if case .certificate(.file(let path)) = peer.authentication { return path }
                return nil
            }
        ).sorted()
    }

    /// Replaces authorities given as files by the SHA-256 of their public keys, in hexadecimal, that the caller read from
    /// there. A file without one stays as it is, and no identity fits it.
    public mutating func resolveAuthorities(_ digests: [String: String]) {
        for index in peers.indices {
            guard case .certificate(.file(let path)) = peers[index].authentication, let digest = digests[path] else {
                continue
            }
            peers[index].authentication = .certificate(.publicKey(sha256: digest))
        }
    }

    private mutating func read(_ map: ConfigMap) {
        let diagnostics = map.diagnostics
        if let version = map.required("version", .integer(1...1_000_000)), version != 1 {
            diagnostics.report(
                .unsupportedVersion,
                at: map.place(of: "version"),
                "policy version \(version) is not supported; this is 1"
            )
        }
        tenant = map.value("tenant", .name("a tenant's name")) ?? tenant
        explainToClient = map.value("explain_to_client", .boolean) ?? explainToClient
        trust = map.list("trust", subject: "trust").compactMap { TrustEntry($0, diagnostics) }
        let claims = ClaimCatalogue(declared: trust.flatMap(\.claims))
        for entry in trust {
            for (claim, place) in entry.requirePlaces { claims.check(claim, at: place, diagnostics) }
        }
        if let named = map.map("resources", subject: "resources") {
            resources = named.entries.compactMap { entry in
                _ = named.entry(entry.key)
                return PolicyResource(entry, diagnostics)
            }
            knownResources = named.entries.map(\.key)
        }
        let ruleNodes = map.list("rules", subject: "rules")
        rules = ruleNodes.compactMap { PolicyRule($0, claims, diagnostics) }
        knownRules = ruleNodes.compactMap { $0.entries?.first { $0.key == "name" }?.value.text }
        let peerNodes = map.list("peers", subject: "peers")
        peers = peerNodes.compactMap { PolicyPeer($0, diagnostics) }
        knownPeers = peerNodes.compactMap { $0.entries?.first { $0.key == "name" }?.value.text }
        tests = map.list("tests", subject: "tests").compactMap { PolicyTest($0, claims, diagnostics) }
    }

    // Names that stand in the file, their definitions correct or not: a reference to one is no second problem.
    private var knownResources: [String] = []
    private var knownRules: [String] = []
    private var knownPeers: [String] = []

    private func checkNames(_ diagnostics: ConfigDiagnostics) {
        for rule in rules { checkResources(rule.allow, of: "rule \(rule.name)", at: rule.place, diagnostics) }
        for peer in peers {
            checkResources(peer.allow, of: "peer \(peer.name)", at: peer.place, diagnostics)
            for name in peer.rules where !knownRules.contains(name) {
                diagnostics.report(
                    .unknownName,
                    at: peer.place,
                    "peer \(peer.name) names an unknown rule \"\(name.printable)\"",
                    nearest: NearestName.find(name, in: knownRules)
                )
            }
        }
        for test in tests {
            checkResources(test.allow + test.deny, of: "a test", at: test.place, diagnostics)
            if let name = test.peer, !knownPeers.contains(name) {
                diagnostics.report(
                    .unknownName,
                    at: test.place,
                    "a test names an unknown peer \"\(name.printable)\"",
                    nearest: NearestName.find(name, in: knownPeers)
                )
            }
        }
        checkUnique(rules.map { ($0.name, $0.place) }, "two rules are named", diagnostics)
        checkUnique(peers.map { ($0.name, $0.place) }, "two peers are named", diagnostics)
        checkUnique(peers.map { ($0.id.description, $0.place) }, "two peers have the identity", diagnostics)
        let fixed = peers.flatMap { peer -> [(String, SourcePlace)] in
            guard case .fixed(let addresses) = peer.virtualAddress else { return [] }
            return addresses.map { ($0.description, peer.place) }
        }
        checkUnique(fixed, "two peers have the address", diagnostics)
    }

    private func checkResources(
        _ names: [String],
        of owner: String,
        at place: SourcePlace,
        _ diagnostics: ConfigDiagnostics
    ) {
        for name in names where !knownResources.contains(name) {
            diagnostics.report(
                .unknownName,
                at: place,
                "\(owner) names an unknown resource \"\(name.printable)\"",
                nearest: NearestName.find(name, in: knownResources)
            )
        }
    }

    private func checkUnique(
        _ names: [(String, SourcePlace)],
        _ message: String,
        _ diagnostics: ConfigDiagnostics
    ) {
        var seen: [String: SourcePlace] = [:]
        for (name, place) in names {
            if let first = seen[name] {
                diagnostics.report(
                    .duplicateName,
                    at: place,
                    "\(message) \"\(name.printable)\"; the first is in line \(first.line)"
                )
            } else {
                seen[name] = place
            }
        }
    }
}
