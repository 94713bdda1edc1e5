public import IPsecTypes

/// What policy says to an identity.
public enum PolicyDecision: Hashable, Sendable {
    /// It may connect, and reach this.
    case allowed(PolicyGrant)
    /// It may not.
    case denied(PolicyDenial)

    /// The grant; nil when denied.
    public var grant: PolicyGrant? {
        if case .allowed(let grant) = self { return grant }
        return nil
    }

    /// The denial; nil when allowed.
    public var denial: PolicyDenial? {
        if case .denied(let denial) = self { return denial }
        return nil
    }
}

/// What an identity was granted, and by which rules.
public struct PolicyGrant: Hashable, Sendable {
    /// Every rule that grants something, in the order of the file; the first is the one to show.
    public var rules: [RuleReference]
    /// The same rules by index into the rule table, for ``ChildSAOwner/ruleIndices``.
    public var ruleIndices: [UInt32]
    /// The resources, in the order of the rules, each once.
    public var resources: [String]
    /// What it may reach: the gateway's traffic selectors (TSr of the peer's request), at most 64.
    public var selectors: [TrafficSelector]
    /// Selectors that did not fit and are not granted.
    public var omittedSelectors: Int
    /// Networks on the identity's side; empty for its virtual address alone.
    public var remoteSelectors: [TrafficSelector]
    /// Where its inner address comes from.
    public var virtualAddress: PolicyPeer.VirtualAddress
    /// How long the grant lasts before it must be renewed; nil for as long as the certificate.
    public var lease: Duration?
    /// How long the session may last; nil for no end.
    public var maxLease: Duration?
    /// The `peers:` entry that was used.
    public var peer: PolicyPeer?

    /// The rule to show.
    public var rule: RuleReference? { rules.first }
}

/// Why an identity was refused.
public struct PolicyDenial: Hashable, Sendable {
    /// noRuleMatches, unknownPeer, peerAuthentication or tenantMismatch.
    public var code: ErrorCode
    /// One sentence for the operator.
    public var message: String
    /// The rule that came closest.
    public var closest: RuleReference?
    /// Its first condition that failed.
    public var failed: FailedPredicate?

    /// The lines of an error.
    public var details: [(label: String, value: String)] {
        guard let closest else { return [] }
        guard let failed else { return [("closest", closest.description)] }
        return [("closest", "\(closest) fails at: \(failed)")]
    }

    /// The denial as an error.
    public var error: CulvertError { CulvertError(code, message, details: details) }
}

/// A condition that did not hold, and what the identity had instead.
public struct FailedPredicate: Hashable, Sendable, CustomStringConvertible {
    /// The condition.
    public var predicate: PolicyPredicate
    /// The identity's values; empty when it has none.
    public var actual: [String]

    /// `ref == "refs/heads/main"`.
    public var description: String { predicate.description }

    /// `ref == "refs/heads/main", but ref is "refs/heads/x"`, for those who may see values.
    public var withValues: String {
        let values = actual.map { "\"\($0.printable(limit: 120))\"" }.joined(separator: ", ")
        return values.isEmpty
            ? "\(predicate), but there is no \(predicate.claim)" : "\(predicate), but \(predicate.claim) is \(values)"
    }
}
