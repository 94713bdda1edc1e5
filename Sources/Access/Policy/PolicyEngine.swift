import IPsecTypes

/// A policy ready to decide: a pure function from identities to grants, with its reasons, and the table that packets are
/// checked against.
public struct PolicyEngine: Sendable {
    /// Traffic selectors that one Child SA can carry (decisions.md, limits).
    public static let maximumSelectors = 64

    /// The policy.
    public let document: PolicyDocument
    /// What the data plane checks packets against.
    public let table: RuleTable

    private let indices: [String: UInt32]
    private let ruleSelectors: [String: [TrafficSelector]]

    /// Compiles a policy. With `previous`, rules keep the index they had there by name, and the indices of rules that are
    /// gone stay empty, so that running Child SAs are checked against the same rules as before, as they read now.
    public init(_ document: PolicyDocument, previous: PolicyEngine? = nil) {
        self.document = document
        var indices = previous?.indices ?? [:]
        var table = (previous?.table.rules ?? []).map { rule in
            PacketRule(index: rule.index, name: rule.name, line: rule.line, destinations: [])
        }
        var ruleSelectors: [String: [TrafficSelector]] = [:]
        func place(_ reference: RuleReference, _ selectors: [TrafficSelector]) {
            let compiled = SelectorCompiler.compile(selectors)
            ruleSelectors[reference.name] = compiled
            let index = indices[reference.name] ?? UInt32(table.count)
            let rule = PacketRule(
                index: index,
                name: reference.name,
                line: reference.place.line,
                destinations: compiled
            )
            if Int(index) < table.count { table[Int(index)] = rule } else { table.append(rule) }
            indices[reference.name] = index
        }
        for rule in document.rules { place(rule.reference, Self.selectors(rule.allow, document)) }
        for peer in document.peers {
            let direct = Self.selectors(peer.allow, document) + peer.local.map { TrafficSelector($0) }
            if !direct.isEmpty { place(peer.reference, direct) }
        }
        self.indices = indices
        self.ruleSelectors = ruleSelectors
        self.table = RuleTable(table)
    }

    /// Decides what an authenticated identity gets. Nothing is allowed unless a rule or a `peers:` entry says so.
    public func decide(_ subject: PolicySubject) -> PolicyDecision {
        if case .eap = subject.authentication {
            guard let user = subject.eap, let peer = document.peer(user) else {
                let who = subject.eap?.name.printable ?? "nobody"
                let groups = subject.eap?.groups.joined(separator: ", ") ?? ""
                let message = "no entry under peers: for the user \(who) with the groups [\(groups)]"
                return .denied(PolicyDenial(code: .unknownPeer, message: message, closest: nil, failed: nil))
            }
            return decide(peer, subject)
        }
        if let peer = document.peer(subject.identity) { return decide(peer, subject) }
        guard case .certificate(_, isOwn: true) = subject.authentication else {
            return .denied(
                PolicyDenial(
                    code: .unknownPeer,
                    message: "no entry under peers: for \(subject.identity)",
                    closest: nil,
                    failed: nil
                )
            )
        }
        guard subject.tenant == document.tenant else {
            return .denied(
                PolicyDenial(
                    code: .tenantMismatch,
                    message:
                        "\(subject.identity) belongs to tenant \(subject.tenant.printable), not \(document.tenant)",
                    closest: nil,
                    failed: nil
                )
            )
        }
        let matching = document.rules.filter { rule in rule.when.allSatisfy { $0.holds(subject) } }
        guard !matching.isEmpty else { return .denied(denial(subject)) }
        return .allowed(
            grant(
                rules: matching.map(\.reference),
                resources: matching.flatMap(\.allow),
                lease: matching.compactMap(\.lease).min(),
                maxLease: matching.map(\.maxLease).min()
            )
        )
    }

    /// Whether the identity was proved as the entry demands. An authority that is still given as a file fits nothing but
    /// the policy's own tests: see ``PolicyDocument/resolveAuthorities(_:)``.
    public static func authenticationFits(_ peer: PolicyPeer, _ subject: PolicySubject) -> Bool {
        if let member = peer.thenEAP, !member.fits(subject.eap) { return false }
        return switch (peer.authentication, subject.authentication) {
        case (.presharedKey, .presharedKey(let name)): name == peer.name
        case (.certificate(.own), .certificate(_, let isOwn)): isOwn
        case (.certificate(.publicKey(let digest)), .certificate(let issuer, _)): issuer == digest
        case (.certificate(.file(let path)), .certificate(let issuer, _)): issuer == "file:\(path)"
        case (.eap(let member), .eap): member.fits(subject.eap)
        case (.presharedKey, _), (.certificate, _), (.eap, _): false
        }
    }

    private func decide(_ peer: PolicyPeer, _ subject: PolicySubject) -> PolicyDecision {
        guard Self.authenticationFits(peer, subject) else {
            return .denied(
                PolicyDenial(
                    code: .peerAuthentication,
                    message: "\(subject.identity) authenticated in another way than \(peer.reference) demands",
                    closest: peer.reference,
                    failed: nil
                )
            )
        }
        let named = peer.rules.compactMap { document.rule($0) }
        let direct = ruleSelectors[peer.reference.name] == nil ? [] : [peer.reference]
        var grant = grant(
            rules: direct + named.map(\.reference),
            resources: peer.allow + named.flatMap(\.allow),
            lease: nil,
            maxLease: peer.maxLease
        )
        grant.remoteSelectors = peer.remote.map { TrafficSelector($0) }
        grant.virtualAddress = peer.virtualAddress
        grant.peer = peer
        return .allowed(grant)
    }

    private func grant(
        rules: [RuleReference],
        resources: [String],
        lease: Duration?,
        maxLease: Duration?
    ) -> PolicyGrant {
        let all = SelectorCompiler.compile(rules.flatMap { ruleSelectors[$0.name] ?? [] })
        var seen: Set<String> = []
        return PolicyGrant(
            rules: rules,
            ruleIndices: rules.compactMap { indices[$0.name] },
            resources: resources.filter { seen.insert($0).inserted },
            selectors: Array(all.prefix(Self.maximumSelectors)),
            omittedSelectors: max(0, all.count - Self.maximumSelectors),
            remoteSelectors: [],
            virtualAddress: .pool,
            lease: lease,
            maxLease: maxLease,
            peer: nil
        )
    }

    /// The closest rule is the one with the fewest failing conditions, of those the one with the most that hold.
    private func denial(_ subject: PolicySubject) -> PolicyDenial {
        var best: (rule: PolicyRule, failed: FailedPredicate, misses: Int, hits: Int)?
        for rule in document.rules {
            let misses = rule.when.filter { !$0.holds(subject) }
            guard let first = misses.first else { continue }
            let hits = rule.when.count - misses.count
            if let best, (best.misses, -best.hits) <= (misses.count, -hits) { continue }
            best = (
                rule, FailedPredicate(predicate: first, actual: subject.values(of: first.claim)), misses.count, hits
            )
        }
        let who = subject.name ?? subject.identity.value
        return PolicyDenial(
            code: .noRuleMatches,
            message: "no rule fits \(who.printable)",
            closest: best?.rule.reference,
            failed: best?.failed
        )
    }

    private static func selectors(_ names: [String], _ document: PolicyDocument) -> [TrafficSelector] {
        names.flatMap { document.resource($0)?.selectors ?? [] }
    }
}
