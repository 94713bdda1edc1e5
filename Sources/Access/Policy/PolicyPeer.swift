public import IPsecTypes

/// A peer without claims (router, strongSwan, phone): its exact identity, how it must prove it, and what it may reach.
public struct PolicyPeer: Hashable, Sendable {
    /// How the peer must authenticate.
    public enum Authentication: Hashable, Sendable {
        /// By a certificate whose issuing CA this is.
        case certificate(Authority)
        /// By the pre-shared key in this file.
        case presharedKey(path: String)
        /// By EAP: whoever this is.
        case eap(EAPMember)
    }

    /// The CA that must have issued the certificate.
    public enum Authority: Hashable, Sendable {
        /// Our own.
        case own
        /// The one with this SHA-256 of its public key (SPKI), in hexadecimal.
        case publicKey(sha256: String)
        /// The one in this PEM file.
        case file(path: String)
    }

    /// Where the peer's inner address comes from.
    public enum VirtualAddress: Hashable, Sendable {
        /// The peer has networks of its own and gets none.
        case none
        /// From the pools.
        case pool
        /// These, one a family at most.
        case fixed([IPAddress])
    }

    /// A signature scheme that the peer may use.
    public enum Signature: String, Sendable, CaseIterable {
        /// ECDSA.
        case ecdsa
        /// Ed25519.
        case ed25519
        /// RSA-PSS.
        case rsaPSS = "rsa-pss"
        /// RSA PKCS#1 v1.5, for old peers only.
        case rsaPKCS1 = "rsa-pkcs1"
        /// ML-DSA, where the gateway has `ike.experimental_ml_dsa`.
        case mlDSA = "ml-dsa"
    }

    /// A post-quantum pre-shared key of a peer.
    public struct PPK: Hashable, Sendable {
        /// The name that both ends know it by.
        public var id: String
        /// Whether the name is PPK_ID_OPAQUE instead of PPK_ID_FIXED (RFC 8784 section 5.1).
        public var isOpaque: Bool
        /// The file that holds it.
        public var path: String
        /// Whether the peer is refused without it.
        public var isRequired: Bool
    }

    /// Its name.
    public var name: String
    /// Where it stands.
    public var place: SourcePlace
    /// Its identity.
    public var id: PeerIdentifier
    /// How it proves it.
    public var authentication: Authentication
    /// Whom EAP must authenticate after that, in a round of its own (RFC 4739).
    public var thenEAP: EAPMember?
    /// Resources it may reach.
    public var allow: [String] = []
    /// Rules whose grants it gets.
    public var rules: [String] = []
    /// Networks on our side that it may reach besides, with every protocol.
    public var local: [IPPrefix] = []
    /// Networks on its side.
    public var remote: [IPPrefix] = []
    /// Where its inner address comes from.
    public var virtualAddress = VirtualAddress.pool
    /// Whether it may have transport mode, for what goes between it and this host.
    public var mode = ChildSAParameters.Mode.tunnel
    /// The identity we show it; nil for the gateway's own.
    public var localID: PeerIdentifier?
    /// The signature schemes it may use; nil for the usual ones: ecdsa, ed25519 and rsa-pss.
    public var signatures: [Signature]?
    /// IKE proposals instead of the gateway's.
    public var ikeProposals: [IKEProposalSpecification]?
    /// ESP proposals instead of the gateway's.
    public var espProposals: [ESPProposalSpecification]?
    /// A post-quantum pre-shared key (RFC 8784); nil for none.
    public var ppk: PPK?
    /// How long a session may last; nil for as long as it is kept up.
    public var maxLease: Duration?

    /// Makes a peer.
    public init(name: String, place: SourcePlace, id: PeerIdentifier, authentication: Authentication) {
        self.name = name
        self.place = place
        self.id = id
        self.authentication = authentication
    }

    /// How messages refer to it.
    public var reference: RuleReference { RuleReference(name: "peer \(name)", place: place) }

    init?(_ node: ConfigNode, _ diagnostics: ConfigDiagnostics) {
        guard let map = ConfigMap(node, diagnostics, subject: "a peer") else { return nil }
        let name = map.required("name", .name("a peer's name"))
        let member = EAPMember(map)
        let authentication = Self.authentication(map, member)
        let id = Self.identifier(map, name, authentication)
        var result: PolicyPeer?
        if let name, let id, let authentication {
            result = PolicyPeer(name: name, place: node.place, id: id, authentication: authentication)
        }
        // Read even when the peer is incomplete, so that one run shows every problem.
        var peer =
            result
            ?? PolicyPeer(name: "", place: node.place, id: .keyID([]), authentication: .certificate(.own))
        peer.allow = map.value("allow", .list(of: .name("a resource's name"), count: 1...256)) ?? []
        peer.rules = map.value("rules", .list(of: .name("a rule's name"), count: 1...256)) ?? []
        peer.local = map.value("local", .list(of: .prefix, count: 1...64)) ?? []
        peer.remote = map.value("remote", .list(of: .prefix, count: 1...64)) ?? []
        peer.mode = map.value("mode", .choice([("tunnel", .tunnel), ("transport", .transport)])) ?? .tunnel
        let hasOwnAddress = peer.mode == .transport || !peer.remote.isEmpty
        peer.virtualAddress = map.value("address", .virtualAddress) ?? (hasOwnAddress ? VirtualAddress.none : .pool)
        peer.localID = map.value("local_id", .identity)
        peer.signatures =
            map.value(
                "signatures",
                .list(of: .choice(Signature.allCases.map { ($0.rawValue, $0) }), count: 1...5)
            )
        peer.ikeProposals = map.value("ike", .list(of: .ikeProposal, count: 1...16))
        peer.espProposals = map.value("esp", .list(of: .espProposal, count: 1...16))
        peer.ppk = Self.ppk(map)
        peer.maxLease = map.value("max_lease", .duration(.seconds(60) ... .seconds(365 * 86_400)))
        if case .eap = peer.authentication {} else { peer.thenEAP = member }
        map.finish()
        peer.checkGrants(map)
        guard result != nil else { return nil }
        self = peer
    }

    /// A user whom this entry means, for tests of the policy and for `policy explain`; nil where EAP has no part.
    public var eapExample: EAPUser? {
        var member = thenEAP
        if case .eap(let alone) = authentication { member = alone }
        return member.map { EAPUser(name: $0.user ?? "anybody", groups: $0.group.map { [$0] } ?? []) }
    }

    private func checkGrants(_ map: ConfigMap) {
        if ["allow", "rules", "local"].allSatisfy({ map.node($0) == nil }) {
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "a peer needs something it may reach: allow, rules or local"
            )
        }
        if mode == .transport, virtualAddress != VirtualAddress.none {
            map.diagnostics.report(
                .invalidValue,
                at: map.place(of: "address"),
                "a peer in transport mode has its own address, and gets none"
            )
        }
        if virtualAddress == VirtualAddress.none, mode == .tunnel, map.node("remote") == nil {
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "a peer without a virtual address needs remote: its networks"
            )
        }
    }

    private static func ppk(_ map: ConfigMap) -> PPK? {
        let id = map.value("ppk_id", .text("the name of a post-quantum pre-shared key", length: 1...255))
        let isOpaque = map.value("ppk_type", .choice([("fixed", false), ("opaque", true)])) ?? false
        let path = map.value("ppk_file", .path(relativeTo: map.place.directory))
        let isRequired = map.value("ppk_required", .boolean) ?? true
        if let id, let path { return PPK(id: id, isOpaque: isOpaque, path: path, isRequired: isRequired) }
        if ["ppk_id", "ppk_type", "ppk_file", "ppk_required"].contains(where: { map.node($0) != nil }) {
            map.diagnostics.report(.missingKey, at: map.place, "ppk_id and ppk_file go together")
        }
        return nil
    }

    /// Users of EAP are known by what EAP proves; their entry has an identifier that nobody can claim.
    private static func identifier(
        _ map: ConfigMap,
        _ name: String?,
        _ authentication: Authentication?
    ) -> PeerIdentifier? {
        guard case .eap? = authentication else { return map.required("id", .identity) }
        if map.node("id") != nil {
            map.diagnostics.report(
                .invalidValue,
                at: map.place(of: "id"),
                "a peer that only EAP authenticates has no id: EAP says who it is",
                hint: "name the user with eap_user, or add authority or psk_file for a round of its own before EAP"
            )
        }
        return .keyID(Array("eap:\(name ?? "")".utf8))
    }

    private static func authentication(_ map: ConfigMap, _ member: EAPMember?) -> Authentication? {
        let directory = map.place.directory
        let secret = map.value("psk_file", .path(relativeTo: directory))
        let authority = map.value("authority", .authority(directory))
        switch (map.node("psk_file"), map.node("authority")) {
        case (nil, nil) where member != nil: return member.map { .eap($0) }
        case (nil, nil), (.some, .some):
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "a peer needs exactly one of authority (own, sha256:... or a PEM file), psk_file and eap_group or eap_user"
            )
            return nil
        case (.some, nil): return secret.map { .presharedKey(path: $0) }
        case (nil, .some): return authority.map { .certificate($0) }
        }
    }
}

extension ConfigForm where Value == PolicyPeer.Authority {
    fileprivate static func authority(_ directory: String) -> ConfigForm {
        let path = ConfigForm<String>.path(relativeTo: directory)
        let digest = ConfigForm<String>.sha256
        return ConfigForm(
            expected: "own, sha256: with 64 hexadecimal digits, or the path of a PEM file",
            read: { node, diagnostics in
                guard let text = node.text else { return path.read(node, diagnostics).map { .file(path: $0) } }
                if text == "own" { return .own }
                guard text.hasPrefix("sha256:") else { return path.read(node, diagnostics).map { .file(path: $0) } }
                let value = ConfigNode(.scalar(String(text.dropFirst(7)), plain: true), at: node.place)
                return digest.read(value, diagnostics).map { .publicKey(sha256: $0) }
            },
            show: { authority in
                switch authority {
                case .own: "own"
                case .publicKey(let digest): "sha256:\(digest)"
                case .file(let path): path.yamlQuoted
                }
            }
        )
    }
}

extension ConfigForm where Value == PolicyPeer.VirtualAddress {
    fileprivate static var virtualAddress: ConfigForm {
        let addresses = ConfigForm<[IPAddress]>.list(of: .address, count: 1...2)
        return ConfigForm(
            expected: "pool, none, or one address of each family at most",
            read: { node, diagnostics in
                if node.text == "pool" { return .pool }
                if node.text == "none" { return PolicyPeer.VirtualAddress.none }
                guard let values = addresses.read(node, diagnostics) else { return nil }
                guard Set(values.map(\.family)).count == values.count else {
                    diagnostics.report(.invalidValue, at: node.place, "a peer gets one address of a family at most")
                    return nil
                }
                return .fixed(values)
            },
            show: { value in
                switch value {
                case .none: "none"
                case .pool: "pool"
                case .fixed(let values): addresses.show(values)
                }
            }
        )
    }
}
