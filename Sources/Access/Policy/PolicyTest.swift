public import IPsecTypes

/// One entry of `tests:`: an identity and what it must and must not reach.
public struct PolicyTest: Hashable, Sendable {
    /// Where it stands.
    public var place: SourcePlace
    /// The attributes and claims of the identity.
    public var attributes: [String: [String]]
    /// The peer that is meant instead of an identity with claims.
    public var peer: String?
    /// Resources it must reach.
    public var allow: [String]
    /// Resources it must not reach.
    public var deny: [String]

    init?(_ node: ConfigNode, _ claims: ClaimCatalogue, _ diagnostics: ConfigDiagnostics) {
        guard let map = ConfigMap(node, diagnostics, subject: "a test") else { return nil }
        let allow = map.value("allow", .list(of: .name("a resource's name"), count: 0...256))
        let deny = map.value("deny", .list(of: .name("a resource's name"), count: 0...256))
        var attributes: [String: [String]] = [:]
        var peer: String?
        if map.node("as") == nil {
            diagnostics.report(.missingKey, at: map.place, "a test needs as: the identity it is about")
        } else if let identity = map.map("as", subject: "as") {
            for entry in identity.entries {
                if entry.key == "peer" {
                    peer = identity.value("peer", .name("a peer's name"))
                    continue
                }
                claims.check(entry.key, at: entry.place, diagnostics)
                attributes[entry.key] = identity.value(entry.key, .list(of: .claimValue, count: 0...64))
            }
        }
        map.finish()
        if map.node("allow") == nil, map.node("deny") == nil {
            diagnostics.report(.missingKey, at: map.place, "a test needs allow or deny")
        }
        self.place = node.place
        self.attributes = attributes
        self.peer = peer
        self.allow = allow ?? []
        self.deny = deny ?? []
    }

    /// The identity as the engine sees it.
    func subject(_ document: PolicyDocument) -> PolicySubject {
        if let entry = document.peers.first(where: { $0.name == peer }) {
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
        let identity =
            attributes["identity"]?.first.flatMap { PeerIdentifier($0) ?? PeerIdentifier(fqdn: $0) }
            ?? .fqdn("test.invalid")
        return PolicySubject(
            identity: identity,
            authentication: .certificate(issuer: "", isOwn: true),
            name: attributes["name"]?.first,
            spiffe: attributes["spiffe"]?.first,
            tenant: attributes["tenant"]?.first ?? document.tenant,
            groups: attributes["groups"] ?? [],
            claims: attributes
        )
    }
}
