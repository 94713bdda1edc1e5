import IPsecTypes
import Policy
import Sessions
import Testing

private let place = SourcePlace(file: "policy.yaml", line: 4, column: 1)
private let wall = WallTime(secondsSinceEpoch: 1_000_000)

/// A policy with one rule a name in `names`; each grants 10.1.0.0/16.
private func engine(
    _ names: [String],
    network: String = "10.1.0.0/16",
    previous: PolicyEngine? = nil
) throws
    -> PolicyEngine
{
    var document = PolicyDocument()
    document.resources = [
        PolicyResource(
            name: "net",
            place: place,
            addresses: [try prefix(network)],
            ports: [PortSpecification(ipProtocol: 0)]
        )
    ]
    document.rules = names.map { name in
        PolicyRule(
            name: name,
            place: place,
            when: [PolicyPredicate(claim: "name", values: [name], place: place)],
            allow: ["net"],
            lease: .seconds(900)
        )
    }
    return PolicyEngine(document, previous: previous)
}

private func subject(_ name: String) -> PolicySubject {
    PolicySubject(
        identity: .fqdn("\(name).jobs.example"),
        authentication: .certificate(issuer: "", isOwn: true),
        name: name
    )
}

private func request(_ id: String, _ name: String, _ engine: PolicyEngine, ends: Int64? = nil) throws -> SessionRequest
{
    let grant = try #require(engine.decide(subject(name)).grant)
    return SessionRequest(
        id: id,
        subject: subject(name),
        grant: grant,
        certificateEnds: ends.map { wall.advanced(bySeconds: $0) }
    )
}

private func table(_ pools: [String] = ["10.99.0.0/28", "fd00::/64"]) throws -> SessionTable {
    SessionTable(pool: AddressPool(try pools.map(prefix)), maximumSessions: 5)
}

@Test func aSessionGetsOneAddressOfEachFamily() throws {
    let engine = try engine(["a"])
    var sessions = try table()
    let (session, replaced) = try sessions.open(request("1", "a", engine), now: .zero, wall: wall)
    #expect(session.addresses.map(\.description) == ["10.99.0.2", "fd00::2"])
    #expect(session.remoteSelectors.map(\.description) == ["10.99.0.2/32", "fd00::2/128"])
    #expect(replaced.isEmpty)
    #expect(sessions.session(at: session.addresses[0])?.id == "1")
    #expect(session.owner().ruleIndices == session.grant.ruleIndices)
    #expect(sessions.snapshot(now: .zero).first?.leaseSeconds == 900)
}

@Test func aNewerSessionOfTheSameIdentityReplacesTheOlderAndKeepsItsAddress() throws {
    let engine = try engine(["a", "b"])
    var sessions = try table()
    let first = try sessions.open(request("1", "a", engine), now: .zero, wall: wall).session
    _ = try sessions.open(request("2", "b", engine), now: .zero, wall: wall)
    let second = try sessions.open(request("3", "a", engine), now: seconds(1), wall: wall)
    #expect(second.replaced.map(\.id) == ["1"])
    #expect(second.session.addresses == first.addresses)
    #expect(sessions.all.map(\.id) == ["2", "3"])
    #expect(sessions["1"] == nil)
}

@Test func sitesKeepTheirOlderSessionsUnlessTheAddressIsFixed() throws {
    let engine = try engine(["a"])
    var sessions = try table()
    var site = try request("1", "a", engine)
    site.replacesOlder = false
    _ = try sessions.open(site, now: .zero, wall: wall)
    site.id = "2"
    #expect(try sessions.open(site, now: .zero, wall: wall).replaced.isEmpty)
    #expect(sessions.sessions(of: site.subject).map(\.id) == ["1", "2"])
    let fixed = try #require(IPAddress("10.99.0.12"))
    site.grant.virtualAddress = .fixed([fixed])
    site.id = "3"
    #expect(try sessions.open(site, now: .zero, wall: wall).session.addresses == [fixed])
    site.id = "4"
    #expect(try sessions.open(site, now: .zero, wall: wall).replaced.map(\.id) == ["3"])
    var stranger = site
    stranger.id = "5"
    stranger.subject = subject("b")
    #expect(throws: SessionRefusal.address(.taken(fixed, session: "4"))) {
        try sessions.open(stranger, now: .zero, wall: wall)
    }
}

@Test func aSessionEndsAtTheEarlierOfCertificateAndLongestLease() throws {
    let engine = try engine(["a", "b"])
    var sessions = try table()
    let short = try sessions.open(request("1", "a", engine, ends: 600), now: .zero, wall: wall).session
    #expect(short.hardEnd == seconds(660))
    let long = try sessions.open(request("2", "b", engine, ends: 90 * 86_400), now: .zero, wall: wall).session
    #expect(long.hardEnd == seconds(6 * 3600))
    #expect(sessions.nextDeadline() == seconds(660))
    #expect(sessions.expire(now: seconds(659)).isEmpty)
    #expect(sessions.expire(now: seconds(660)).map(\.end) == [.hardEnd])
    #expect(sessions.expire(now: seconds(900)).map(\.end) == [.leaseEnded])
    #expect(sessions.count == 0)
    #expect(sessions.nextDeadline() == nil)
    #expect(throws: SessionRefusal.ended) {
        try sessions.open(request("3", "a", engine, ends: -60), now: .zero, wall: wall)
    }
}

@Test func aRenewedLeaseMovesTheDeadlineButNotTheHardEnd() throws {
    let engine = try engine(["a"])
    var sessions = try table()
    _ = try sessions.open(request("1", "a", engine, ends: 1000), now: .zero, wall: wall)
    #expect(sessions.renew("1", now: seconds(800))?.leaseEnds == seconds(1700))
    #expect(sessions.nextDeadline() == seconds(1060))
    #expect(sessions.expire(now: seconds(900)).isEmpty)
    #expect(sessions.expire(now: seconds(1060)).map(\.end) == [.hardEnd])
    #expect(sessions.renew("1", now: .zero) == nil)
}

@Test func aRefusedRequestChangesNothing() throws {
    let engine = try engine(["a", "b", "c", "d"])
    var sessions = try table(["10.99.0.0/29", "fd00::/126"])
    for (index, name) in ["a", "b"].enumerated() {
        _ = try sessions.open(request("\(index)", name, engine), now: .zero, wall: wall)
    }
    let before = sessions.all
    #expect(throws: SessionRefusal.address(.exhausted(.v6))) {
        try sessions.open(request("9", "c", engine), now: .zero, wall: wall)
    }
    #expect(sessions.all == before)
    #expect(sessions.pool.activeCount == 4)
    #expect(throws: SessionRefusal.duplicate("0")) {
        try sessions.open(request("0", "c", engine), now: .zero, wall: wall)
    }
    sessions.maximumSessions = 2
    #expect(throws: SessionRefusal.limitReached(2)) {
        try sessions.open(request("9", "c", engine), now: .zero, wall: wall)
    }
    // Replacing needs no further place.
    #expect(try sessions.open(request("9", "a", engine), now: .zero, wall: wall).replaced.map(\.id) == ["0"])
}

@Test func aReplacedSessionComesBackWhenTheNewerOneGetsNoAddress() throws {
    let engine = try engine(["a"])
    var sessions = try table(["10.99.0.0/29"])
    var old = try request("1", "a", engine)
    _ = try sessions.open(old, now: .zero, wall: wall)
    let taken = try #require(IPAddress("10.7.0.1"))
    var other = try request("2", "a", engine)
    other.subject = subject("b")
    other.grant.virtualAddress = .fixed([taken])
    _ = try sessions.open(other, now: .zero, wall: wall)
    let before = sessions.all
    old.id = "3"
    old.grant.virtualAddress = .fixed([taken])
    #expect(throws: SessionRefusal.address(.taken(taken, session: "2"))) {
        try sessions.open(old, now: .zero, wall: wall)
    }
    #expect(sessions.all == before)
    #expect(sessions.session(at: before[0].addresses[0])?.id == "1")
    #expect(sessions.nextDeadline() == seconds(900))
}

@Test func aChangedPolicyKeepsChangesOrEndsEachSession() throws {
    let old = try engine(["a", "b"])
    var sessions = try table()
    _ = try sessions.open(request("1", "a", old), now: .zero, wall: wall)
    _ = try sessions.open(request("2", "b", old), now: .zero, wall: wall)
    let same = try engine(["x", "a", "b"], previous: old)
    #expect(sessions.apply(same).map(\.change) == [.unchanged, .unchanged])
    let wider = try engine(["a", "b"], network: "10.2.0.0/16", previous: same)
    for (_, change) in sessions.apply(wider) {
        guard case .changed(let grant) = change else {
            Issue.record("\(change)")
            continue
        }
        #expect(grant.selectors.map(\.description) == ["10.2.0.0/16"])
    }
    let less = sessions.apply(try engine(["a"], network: "10.2.0.0/16", previous: wider))
    #expect(less[0].change == .unchanged)
    guard case .denied(let denial) = less[1].change else {
        Issue.record("\(less[1].change)")
        return
    }
    #expect(denial.code == .noRuleMatches)
    #expect(sessions.count == 2)
}

@Test func deadlinesOfManySessionsComeInOrderWhateverHappensBetween() throws {
    for seed in 0..<40 {
        var random = SplitMix(state: UInt64(seed))
        let names = (0..<8).map { "n\($0)" }
        let engine = try engine(names)
        var sessions = SessionTable(pool: AddressPool([try prefix("10.99.0.0/16")]))
        var now = Instant.zero
        var expected: [String: Instant] = [:]
        for step in 0..<200 {
            now = now + .seconds(Int64.random(in: 0..<90, using: &random))
            let due = expected.filter { $0.value <= now }
            #expect(sessions.nextDeadline() == expected.values.min(), "seed \(seed)")
            #expect(Set(sessions.expire(now: now).map(\.session.id)) == Set(due.keys), "seed \(seed)")
            for id in due.keys { expected[id] = nil }
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                if let id = expected.keys.sorted().randomElement(using: &random) {
                    sessions.close(id, now: now)
                    expected[id] = nil
                }
            case 1:
                if let id = expected.keys.sorted().randomElement(using: &random) {
                    expected[id] = sessions.renew(id, now: now)?.deadline
                }
            default:
                let name = try #require(names.randomElement(using: &random))
                let ends = Int64.random(in: 100..<2000, using: &random)
                let opened = try sessions.open(request("s\(step)", name, engine, ends: ends), now: now, wall: wall)
                for old in opened.replaced { expected[old.id] = nil }
                expected[opened.session.id] = opened.session.deadline
            }
            #expect(sessions.count == expected.count, "seed \(seed)")
            #expect(sessions.pool.activeCount == expected.count, "seed \(seed)")
            #expect(Set(sessions.all.map(\.identityKey)).count == sessions.count, "seed \(seed)")
        }
    }
}

// E12: what a RADIUS server says of addresses is honoured inside the pool and where it is free, and refused otherwise.

@Test func framedAddressesOfThePoolAreGiven() throws {
    var sessions = try table()
    var wanted = try request("a", "runner1", try engine(["runner1"]))
    wanted.framedAddresses = [try #require(IPAddress("10.99.0.7"))]
    let session = try sessions.open(wanted, now: .zero, wall: wall).session
    #expect(session.addresses.contains(try #require(IPAddress("10.99.0.7"))))
    #expect(session.addresses.count == 2)
}

@Test(arguments: ["192.0.2.7", "10.99.0.0", "10.99.0.1", "10.99.0.15"])
func framedAddressesOutsideThePoolOrOfTheGatewayAreRefused(_ text: String) throws {
    var sessions = try table()
    var wanted = try request("a", "runner1", try engine(["runner1"]))
    let address = try #require(IPAddress(text))
    wanted.framedAddresses = [address]
    #expect(throws: SessionRefusal.address(.outside(address))) {
        try sessions.open(wanted, now: .zero, wall: wall)
    }
    #expect(sessions.count == 0 && sessions.pool.activeCount == 0)
}

@Test func aFramedAddressInUseIsRefusedToOthersAndMovesWithItsOwnUser() throws {
    let policy = try engine(["runner1", "runner2"])
    var sessions = try table()
    let address = try #require(IPAddress("10.99.0.7"))
    var first = try request("a", "runner1", policy)
    first.framedAddresses = [address]
    first.replacesOlder = false
    _ = try sessions.open(first, now: .zero, wall: wall)
    var other = try request("b", "runner2", policy)
    other.framedAddresses = [address]
    #expect(throws: SessionRefusal.address(.taken(address, session: "a"))) {
        try sessions.open(other, now: .zero, wall: wall)
    }
    first.id = "c"
    let again = try sessions.open(first, now: .zero, wall: wall)
    #expect(again.replaced.map(\.id) == ["a"])
    #expect(again.session.addresses.contains(address))
}

@Test func aSessionTimeoutEndsASessionAndCanBeChanged() throws {
    let policy = try engine(["runner1"])
    var sessions = try table()
    var wanted = try request("a", "runner1", policy, ends: 500)
    wanted.longest = .seconds(100)
    #expect(try sessions.open(wanted, now: .zero, wall: wall).session.hardEnd == .zero + .seconds(100))
    sessions.limit("a", until: .zero + .seconds(200))
    #expect(sessions["a"]?.hardEnd == .zero + .seconds(200))
    // Never beyond the certificate and its grace.
    sessions.limit("a", until: .zero + .seconds(10_000))
    #expect(sessions["a"]?.hardEnd == .zero + .seconds(560))
    sessions.limit("a", until: .zero + .seconds(30))
    let ended = sessions.expire(now: .zero + .seconds(30))
    #expect(ended.map(\.end) == [.hardEnd])
}

@Test func leasesAreToldInOrderAndARefusedRequestPutsThemBack() throws {
    let engine = try engine(["a", "b"])
    var sessions = SessionTable(pool: AddressPool([try prefix("10.99.0.0/29")]), notesLeases: true)
    let first = try sessions.open(request("1", "a", engine), now: .zero, wall: wall).session
    #expect(sessions.takeLeaseChanges() == [.began(first)])
    let second = try sessions.open(request("2", "a", engine), now: .zero, wall: wall).session
    #expect(sessions.takeLeaseChanges() == [.ended(first), .began(second)])
    sessions.close("2", now: .zero)
    #expect(sessions.takeLeaseChanges() == [.ended(second)])
    #expect(sessions.takeLeaseChanges().isEmpty)
    var wish = try request("3", "b", engine)
    wish.wantedAddresses = [try #require(IPAddress("10.99.0.5"))]
    #expect(try sessions.open(wish, now: .zero, wall: wall).session.addresses.first?.description == "10.99.0.5")
}
