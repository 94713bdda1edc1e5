public import IPsecTypes

/// A destination to ask about.
public struct PolicyTarget: Hashable, Sendable, CustomStringConvertible {
    /// The address.
    public var address: IPAddress
    /// The IP protocol.
    public var ipProtocol: UInt8
    /// The port; nil for protocols without.
    public var port: UInt16?

    /// Makes a target.
    public init(address: IPAddress, ipProtocol: UInt8 = 6, port: UInt16?) {
        self.address = address
        self.ipProtocol = ipProtocol
        self.port = port
    }

    /// "10.20.0.5:443/tcp".
    public var description: String {
        let name = PortSpecification(ipProtocol: ipProtocol).description
        guard let port else { return "\(address)/\(name)" }
        return "\(Endpoint(address, port: port))/\(name)"
    }
}

/// Why an identity gets what it gets.
public struct PolicyExplanation: Sendable {
    /// What one rule says.
    public struct Verdict: Sendable {
        /// The rule.
        public var rule: RuleReference
        /// Conditions that hold.
        public var held: [PolicyPredicate]
        /// Conditions that do not.
        public var failed: [FailedPredicate]
        /// Whether the rule reaches the target; nil without a target.
        public var reachesTarget: Bool?
    }

    /// The decision.
    public var decision: PolicyDecision
    /// Every rule, in the order of the file.
    public var verdicts: [Verdict]
    /// The destination that was asked about.
    public var target: PolicyTarget?
    /// The rule by which the identity reaches the target; nil when none does.
    public var targetRule: RuleReference?

    /// The error of a denied identity or of a target out of reach; nil when all is allowed.
    public var error: CulvertError? {
        if let denial = decision.denial { return denial.error }
        guard let target, targetRule == nil else { return nil }
        let candidates = verdicts.filter { $0.reachesTarget == true && !$0.failed.isEmpty }
        var details: [(label: String, value: String)] = []
        if let granted = decision.grant?.rule { details.append(("rule", granted.description)) }
        if let closest = candidates.min(by: { $0.failed.count < $1.failed.count }), let first = closest.failed.first {
            details.append(("closest", "\(closest.rule) fails at: \(first)"))
        }
        return CulvertError(.destinationDenied, "no rule lets this session reach \(target)", details: details)
    }

    /// The explanation in lines for a terminal.
    public var lines: [String] {
        var lines: [String] = []
        for verdict in verdicts {
            let reach = verdict.reachesTarget.map { $0 ? ", reaches the target" : ", does not reach the target" } ?? ""
            if verdict.failed.isEmpty {
                lines.append("fits   \(verdict.rule)\(reach)")
            } else {
                lines.append("fails  \(verdict.rule)\(reach)")
                lines += verdict.failed.map { "         " + $0.withValues }
            }
        }
        switch decision {
        case .allowed(let grant):
            lines.append("grants \(grant.resources.joined(separator: ", "))")
            lines += grant.selectors.map { "         \($0)" }
        case .denied(let denial): lines.append("denied \(denial.message)")
        }
        if let target {
            lines.append(targetRule.map { "target \(target) allowed by \($0)" } ?? "target \(target) denied")
        }
        return lines
    }
}

/// A `tests:` entry that does not hold.
public struct PolicyTestFailure: Error, Hashable, Sendable {
    /// Where the test stands.
    public var place: SourcePlace
    /// What is wrong.
    public var message: String

    /// The failure as a problem of the file.
    public var problem: ConfigProblem { ConfigProblem(.policyTestFailed, at: place, message) }
}

extension PolicyEngine {
    /// Explains the decision for an identity, and whether it reaches a destination.
    public func explain(_ subject: PolicySubject, to target: PolicyTarget? = nil) -> PolicyExplanation {
        let decision = decide(subject)
        let verdicts = document.rules.map { rule in
            let failed = rule.when.filter { !$0.holds(subject) }
            return PolicyExplanation.Verdict(
                rule: rule.reference,
                held: rule.when.filter { $0.holds(subject) },
                failed: failed.map { FailedPredicate(predicate: $0, actual: subject.values(of: $0.claim)) },
                reachesTarget: target.map { target in
                    SelectorCompiler.compile(rule.allow.flatMap { document.resource($0)?.selectors ?? [] }).contains {
                        $0.matches(address: target.address, ipProtocol: target.ipProtocol, port: target.port)
                    }
                }
            )
        }
        var targetRule: RuleReference?
        if let target, let grant = decision.grant {
            let index = table.check(
                rules: grant.ruleIndices,
                address: target.address,
                ipProtocol: target.ipProtocol,
                port: target.port
            )
            targetRule = zip(grant.ruleIndices, grant.rules).first { Int32($0.0) == index }?.1
        }
        return PolicyExplanation(decision: decision, verdicts: verdicts, target: target, targetRule: targetRule)
    }

    /// Runs the policy's own tests; empty when all hold. A resource counts as reached when all of it is granted, and as
    /// denied when nothing of it is.
    public func testFailures() -> [PolicyTestFailure] {
        document.tests.flatMap { test in
            let granted = decide(test.subject(document)).grant?.selectors ?? []
            let allow = test.allow.compactMap { name -> PolicyTestFailure? in
                let wanted = document.resource(name)?.selectors ?? []
                let reached = wanted.allSatisfy { part in granted.contains { $0.contains(part) } }
                return reached
                    ? nil : PolicyTestFailure(place: test.place, message: "\(name) should be allowed but is not")
            }
            let deny = test.deny.compactMap { name -> PolicyTestFailure? in
                let wanted = document.resource(name)?.selectors ?? []
                let touched = wanted.contains { part in granted.contains { $0.intersection(part) != nil } }
                return touched
                    ? PolicyTestFailure(place: test.place, message: "\(name) should be denied but is allowed") : nil
            }
            return allow + deny
        }
    }
}
