import IPsecTypes
import Policy
import Testing

private let main = ["repository_id": ["456789"], "ref": ["refs/heads/main"], "environment": ["prod"]]

@Test func aJobThatFitsARuleReachesItsResourcesAndNothingElse() throws {
    let engine = try engine(productPolicy)
    let grant = try #require(engine.decide(job(main)).grant)
    #expect(grant.resources == ["registry", "k8s-api"])
    #expect(grant.rule?.name == "deploy-prod")
    #expect(grant.lease == .seconds(900))
    #expect(grant.maxLease == .seconds(6 * 3600))
    #expect(grant.selectors.map(\.description) == ["10.20.0.0/28[tcp/443]", "10.30.0.10/32[tcp/6443]"])
    func reaches(_ text: String, _ port: UInt16) throws -> Bool {
        let address = try #require(IPAddress(text))
        return engine.table.check(rules: grant.ruleIndices, address: address, ipProtocol: 6, port: port) >= 0
    }
    #expect(try reaches("10.20.0.15", 443))
    #expect(try reaches("10.30.0.10", 6443))
    #expect(try !reaches("10.20.0.16", 443))
    #expect(try !reaches("10.20.0.15", 6443))
    #expect(try !reaches("10.30.0.10", 443))
}

@Test func aRefusedJobLearnsTheClosestRuleAndItsFirstFailingCondition() throws {
    var claims = main
    claims["ref"] = ["refs/heads/feature-x"]
    let denial = try #require(try engine(productPolicy).decide(job(claims)).denial)
    #expect(denial.code == .noRuleMatches)
    #expect(denial.closest?.name == "deploy-prod")
    #expect(denial.failed?.description == #"ref == "refs/heads/main""#)
    #expect(denial.failed?.withValues == #"ref == "refs/heads/main", but ref is "refs/heads/feature-x""#)
    #expect(denial.error.rendered.contains(#"fails at: ref == "refs/heads/main""#))
}

@Test func anIdentityWithoutCertificateOfOurCAOrEntryIsRefused() throws {
    let stranger = PolicySubject(
        identity: .fqdn("router.example.com"),
        authentication: .certificate(issuer: "bb", isOwn: false),
        claims: main
    )
    #expect(try engine(productPolicy).decide(stranger).denial?.code == .unknownPeer)
}

@Test func anIdentityOfAnotherTenantIsRefusedWhateverItClaims() throws {
    #expect(try engine(productPolicy).decide(job(main, tenant: "other")).denial?.code == .tenantMismatch)
}

@Test func aClaimCannotPoseAsAnAttributeThatCulvertSets() throws {
    let policy: Tree = [
        "version": "1", "resources": ["a": ["address": "10.0.0.0/8", "ports": ["any"]]],
        "rules": [["name": "r", "when": ["name": "runner1"], "allow": ["a"]]],
    ]
    let engine = try engine(policy)
    #expect(engine.decide(job(["name": ["runner1"]], name: "runner2")).denial != nil)
    #expect(engine.decide(job(["name": ["runner1"]])).denial != nil)
    #expect(engine.decide(job([:], name: "runner1")).grant != nil)
}

@Test func everyRuleThatFitsAddsItsGrantAndTheShortestLeaseCounts() throws {
    let policy: Tree = [
        "version": "1",
        "resources": [
            "a": ["address": "10.1.0.0/16", "ports": ["tcp/80"]], "b": ["address": "10.2.0.0/16", "ports": ["tcp/80"]],
        ],
        "rules": [
            ["name": "one", "when": ["groups": ["dev", "ops"]], "allow": ["a"], "lease": "1h"],
            ["name": "two", "when": ["groups": "ops"], "allow": ["b", "a"], "lease": "10m", "max_lease": "2h"],
        ],
    ]
    var subject = job([:])
    subject.groups = ["qa", "ops"]
    let grant = try #require(try engine(policy).decide(subject).grant)
    #expect(grant.rules.map(\.name) == ["one", "two"])
    #expect(grant.resources == ["a", "b"])
    #expect(grant.lease == .seconds(600))
    #expect(grant.maxLease == .seconds(7200))
    #expect(grant.selectors.map(\.description) == ["10.1.0.0-10.2.255.255[tcp/80]"])
}

private let peers: Tree = [
    "version": "1",
    "resources": ["registry": ["address": "10.20.0.0/28", "ports": ["tcp/443"]]],
    "peers": [
        [
            "name": "branch", "id": "fqdn:Branch.example.com", "psk_file": "branch.psk", "local": ["10.40.0.0/16"],
            "remote": ["10.50.0.0/16"], "signatures": ["rsa-pkcs1"], "ike": ["aes256cbc-sha256-modp2048"],
        ],
        [
            "name": "phone", "id": "email:anna@Example.com", "allow": ["registry"],
            "authority": "sha256:00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
            "address": "10.99.0.7",
        ],
        ["name": "filed", "id": "address:192.0.2.7", "authority": "partner.pem", "allow": ["registry"]],
    ],
    "tests": [["as": ["peer": "filed"], "allow": ["registry"]], ["as": ["peer": "branch"], "deny": ["registry"]]],
]

@Test func aPeerGetsItsFixedSelectorsAndSettings() throws {
    let engine = try engine(peers)
    let branch = PolicySubject(
        identity: .fqdn("branch.example.com"),
        authentication: .presharedKey(peer: "branch")
    )
    let grant = try #require(engine.decide(branch).grant)
    #expect(grant.selectors.map(\.description) == ["10.40.0.0/16"])
    #expect(grant.remoteSelectors.map(\.description) == ["10.50.0.0/16"])
    #expect(grant.virtualAddress == PolicyPeer.VirtualAddress.none)
    #expect(grant.peer?.signatures == [.rsaPKCS1])
    #expect(grant.peer?.ikeProposals?.map(\.description) == ["aes256cbc-sha256-prfsha256-modp2048"])
    #expect(grant.peer?.authentication == .presharedKey(path: "branch.psk"))
    #expect(grant.rules.map(\.name) == ["peer branch"])
    #expect(engine.testFailures().isEmpty)
}

@Test func aPeerMustAuthenticateInTheWayItsEntryDemands() throws {
    let digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    let engine = try engine(peers)
    func decide(_ id: PeerIdentifier, _ how: PolicySubject.Authentication) -> PolicyDecision {
        engine.decide(PolicySubject(identity: id, authentication: how))
    }
    let branch = PeerIdentifier.fqdn("branch.example.com")
    #expect(decide(branch, .certificate(issuer: digest, isOwn: true)).denial?.code == .peerAuthentication)
    #expect(decide(branch, .presharedKey(peer: "phone")).denial?.code == .peerAuthentication)
    let phone = PeerIdentifier.email("anna@example.com")
    #expect(
        decide(phone, .certificate(issuer: digest, isOwn: false)).grant?.virtualAddress == .fixed([.v4(0x0a63_0007)])
    )
    #expect(decide(phone, .certificate(issuer: "other", isOwn: true)).denial?.code == .peerAuthentication)
    #expect(decide(.fqdn("10.0.0.1"), .presharedKey(peer: "branch")).denial?.code == .unknownPeer)
}

private let users: Tree = [
    "version": "1",
    "resources": [
        "registry": ["address": "10.20.0.2", "ports": ["tcp/443"]],
        "wiki": ["address": "10.20.0.3", "ports": ["tcp/443"]],
    ],
    "peers": [
        ["name": "staff", "eap_group": "staff", "allow": ["registry"]],
        ["name": "anna", "eap_user": "anna", "allow": ["wiki"]],
        [
            "name": "laptop", "id": "fqdn:laptop.example.com", "authority": "own", "eap_group": "staff",
            "allow": ["registry"],
        ],
    ],
    "tests": [
        ["as": ["peer": "staff"], "allow": ["registry"]], ["as": ["peer": "anna"], "deny": ["registry"]],
        ["as": ["peer": "laptop"], "allow": ["registry"]],
    ],
]

/// What EAP proved decides: the name, or the groups, and never the identity that was claimed.
@Test func usersAreKnownByWhatEAPProves() throws {
    let engine = try engine(users)
    #expect(engine.testFailures().isEmpty)
    func decide(_ name: String, _ groups: [String], claimed: PeerIdentifier = .keyID([1])) -> PolicyDecision {
        let user = EAPUser(name: name, groups: groups)
        return engine.decide(PolicySubject(identity: claimed, authentication: .eap, groups: groups, eap: user))
    }
    #expect(decide("bob", ["staff"]).grant?.peer?.name == "staff")
    #expect(decide("anna", ["staff"]).grant?.peer?.name == "anna")
    #expect(decide("bob", ["guests"]).denial?.code == .unknownPeer)
    // An identity of an entry that EAP does not authenticate, or of its own entry, opens nothing.
    #expect(decide("bob", [], claimed: .fqdn("laptop.example.com")).denial?.code == .unknownPeer)
    #expect(decide("bob", [], claimed: .keyID(Array("eap:staff".utf8))).denial?.code == .unknownPeer)
    let pretender = PolicySubject(
        identity: .keyID(Array("eap:staff".utf8)),
        authentication: .certificate(issuer: "", isOwn: false)
    )
    #expect(engine.decide(pretender).denial?.code == .unknownPeer)
}

/// A machine's certificate is not enough where a user must follow, nor is the user without the machine.
@Test func aSecondRoundIsDemandedByTheEntry() throws {
    let engine = try engine(users)
    func decide(_ user: EAPUser?) -> PolicyDecision {
        engine.decide(
            PolicySubject(
                identity: .fqdn("laptop.example.com"),
                authentication: .certificate(issuer: "", isOwn: true),
                eap: user
            )
        )
    }
    #expect(decide(nil).denial?.code == .peerAuthentication)
    #expect(decide(EAPUser(name: "bob", groups: ["guests"])).denial?.code == .peerAuthentication)
    #expect(decide(EAPUser(name: "bob", groups: ["staff"])).grant != nil)
}

@Test func anAuthorityGivenAsAFileFitsOnlyOnceItsKeyIsKnown() throws {
    var document = try PolicyDocument.decode(peers.node)
    let id = PeerIdentifier.address(.v4(0xc000_0207))
    let subject = PolicySubject(identity: id, authentication: .certificate(issuer: "cafe", isOwn: false))
    #expect(document.authorityFiles == ["partner.pem"])
    #expect(PolicyEngine(document).decide(subject).grant == nil)
    document.resolveAuthorities(["partner.pem": "cafe"])
    #expect(PolicyEngine(document).decide(subject).grant != nil)
}

@Test func anIdentityMatchesOnlyItsOwnType() {
    #expect(PeerIdentifier("fqdn:10.0.0.1") == nil)
    #expect(PeerIdentifier("fqdn:a.example.") == nil)
    #expect(PeerIdentifier("fqdn:*.example.com") == nil)
    #expect(PeerIdentifier("a.example") == nil)
    #expect(PeerIdentifier("keyid:0g") == nil)
    #expect(PeerIdentifier("keyid:+1") == nil)
    #expect(PeerIdentifier("keyid:00ff") == .keyID([0, 255]))
    #expect(PeerIdentifier("email:A@B.c")?.description == "email:A@b.c")
    #expect(PeerIdentifier("address:2001:db8::1")?.value == "2001:db8::1")
    #expect(PeerIdentifier("fqdn:A.Example") == PeerIdentifier("fqdn:a.example"))
    #expect(PeerIdentifier("email:a.example@x.y") != PeerIdentifier("fqdn:a.example"))
}

@Test func ruleIndicesKeepTheirMeaningAcrossAReload() throws {
    func policy(_ names: [String]) -> Tree {
        [
            "version": "1", "resources": ["a": ["address": "10.0.0.0/8", "ports": ["any"]]],
            "rules": .list(names.map { ["name": .text($0), "when": ["name": .text($0)], "allow": ["a"]] }),
        ]
    }
    let first = try engine(policy(["one", "two"]))
    let index = try #require(first.decide(job([:], name: "two")).grant?.ruleIndices.first)
    let second = try engine(policy(["zero", "two"]), previous: first)
    #expect(second.table.rule(at: Int32(index))?.name == "two")
    #expect(second.decide(job([:], name: "two")).grant?.ruleIndices == [index])
    let gone = try engine(policy(["zero"]), previous: second)
    #expect(gone.table.check(rules: [index], address: .v4(0x0a00_0001), ipProtocol: 6, port: 1) == RuleTable.denied)
    let back = try engine(policy(["two"]), previous: gone)
    #expect(back.decide(job([:], name: "two")).grant?.ruleIndices == [index])
}

@Test func grantsBeyondTheSelectorLimitAreLeftOutAndCounted() throws {
    let resources = (0..<80).map { ("r\($0)", ["address": .text("10.\($0 * 2).0.0/16"), "ports": ["tcp/1"]] as Tree) }
    let policy: Tree = [
        "version": "1", "resources": .map(resources),
        "rules": [["name": "all", "when": ["name": "x"], "allow": .list(resources.map { .text($0.0) })]],
    ]
    let grant = try #require(try engine(policy).decide(job([:], name: "x")).grant)
    #expect(grant.selectors.count == 64)
    #expect(grant.omittedSelectors == 16)
}
