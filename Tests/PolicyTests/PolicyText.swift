import IPsecTypes
import Policy

/// Builds configuration trees without YAML, which stands on the same floor as Policy.
indirect enum Tree: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    case text(String)
    case list([Tree])
    case map([(String, Tree)])

    init(stringLiteral value: String) { self = .text(value) }
    init(arrayLiteral elements: Tree...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, Tree)...) { self = .map(elements) }

    /// Every node gets a line of its own, in order.
    func node(_ line: inout Int, file: String = "policy.yaml") -> ConfigNode {
        line += 1
        let place = SourcePlace(file: file, line: line, column: 3)
        switch self {
        case .text(let text): return ConfigNode(.scalar(text, plain: true), at: place)
        case .list(let elements): return ConfigNode(.list(elements.map { $0.node(&line, file: file) }), at: place)
        case .map(let entries):
            return ConfigNode(
                .map(
                    entries.map { key, value in
                        line += 1
                        let keyPlace = SourcePlace(file: file, line: line, column: 5)
                        return ConfigNode.Entry(key: key, place: keyPlace, value: value.node(&line, file: file))
                    }
                ),
                at: place
            )
        }
    }

    var node: ConfigNode {
        var line = 0
        return node(&line)
    }
}

/// The policy of product.md.
let productPolicy: Tree = [
    "version": "1",
    "trust": [
        [
            "issuer": "https://token.actions.githubusercontent.com", "audience": "culvert.acme.example",
            "require": ["repository_owner_id": "123456"],
        ]
    ],
    "resources": [
        "registry": ["address": "10.20.0.0/28", "ports": ["tcp/443"]],
        "k8s-api": ["address": "10.30.0.10/32", "ports": ["tcp/6443"]],
    ],
    "rules": [
        [
            "name": "deploy-prod",
            "when": ["repository_id": "456789", "ref": "refs/heads/main", "environment": "prod"],
            "allow": ["registry", "k8s-api"], "lease": "15m",
        ]
    ],
    "tests": [
        [
            "as": [
                "repository_id": "456789", "ref": "refs/heads/feature-x", "event_name": "pull_request",
            ], "deny": ["k8s-api"],
        ]
    ],
]

func engine(_ tree: Tree, previous: PolicyEngine? = nil) throws -> PolicyEngine {
    PolicyEngine(try PolicyDocument.decode(tree.node), previous: previous)
}

func problems(_ tree: Tree) -> [ConfigProblem] {
    do throws(ConfigProblems) {
        _ = try PolicyDocument.decode(tree.node)
        return []
    } catch {
        return error.problems
    }
}

func job(_ claims: [String: [String]], name: String? = nil, tenant: String = "default") -> PolicySubject {
    PolicySubject(
        identity: .fqdn("01j.jobs.example.com"),
        authentication: .certificate(issuer: "aa", isOwn: true),
        name: name,
        tenant: tenant,
        claims: claims
    )
}
