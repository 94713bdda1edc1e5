import IKEMessage
import IKEv2
import IPsecTypes
import Testing

@Suite struct ChaosTests {
    static let commands: [@Sendable (IKESAStatus) -> IKECommand?] = [
        { .rekeyIKE($0.id) },
        { status in status.children.first.map { .rekeyChild(status.id, $0.inboundSPI) } },
        { status in status.children.last.map { .rekeyChild(status.id, $0.inboundSPI) } },
        { .probe($0.id) },
    ]

    static let deletions: [@Sendable (IKESAStatus) -> IKECommand?] =
        commands + [
            { status in status.children.first.map { .closeChild(status.id, $0.inboundSPI) } },
            { status in
                status.children.contains { $0.name == "net" } ? nil : .addChild(status.id, pskA().children[0])
            },
            { status in
                status.localIdentity == nameA && !status.children.contains { $0.name == "extra" }
                    ? .addChild(status.id, child("extra", local: [networkA], remote: [networkB])) : nil
            },
            { status in status.rekeyings > 3 ? .close(status.id, .requested) : nil },
        ]

    /// Rekeyings of everything by both ends over a bad network: afterwards both ends agree on one IKE SA and one Child SA.
    @Test(arguments: 0..<300) func rekeyingsOverABadNetworkSettle(seed: Int) {
        var patient = pskA()
        patient.timing.giveUp = .seconds(600)
        var other = pskB()
        other.timing.giveUp = .seconds(600)
        let pair = establishedPair(patient, other, seed: UInt64(seed) + 1)
        let chaos = Chaos(loss: 15, duplication: 10, reordering: 20)
        pair.a.holdsOperations = seed % 2 == 0
        pair.b.holdsOperations = seed % 3 == 0
        chaos.run(pair, steps: 400, seed: UInt64(seed) &* 77, commands: Self.commands)
        pair.run(.seconds(120))
        pair.expectAgreement()
        #expect(closes(pair.a).isEmpty && closes(pair.b).isEmpty)
    }

    /// With deletions as well: never does one end keep what the other has not.
    @Test(arguments: 0..<300) func deletionsOverABadNetworkLeaveNoOrphans(seed: Int) {
        var patient = pskA()
        patient.timing.giveUp = .seconds(600)
        var other = pskB()
        other.timing.giveUp = .seconds(600)
        let pair = establishedPair(patient, other, seed: UInt64(seed) + 1000)
        let chaos = Chaos(loss: 15, duplication: 10, reordering: 20)
        pair.a.holdsOperations = seed % 2 == 1
        chaos.run(pair, steps: 400, seed: UInt64(seed) &* 99, commands: Self.deletions)
        pair.run(.seconds(120))
        guard let status = pair.a.status else {
            pair.expectNothing(pair.a)
            pair.expectNothing(pair.b)
            return
        }
        pair.expectAgreement(children: status.children.count)
    }

    /// The first handshake over a bad network comes up, or fails on the initiator's side and leaves nothing.
    @Test(arguments: 0..<200) func handshakesOverABadNetworkEndWell(seed: Int) {
        let left = seed % 2 == 0 ? pskA() : certificateA()
        let pair = Pair(left, seed % 2 == 0 ? pskB() : certificateB(), seed: UInt64(seed) + 5000)
        pair.b.authorizer = { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(session: "s1"),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA]
                )
            )
        }
        pair.a.holdsOperations = seed % 3 == 0
        pair.initiate(left)
        Chaos(loss: 30, duplication: 15, reordering: 30).run(pair, steps: 80, seed: UInt64(seed), commands: [])
        pair.run(.seconds(120))
        if pair.a.status == nil, pair.b.status != nil {
            // The initiator gave up while the last response was on its way: liveness checks find out, elsewhere.
            return
        }
        if pair.a.status == nil {
            pair.expectNothing(pair.a)
            pair.expectNothing(pair.b)
        } else {
            pair.expectAgreement()
        }
    }
}
