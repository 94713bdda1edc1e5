import IPsecTypes
import Policy
import Testing

private let claimNames = ["name", "ref", "environment", "groups"]

/// A rule and resource set small enough to evaluate by hand.
private struct World {
    var resources: [(name: String, prefix: IPPrefix, ports: [PortSpecification])] = []
    var rules: [(name: String, when: [(String, [String])], allow: [String])] = []

    init(_ random: inout SplitMix) {
        for index in 0..<4 {
            let address = IPAddress.v4(0x0a00_0000 + UInt32.random(in: 0..<16, using: &random))
            let length = Int.random(in: 28...32, using: &random)
            guard let prefix = IPPrefix(address, length: length) else { continue }
            let choices = ["any", "tcp/1", "tcp/2-4", "udp", "tcp/5"].compactMap { PortSpecification($0) }
            let ports = (0...1).compactMap { _ in choices.randomElement(using: &random) }
            resources.append(("res\(index)", prefix, ports))
        }
        for index in 0..<5 {
            let when = claimNames.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)).map { claim in
                (claim, (0...1).map { _ in "v\(Int.random(in: 0..<3, using: &random))" })
            }
            let allow = resources.map(\.name).shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
            rules.append(("rule\(index)", when, Array(allow)))
        }
    }

    var tree: Tree {
        [
            "version": "1",
            "resources": .map(
                resources.map { resource in
                    let ports = resource.ports.map { Tree.text($0.description) }
                    return (
                        resource.name, ["address": .text(resource.prefix.description), "ports": .list(ports)] as Tree
                    )
                }
            ),
            "rules": .list(
                rules.map { rule in
                    let when = rule.when.map { ($0.0, Tree.list($0.1.map { .text($0) })) }
                    return [
                        "name": .text(rule.name), "when": .map(when), "allow": .list(rule.allow.map { .text($0) }),
                    ]
                }
            ),
        ]
    }

    /// The naive reference: walks rules, conditions, resources and ports one by one.
    func allows(_ subject: PolicySubject, _ target: PolicyTarget) -> Bool {
        for rule in rules {
            var fits = true
            for (claim, values) in rule.when where Set(subject.values(of: claim)).isDisjoint(with: values) {
                fits = false
            }
            guard fits else { continue }
            for resource in resources where rule.allow.contains(resource.name) {
                guard resource.prefix.contains(target.address) else { continue }
                for port in resource.ports {
                    guard port.ipProtocol == 0 || port.ipProtocol == target.ipProtocol else { continue }
                    guard let number = target.port else {
                        if port.ports == .any { return true }
                        continue
                    }
                    if port.ports.contains(number) { return true }
                }
            }
        }
        return false
    }
}

private func randomSubject(_ random: inout SplitMix) -> PolicySubject {
    func value() -> String { "v\(Int.random(in: 0..<3, using: &random))" }
    var subject = job(["ref": [value()], "environment": [value()]], name: value())
    subject.groups = (0..<Int.random(in: 0...2, using: &random)).map { _ in value() }
    return subject
}

@Test func decisionsTableAndSelectorsAgreeWithANaiveEvaluation() throws {
    for seed in 0..<150 {
        var random = SplitMix(state: UInt64(seed) &+ 7)
        let world = World(&random)
        let engine = try engine(world.tree)
        for _ in 0..<8 {
            let subject = randomSubject(&random)
            let grant = engine.decide(subject).grant
            for low in 0..<20 {
                for port in [nil, 0, 1, 2, 4, 5] as [UInt16?] {
                    let target = PolicyTarget(
                        address: .v4(0x0a00_0000 + UInt32(low)),
                        ipProtocol: [6, 17][low % 2],
                        port: port
                    )
                    let expected = world.allows(subject, target)
                    let index = engine.table.check(
                        rules: grant?.ruleIndices ?? [],
                        address: target.address,
                        ipProtocol: target.ipProtocol,
                        port: port
                    )
                    #expect((index >= 0) == expected, "seed \(seed) \(target)")
                    let selected = (grant?.selectors ?? []).contains {
                        $0.matches(address: target.address, ipProtocol: target.ipProtocol, port: port)
                    }
                    #expect(selected == expected, "seed \(seed) \(target)")
                }
            }
        }
    }
}

@Test func theClosestRuleIsNeverOneWithMoreFailingConditions() throws {
    for seed in 0..<100 {
        var random = SplitMix(state: UInt64(seed) &+ 1000)
        let world = World(&random)
        let engine = try engine(world.tree)
        let subject = randomSubject(&random)
        guard let denial = engine.decide(subject).denial, let closest = denial.closest else { continue }
        func misses(_ rule: PolicyRule) -> Int { rule.when.filter { !$0.holds(subject) }.count }
        let rule = try #require(engine.document.rule(closest.name))
        #expect(engine.document.rules.allSatisfy { misses($0) >= misses(rule) }, "seed \(seed)")
        #expect(denial.failed?.predicate == rule.when.first { !$0.holds(subject) }, "seed \(seed)")
    }
}
