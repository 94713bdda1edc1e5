public import IPsecTypes

/// One condition of a rule: an attribute of the identity has one of some values.
public struct PolicyPredicate: Hashable, Sendable, CustomStringConvertible {
    /// The attribute or claim.
    public var claim: String
    /// The values that fit; never empty.
    public var values: [String]
    /// Where it stands.
    public var place: SourcePlace

    /// Makes a predicate.
    public init(claim: String, values: [String], place: SourcePlace) {
        self.claim = claim
        self.values = values
        self.place = place
    }

    /// Whether the attribute has one of the values.
    public func holds(_ subject: PolicySubject) -> Bool {
        subject.values(of: claim).contains { values.contains($0) }
    }

    /// `ref == "refs/heads/main"`, or `ref in ["a", "b"]`.
    public var description: String {
        let quoted = values.map { "\"\($0.printable(limit: 120))\"" }
        return quoted.count == 1 ? "\(claim) == \(quoted[0])" : "\(claim) in [\(quoted.joined(separator: ", "))]"
    }
}

/// One rule: who may reach what, for how long.
public struct PolicyRule: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Where it stands.
    public var place: SourcePlace
    /// All must hold; never empty unless the rule only serves peers that name it.
    public var when: [PolicyPredicate]
    /// The resources it grants.
    public var allow: [String]
    /// How long a grant lasts before it must be renewed; nil for as long as the certificate.
    public var lease: Duration?
    /// How long a session may last however often it is renewed.
    public var maxLease: Duration

    /// Six hours (decisions.md, sessions).
    public static let defaultMaxLease = Duration.seconds(6 * 3600)

    /// Makes a rule.
    public init(
        name: String,
        place: SourcePlace,
        when: [PolicyPredicate],
        allow: [String],
        lease: Duration? = nil,
        maxLease: Duration = PolicyRule.defaultMaxLease
    ) {
        self.name = name
        self.place = place
        self.when = when
        self.allow = allow
        self.lease = lease
        self.maxLease = maxLease
    }

    /// How messages refer to it.
    public var reference: RuleReference { RuleReference(name: name, place: place) }

    init?(_ node: ConfigNode, _ claims: ClaimCatalogue, _ diagnostics: ConfigDiagnostics) {
        guard let map = ConfigMap(node, diagnostics, subject: "a rule") else { return nil }
        let name = map.required("name", .name("a rule's name"))
        let when = Self.predicates(map, claims)
        let allow = map.required("allow", .list(of: .name("a resource's name"), count: 1...256))
        let lease = map.value("lease", .duration(.seconds(60) ... .seconds(7 * 86_400)))
        let maxLease = map.value("max_lease", .duration(.seconds(60) ... .seconds(30 * 86_400)))
        map.finish()
        if let lease, lease > maxLease ?? Self.defaultMaxLease {
            diagnostics.report(
                .outOfRange,
                at: map.place(of: "lease"),
                "lease (\(lease.configText)) is longer than max_lease "
                    + "(\((maxLease ?? Self.defaultMaxLease).configText))"
            )
        }
        guard let name, let when, let allow else { return nil }
        self.init(
            name: name,
            place: node.place,
            when: when,
            allow: allow,
            lease: lease,
            maxLease: maxLease ?? Self.defaultMaxLease
        )
    }

    /// The conditions under `when:`. None at all would let everybody in, so they must be there.
    private static func predicates(_ map: ConfigMap, _ claims: ClaimCatalogue) -> [PolicyPredicate]? {
        guard map.node("when") != nil else {
            map.diagnostics.report(
                .missingKey,
                at: map.place,
                "a rule needs when: the identities it is for",
                hint: "such as when: {name: runner1}"
            )
            return nil
        }
        guard let when = map.map("when", subject: "when") else { return nil }
        guard !when.entries.isEmpty else {
            map.diagnostics.report(
                .missingKey,
                at: when.place,
                "when: without a condition would let every identity in"
            )
            return nil
        }
        return when.entries.compactMap { entry in
            claims.check(entry.key, at: entry.place, map.diagnostics)
            guard let values = when.value(entry.key, .list(of: .claimValue, count: 1...64)) else { return nil }
            return PolicyPredicate(claim: entry.key, values: values, place: entry.place)
        }
    }
}

extension ConfigForm where Value == String {
    /// The value of a claim: any text of one line.
    static var claimValue: ConfigForm { .text("a value", length: 1...1024) }
}

/// A rule as messages name it.
public struct RuleReference: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The rule's name.
    public var name: String
    /// Where it stands.
    public var place: SourcePlace

    /// Makes a reference.
    public init(name: String, place: SourcePlace) {
        self.name = name
        self.place = place
    }

    /// "deploy-prod (policy.yaml:41)".
    public var description: String { "\(name) (\(place.short))" }
}
