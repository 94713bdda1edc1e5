import ConfigFile
import IPsecTypes
import Policy

/// What must hold for any octets whatever, read as policy.yaml. The tests and the fuzz target share this file.
enum PolicyFileProperties {
    /// The policy is refused with located problems, or it compiles, decides, and its table says what its selectors say.
    static func violation(policy bytes: [UInt8]) -> String? {
        let document: PolicyDocument
        do throws(ConfigProblems) {
            document = try PolicyDocument.decode(ConfigDocument.parse(bytes, file: "f"))
        } catch {
            guard !error.problems.isEmpty else { return "refused without a problem" }
            return error.problems.allSatisfy { $0.place.file == "f" } ? nil : "a problem without its place"
        }
        let engine = PolicyEngine(document, previous: PolicyEngine(document))
        _ = engine.testFailures()
        for rule in document.rules {
            guard !rule.when.isEmpty, rule.when.allSatisfy({ !$0.values.isEmpty }) else {
                return "a rule for everybody"
            }
        }
        let nobody = PolicySubject(
            identity: .fqdn("nobody.invalid"),
            authentication: .certificate(issuer: "", isOwn: true),
            tenant: document.tenant
        )
        if engine.decide(nobody).grant != nil, document.peer(nobody.identity) == nil,
            !document.rules.contains(where: { $0.when.allSatisfy { $0.holds(nobody) } })
        {
            return "an identity without attributes is let in"
        }
        return violation(table: engine)
    }

    private static func violation(table engine: PolicyEngine) -> String? {
        for rule in engine.table.rules {
            for selector in rule.destinations {
                let port = selector.ports.isOpaque ? nil : selector.ports.first
                for address in [selector.addresses.first, selector.addresses.last] {
                    guard
                        engine.table.allows(
                            rule: rule.index,
                            address: address,
                            ipProtocol: selector.ipProtocol,
                            port: port
                        )
                    else { return "the table refuses \(selector) of \(rule.name)" }
                }
                let outside = selector.addresses.last.next.map { address in
                    rule.destinations.contains { $0.addresses.contains(address) } ? nil : address
                }
                if case .some(.some(let address)) = outside,
                    engine.table.allows(
                        rule: rule.index,
                        address: address,
                        ipProtocol: selector.ipProtocol,
                        port: port
                    )
                {
                    return "the table allows \(address) to \(rule.name)"
                }
            }
        }
        return nil
    }
}
