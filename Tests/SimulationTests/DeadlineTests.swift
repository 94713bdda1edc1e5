import IKEv2
import IPsecTypes
import Simulation
import Testing

/// The deadlines of the decisions, measured in virtual time.
struct DeadlineTests {
    private static let initial: UInt8 = 34
    private static let createChild: UInt8 = 36
    private static let informational: UInt8 = 37

    private func established(_ options: ScriptedPair.Options = .init(), seed: UInt64 = 1) -> ScriptedPair {
        let pair = ScriptedPair(seed: seed, options: options)
        pair.connect()
        pair.run(for: .seconds(1))
        #expect(pair.saCounts == (1, 1))
        return pair
    }

    private func times(_ pair: ScriptedPair, _ host: String, _ wanted: (TimelineEntry.Event) -> Bool) -> [Instant] {
        pair.timeline.filter { $0.host == host && wanted($0.event) }.map(\.at)
    }

    private func isRequest(_ event: TimelineEntry.Event, _ exchange: UInt8) -> Bool {
        if case .sent(exchange, false, _) = event { true } else { false }
    }

    @Test(arguments: [false, true])
    func anUnansweredRequestIsRepeatedAfterHalfASecondDoubling(site: Bool) {
        var options = ScriptedPair.Options()
        options.site = site
        let pair = ScriptedPair(seed: 1, options: options)
        pair.isPartitioned = true
        pair.connect()
        pair.run(for: .seconds(120))
        let sends = times(pair, "agent0") { isRequest($0, Self.initial) }.map(\.nanoseconds)
        let halves: [Int64] = site ? [0, 1, 3, 7, 15, 31, 63, 95] : [0, 1, 3, 7, 15, 31]
        #expect(sends == halves.map { $0 * 500_000_000 })
        let failed = times(pair, "agent0") { $0 == .failed }
        #expect(failed == [Instant.zero + .seconds(site ? 60 : 20)])
        #expect(pair.saCounts == (0, 0))
    }

    @Test(arguments: [false, true])
    func aSilentPeerIsProbedAndThenGivenUp(site: Bool) throws {
        var options = ScriptedPair.Options()
        options.site = site
        options.children = 1
        let pair = established(options)
        pair.isPartitioned = true
        let cut = pair.now
        pair.run(for: .seconds(200))
        let (quiet, patience): (Int64, Int64) = site ? (30, 60) : (10, 20)
        for host in ["agent0", "gateway"] {
            let probes = times(pair, host) { isRequest($0, Self.informational) }
            let first = try #require(probes.first, "\(host)")
            #expect(first - cut <= .seconds(quiet), "\(host) probes at \(first)")
            #expect(first - cut >= .seconds(quiet - 1), "\(host) probes at \(first)")
            let closed = times(pair, host) { $0 == .closed(.peerDead) }
            #expect(closed == [first + .seconds(patience)], "\(host)")
        }
        #expect(pair.saCounts == (0, 0))
        pair.checkAgreement()
        #expect(pair.findings.isEmpty)
    }

    @Test func aHalfOpenIKESALivesThirtySeconds() {
        let pair = ScriptedPair(seed: 1)
        pair.drop { exchange, _ in exchange != Self.initial }
        pair.connect()
        pair.run(for: .milliseconds(25))
        #expect(pair.halfOpenCount == 1)
        pair.run(for: .seconds(29))
        #expect(pair.halfOpenCount == 1)
        pair.run(for: .seconds(1))
        #expect(pair.halfOpenCount == 0)
        #expect(pair.saCounts.gateway == 0)
    }

    @Test func keepalivesGoEveryTwentySecondsBehindANATOnly() {
        var options = ScriptedPair.Options()
        options.behindNAT = true
        let pair = established(options)
        pair.run(for: .seconds(101))
        let sent = times(pair, "agent0") { $0 == .keepalive }
        #expect(sent.count == 5)
        for (earlier, later) in zip(sent, sent.dropFirst()) { #expect(later - earlier == .seconds(20)) }
        #expect(times(pair, "gateway") { $0 == .keepalive }.isEmpty)

        let plain = established()
        plain.run(for: .seconds(101))
        #expect(times(plain, "agent0") { $0 == .keepalive }.isEmpty)
    }

    @Test func childrenAreRekeyedAfterTwentyToTwentyFiveMinutesAndIKESAsAfterFiftyToSixty() throws {
        for seed in 1...UInt64(4) {
            let pair = established(seed: seed)
            pair.run(for: .seconds(3 * 3600))
            // Whichever end's timer comes first rekeys; both report.
            let rekeyings = times(pair, "agent0") { $0 == .childRekeyed }
            #expect((7...9).contains(rekeyings.count))
            for (earlier, later) in zip([Instant.zero] + rekeyings, rekeyings) {
                #expect(later - earlier >= .seconds(1199) && later - earlier <= .seconds(1502))
            }
            let ike = times(pair, "agent0") { $0 == .ikeRekeyed }
            #expect((3...4).contains(ike.count))
            for (earlier, later) in zip([Instant.zero] + ike, ike) {
                #expect(later - earlier >= .seconds(2999) && later - earlier <= .seconds(3602))
            }
            #expect(pair.findings.isEmpty)
        }
    }

    @Test func whatCannotBeRekeyedEndsAtItsHardLifetime() throws {
        let pair = established()
        pair.agentFailsKeyExchange = true
        pair.run(for: .seconds(2 * 3600))
        for host in ["agent0", "gateway"] {
            #expect(times(pair, host) { $0 == .childRekeyed }.isEmpty)
            #expect(!times(pair, host) { $0 == .childFailed }.isEmpty || host == "gateway")
        }
        let ends = pair.timeline.filter {
            $0.event == .childClosed(.lifetime) || $0.event == .childClosed(.deletedByPeer)
        }
        let child = try #require(ends.first?.at)
        #expect(child >= .zero + .seconds(1800) && child <= .zero + .seconds(1801))
        let closed = pair.timeline.filter { $0.event == .closed(.lifetime) || $0.event == .closed(.deletedByPeer) }
        let ike = try #require(closed.first?.at)
        #expect(ike >= .zero + .seconds(4200) && ike <= .zero + .seconds(4201))
        #expect(pair.saCounts == (0, 0))
    }
}
