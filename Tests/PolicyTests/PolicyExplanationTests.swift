import IPsecTypes
import Policy
import Testing

private let target = PolicyTarget(address: .v4(0x0a1e_000a), port: 6443)

@Test func anExplanationNamesEveryRuleAndWhatFailed() throws {
    let engine = try engine(productPolicy)
    let claims = ["repository_id": ["456789"], "ref": ["refs/heads/x"]]
    let explanation = engine.explain(job(claims), to: target)
    #expect(
        explanation.lines == [
            "fails  deploy-prod (policy.yaml:33), reaches the target",
            #"         ref == "refs/heads/main", but ref is "refs/heads/x""#,
            #"         environment == "prod", but there is no environment"#,
            "denied no rule fits 01j.jobs.example.com",
            "target 10.30.0.10:6443/tcp denied",
        ]
    )
    #expect(explanation.error?.code == .noRuleMatches)
}

@Test func anExplanationNamesTheRuleThatReachesTheTarget() throws {
    let engine = try engine(productPolicy)
    let claims = ["repository_id": ["456789"], "ref": ["refs/heads/main"], "environment": ["prod"]]
    let explanation = engine.explain(job(claims), to: target)
    #expect(explanation.targetRule?.name == "deploy-prod")
    #expect(explanation.error == nil)
    let denied = engine.explain(job(claims), to: PolicyTarget(address: .v4(1), port: 5432))
    #expect(denied.error?.code == .destinationDenied)
    #expect(denied.error?.message == "no rule lets this session reach 0.0.0.1:5432/tcp")
}

@Test func policyTestsThatDoNotHoldAreReportedWithTheirLine() throws {
    let policy: Tree = [
        "version": "1",
        "resources": [
            "a": ["address": "10.1.0.0/16", "ports": ["tcp/80", "udp/53"]],
            "part": ["address": "10.1.2.3/32", "ports": ["tcp/80"]],
            "b": ["address": "10.2.0.0/16", "ports": ["any"]],
        ],
        "rules": [["name": "r", "when": ["name": "runner1"], "allow": ["a"]]],
        "tests": [
            ["as": ["name": "runner1"], "allow": ["a", "part"], "deny": ["b"]],
            ["as": ["name": "runner1"], "allow": ["b"], "deny": ["part"]],
            ["as": ["name": "runner2"], "deny": ["a", "b", "part"]],
        ],
    ]
    let failures = try engine(policy).testFailures()
    #expect(failures.map(\.message) == ["b should be allowed but is not", "part should be denied but is allowed"])
    #expect(failures.allSatisfy { $0.problem.code == .policyTestFailed && $0.place.line > 0 })
}

@Test func conditionsReadAsTheyWereWritten() {
    let place = SourcePlace(file: "p", line: 1, column: 1)
    #expect(PolicyPredicate(claim: "ref", values: ["a"], place: place).description == #"ref == "a""#)
    #expect(PolicyPredicate(claim: "ref", values: ["a", "b"], place: place).description == #"ref in ["a", "b"]"#)
    #expect(
        PolicyPredicate(claim: "ref", values: ["\u{1b}[31m"], place: place).description
            == #"ref == "\u{1b}[31m""#
    )
}
