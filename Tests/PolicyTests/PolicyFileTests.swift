import ConfigFile
import IPsecTypes
import Policy
import Testing

private func lines(_ tree: Tree) -> [String] { problems(tree).map(\.line) }

private func policy(_ rules: Tree, resources: Tree = ["a": ["address": "10.0.0.0/8", "ports": ["any"]]]) -> Tree {
    ["version": "1", "resources": resources, "rules": rules]
}

@Test func thePolicyOfTheManualIsAccepted() throws {
    let document = try PolicyDocument.decode(productPolicy.node)
    #expect(document.trust.first?.issuer == "https://token.actions.githubusercontent.com")
    #expect(document.trust.first?.require == ["repository_owner_id": ["123456"]])
    #expect(PolicyEngine(document).testFailures().isEmpty)
}

@Test func aMistypedKeyIsRefusedWithItsPlaceAndTheNearestName() {
    let found = problems(policy([["name": "r", "when": ["name": "x"], "alow": ["a"]]]))
    #expect(found.map(\.code) == [.missingKey, .unknownKey])
    #expect(found.last?.nearest == "allow")
    #expect(
        found.last?.line
            == #"policy.yaml:22:5: error[E1003]: unknown key "alow" in a rule; did you mean "allow"?"#
    )
}

@Test func anUnknownClaimIsRefusedWithTheNearestName() {
    let found = problems(policy([["name": "r", "when": ["repositry_id": "1"], "allow": ["a"]]]))
    #expect(found.map(\.code) == [.unknownClaim])
    #expect(found.first?.nearest == "repository_id")
}

@Test func aClaimThatAGenericIssuerDeclaresIsKnown() {
    let tree: Tree = [
        "version": "1", "resources": ["a": ["address": "10.0.0.0/8", "ports": "any"]],
        "trust": [
            [
                "issuer": "https://ci.example.com/x", "audience": "y", "require": ["cluster": "1"],
                "claims": ["cluster"],
            ]
        ],
        "rules": [["name": "r", "when": ["cluster": "1"], "allow": "a"]],
    ]
    #expect(problems(tree).isEmpty)
}

@Test func anUnknownResourceRuleOrPeerIsRefusedWithTheNearestName() {
    let tree: Tree = [
        "version": "1", "resources": ["registry": ["address": "10.0.0.0/8", "ports": ["any"]]],
        "rules": [["name": "deploy", "when": ["name": "x"], "allow": ["registri"]]],
        "peers": [
            ["name": "branch", "id": "fqdn:a.b", "psk_file": "/p", "rules": ["deplay"], "allow": ["registry"]]
        ],
        "tests": [["as": ["peer": "brench"], "deny": ["registry"]]],
    ]
    let found = problems(tree)
    #expect(found.map(\.code) == [.unknownName, .unknownName, .unknownName])
    #expect(found.map(\.nearest) == ["registry", "deploy", "branch"])
}

@Test func aRuleWithoutConditionsIsRefusedBecauseItWouldLetEverybodyIn() {
    #expect(problems(policy([["name": "r", "allow": ["a"]]])).map(\.code) == [.missingKey])
    #expect(problems(policy([["name": "r", "when": [:], "allow": ["a"]]])).map(\.code) == [.missingKey])
    #expect(problems(policy([["name": "r", "when": ["name": []], "allow": ["a"]]])).map(\.code) == [.outOfRange])
}

@Test func everyProblemOfAFileIsReportedInItsOrder() {
    let tree: Tree = [
        "version": "2", "resources": ["a": ["address": "10.0.0.1/8", "ports": ["tcp/99999", "tcpp/1"]]],
        "rules": [["name": "r r", "when": ["name": "x"], "allow": ["a"], "lease": "5"]], "extra": "1",
    ]
    let found = problems(tree)
    #expect(
        found.map(\.code) == [
            .unsupportedVersion, .invalidValue, .invalidValue, .invalidValue, .invalidValue, .invalidValue, .unknownKey,
        ]
    )
    #expect(found.map(\.place.line) == found.map(\.place.line).sorted())
    #expect(found[1].hint == "host bits are set; the network is 10.0.0.0/8")
}

@Test func namesAndIdentitiesAreUnique() {
    let tree: Tree = [
        "version": "1", "resources": ["a": ["address": "10.0.0.0/8", "ports": ["any"]]],
        "rules": [
            ["name": "r", "when": ["name": "x"], "allow": ["a"]], ["name": "r", "when": ["name": "y"], "allow": ["a"]],
        ],
        "peers": [
            ["name": "p", "id": "fqdn:a.b", "authority": "own", "allow": ["a"], "address": "10.99.0.9"],
            ["name": "q", "id": "fqdn:A.B", "authority": "own", "allow": ["a"], "address": "10.99.0.9"],
        ],
    ]
    #expect(problems(tree).map(\.code) == [.duplicateName, .duplicateName, .duplicateName])
}

@Test func aPeerNeedsOneWayToAuthenticateAndSomethingToReach() {
    func peer(_ extra: [(String, Tree)]) -> [ErrorCode] {
        problems(["version": "1", "peers": [.map([("name", "p"), ("id", "fqdn:a.b")] + extra)]]).map(\.code)
    }
    #expect(peer([("local", "10.0.0.0/8")]) == [.missingKey])
    #expect(peer([("psk_file", "x"), ("authority", "own"), ("local", "10.0.0.0/8")]) == [.missingKey])
    #expect(peer([("psk_file", "x")]) == [.missingKey])
    #expect(peer([("psk_file", "x"), ("local", "10.0.0.0/8"), ("address", "none")]) == [.missingKey])
    #expect(peer([("psk_file", "x"), ("local", "10.0.0.0/8"), ("mode", "transport")]).isEmpty)
    #expect(peer([("psk_file", "x"), ("local", "10.0.0.0/8"), ("mode", "beet")]) == [.invalidValue])
    #expect(
        peer([("psk_file", "x"), ("local", "10.0.0.0/8"), ("mode", "transport"), ("address", "pool")])
            == [.invalidValue]
    )
    #expect(peer([("psk_file", "x"), ("local", "10.0.0.0/8"), ("ike", "3des-sha1-modp1024")]) == [.weakAlgorithm])
    #expect(peer([("psk_file", "x"), ("local", "10.0.0.0/8"), ("signatures", "rsa_pss")]) == [.invalidValue])
    #expect(peer([("authority", "sha256:00"), ("local", "10.0.0.0/8")]) == [.invalidValue])
    #expect(peer([("psk_file", "x"), ("local", "10.0.0.0/8")]).isEmpty)
}

@Test func anIdentityWithoutItsTypeIsRefused() {
    let found = problems([
        "version": "1", "peers": [["name": "p", "id": "fqnd:a.b", "psk_file": "x", "local": "10.0.0.0/8"]],
    ])
    #expect(found.first?.nearest == "fqdn")
    #expect(found.first?.hint == "types: fqdn, email, address, dn, keyid")
}

@Test func pathsAreTakenFromThePolicysDirectory() throws {
    var line = 0
    let tree: Tree = [
        "version": "1", "peers": [["name": "p", "id": "fqdn:a.b", "psk_file": "p.psk", "local": "10.0.0.0/8"]],
    ]
    let document = try PolicyDocument.decode(tree.node(&line, file: "/etc/culvert/policy.yaml"))
    #expect(document.peers.first?.authentication == .presharedKey(path: "/etc/culvert/p.psk"))
}

@Test func portsReadAndShowInTheSameForm() {
    for text in ["any", "tcp", "tcp/443", "udp/8000-8100", "icmp", "proto/89", "sctp/5", "esp", "gre"] {
        #expect(PortSpecification(text)?.description == text)
    }
    for text in ["", "tcp/", "tcp/0x1", "tcp/2-1", "tcp/65536", "tcp/1-2-3", "icmp/8", "any/1", "TCP/1", "proto/0"] {
        #expect(PortSpecification(text) == nil, "\(text)")
    }
    let six = IPRange(.v6(1, 1))
    #expect(PortSpecification("icmp")?.selector(six).ipProtocol == 58)
    #expect(PortSpecification("icmpv6")?.selector(IPRange(.v4(1))).ipProtocol == 1)
}

@Test func thePolicyOfTheManualReadsFromItsYAML() throws {
    let text = """
        version: 1
        trust:
          - issuer: https://token.actions.githubusercontent.com
            audience: culvert.acme.example
            require: {repository_owner_id: "123456"}
        resources:
          registry: {address: 10.20.0.0/28, ports: [tcp/443]}
          k8s-api:  {address: 10.30.0.10/32, ports: [tcp/6443]}
        rules:
          - name: deploy-prod
            when: {repository_id: "456789", ref: refs/heads/main, environment: prod}
            allow: [registry, k8s-api]
            lease: 15m
        tests:
          - as: {repository_id: "456789", ref: refs/heads/feature-x, event_name: pull_request}
            deny: [k8s-api]
        """
    let document = try PolicyDocument.decode(ConfigDocument.parse(Array(text.utf8), file: "/etc/culvert/policy.yaml"))
    #expect(document.rules.first?.reference.description == "deploy-prod (policy.yaml:10)")
    #expect(PolicyEngine(document).testFailures().isEmpty)
}
