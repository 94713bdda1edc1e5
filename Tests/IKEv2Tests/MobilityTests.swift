import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// MOBIKE between two ends that mean well (RFC 4555).
@Suite struct MobilityTests {
    private func multihomed(_ children: Int = 1) -> Pair {
        var left = pskA()
        left.mobility.localAddresses = [Pair.addressA]
        left.children += (1..<children).map { child("net\($0)", local: [networkA], remote: [networkB]) }
        var right = pskB()
        right.mobility.localAddresses = [Pair.addressB, Pair.secondB, Pair.sixB]
        return establishedPair(left, right)
    }

    // MARK: Negotiation

    @Test func bothSayThatTheyCanMoveAndTellTheirAddresses() {
        let pair = multihomed()
        #expect(pair.statusA?.hasMOBIKE == true && pair.statusB?.hasMOBIKE == true)
        #expect(pair.statusA?.additionalAddresses == [Pair.secondB, Pair.sixB])
        #expect(pair.statusB?.additionalAddresses == [])
        #expect(pair.statusA?.path.transport == .udp4500, "RFC 4555 §3.3: port 4500 without a NAT too")
        #expect(pair.childA?.udpEncapsulation == false)
    }

    @Test(arguments: [true, false]) func switchedOffAtEitherEndNobodyMoves(_ atA: Bool) {
        var (left, right) = (pskA(), pskB())
        if atA { left.mobility.isEnabled = false } else { right.mobility.isEnabled = false }
        let pair = establishedPair(left, right)
        #expect(pair.statusA?.hasMOBIKE == false && pair.statusB?.hasMOBIKE == false)
        pair.expectAgreement()
        // The peer is not behind a NAT, so it would not follow: a new IKE SA is the only way.
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.settle()
        #expect(closes(pair.a) == [.addressLost])
    }

    @Test func moreThanEightAddressesAreNeitherToldNorBelieved() {
        var left = pskA()
        left.mobility.localAddresses = (1...20).map { .v4(0x0A01_0000 + $0) } + [.v4(0x7F00_0001), .v4(0xE000_0001)]
        let pair = establishedPair(left, pskB())
        #expect(pair.statusB?.additionalAddresses == (1...8).map { .v4(0x0A01_0000 + $0) })
        pair.forgeRequest(
            [.v4(0x7F00_0001), .v4(0), .v4(0xE000_0001), .v6(0xFE80 << 48, 1), .v6(0, 1)].map(Engine.additional)
                + (1...20).map { Engine.additional(.v4(0x0A02_0000 + $0)) },
            from: Pair.addressA
        )
        #expect(pair.statusB?.additionalAddresses == (1...8).map { .v4(0x0A02_0000 + $0) })
    }

    // MARK: Moving

    @Test func allChildrenMoveWithTheHostOnceItProvedToBeThere() {
        let pair = multihomed(3)
        pair.expectAgreement(children: 3)
        pair.reaches([Pair.secondA, Pair.addressB])
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        #expect(pair.espPaths(pair.a).map(\.local.address) == [Pair.secondA], "ours at once (RFC 4555 §3.5)")
        pair.step()
        #expect(pair.statusB?.path.remote.address == Pair.secondA)
        #expect(pair.espTargets(pair.b) == [Pair.addressA], "not before the check (RFC 4555 §3.7)")
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
        #expect(pair.a.moves == [.localAddress] && pair.b.moves == [.peerMoved])
        #expect(pair.b.mobility.contains(.checkPassed(pair.statusB?.path ?? pair.pathA)))
        pair.expectAgreement(children: 3)
    }

    @Test func fromIPv4ToIPv6AndBack() {
        let pair = multihomed(2)
        pair.reaches([Pair.sixA, Pair.sixB])
        pair.moveA([Pair.sixA], routed: [(Pair.sixA, Pair.sixB)])
        pair.settle()
        #expect(pair.espTargets(pair.a) == [Pair.sixB] && pair.espTargets(pair.b) == [Pair.sixA])
        #expect(pair.statusA?.path.remote.port == 4500)
        pair.reaches([Pair.addressA, Pair.addressB])
        pair.moveA([Pair.addressA], routed: [(Pair.addressA, Pair.addressB)])
        pair.settle()
        #expect(pair.espTargets(pair.a) == [Pair.addressB] && pair.espTargets(pair.b) == [Pair.addressA])
        pair.expectAgreement(children: 2)
    }

    @Test func aRequestInFlightGoesAlongTheNewWay() throws {
        let pair = multihomed()
        let id = try #require(pair.statusA?.id)
        pair.reaches([])
        pair.command(pair.a, .rekeyChild(id, try #require(pair.childA?.inboundSPI)))
        pair.settle()
        pair.reaches([Pair.secondA, Pair.addressB])
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
        pair.run(.seconds(10))
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
        pair.expectAgreement()
    }

    @Test func severalMovesWhileOneIsUnderWayEndAtTheLast() {
        let pair = multihomed()
        pair.reaches([])
        for address in [Pair.secondA, Pair.thirdA, Pair.secondA] {
            pair.moveA([address], routed: [(address, Pair.addressB)])
            pair.settle()
        }
        pair.reaches([Pair.thirdA, Pair.addressB])
        pair.moveA([Pair.thirdA], routed: [(Pair.thirdA, Pair.addressB)])
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.thirdA])
        #expect(pair.saA?.requests.outstanding == nil && pair.saB?.requests.outstanding == nil)
        pair.expectAgreement()
    }

    @Test func aMoveDuringTheResponsesWayIsToldAgain() {
        let pair = multihomed()
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.step()  // UPDATE_SA_ADDRESSES arrives, its answer is on its way
        pair.moveA([Pair.thirdA], routed: [(Pair.thirdA, Pair.addressB)])
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.thirdA])
        #expect(pair.statusB?.path == pair.statusB?.trafficPath)
    }

    @Test(arguments: [true, false]) func aRekeyingInheritsTheWay(_ byA: Bool) throws {
        let pair = multihomed()
        let id = try #require(pair.statusA?.id)
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.command(byA ? pair.a : pair.b, .rekeyIKE(try #require(byA ? id : pair.statusB?.id)))
        pair.run(.seconds(1))
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
        #expect(pair.statusA?.hasMOBIKE == true && pair.statusA?.rekeyings == 1)
        // RFC 4555 §2: the initiator stays who began the first IKE SA, whoever rekeyed it.
        pair.moveA([Pair.thirdA], routed: [(Pair.thirdA, Pair.addressB)])
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.thirdA])
        #expect(pair.statusA?.additionalAddresses == [Pair.secondB, Pair.sixB])
        pair.expectAgreement()
    }

    @Test func anUpdateSurvivesAnotherOwner() throws {
        let pair = multihomed()
        pair.reaches([])
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.settle()
        let id = try #require(pair.statusA?.id)
        let frozen = pair.a.endpoint.snapshot(id, now: pair.now)
        let snapshot = try #require(frozen)
        pair.command(pair.a, .forget(id))
        pair.reaches([Pair.secondA, Pair.addressB])
        pair.command(pair.a, .thaw(snapshot, ivEpoch: 9))
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
        #expect(pair.statusA?.hasMOBIKE == true)
    }

    // MARK: Other ways

    @Test func aBlackPathIsLeftForOneThatAnswers() throws {
        let pair = multihomed()
        pair.reaches([Pair.addressA, Pair.secondB])
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.run(.seconds(3))
        #expect(pair.espTargets(pair.a) == [Pair.secondB])
        #expect(pair.espPaths(pair.b).map(\.local.address) == [Pair.secondB])
        #expect(pair.a.moves == [.probed])
        pair.expectAgreement()
    }

    @Test func allPairsAreTriedWithinABound() throws {
        var left = pskA()
        left.mobility.localAddresses = [Pair.addressA, Pair.secondA, Pair.sixA]
        var right = pskB()
        right.mobility.localAddresses = [Pair.addressB, Pair.secondB, Pair.sixB]
        let pair = establishedPair(left, right)
        pair.reaches([])
        let before = pair.trace.count
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.run(.seconds(2))
        let ways = Set(pair.trace[before...].map(\.path))
        // Two by two of IPv4 and one of IPv6.
        #expect(ways.count == 5)
        pair.run(.seconds(30))
        #expect(closes(pair.a) == [.peerDead])
        #expect(pair.trace.count - before < 16 * 10)
    }

    @Test func aResponderThatLosesItsAddressTellsTheInitiator() {
        let pair = multihomed()
        pair.reaches([Pair.addressA, Pair.secondB])
        pair.command(pair.b, .localAddressesChanged(nil, LocalAddresses(usable: [Pair.secondB])))
        pair.settle()
        #expect(pair.espTargets(pair.a) == [Pair.secondB])
        #expect(pair.statusA?.additionalAddresses == [])
        #expect(pair.a.moves == [.peerAddresses])
        pair.expectAgreement()
    }

    @Test func aNewListReplacesTheOldOne() {
        let pair = multihomed()
        pair.command(pair.b, .localAddressesChanged(nil, LocalAddresses(usable: [Pair.addressB, Pair.sixB])))
        pair.settle()
        #expect(pair.statusA?.additionalAddresses == [Pair.sixB])
        pair.command(pair.b, .localAddressesChanged(nil, LocalAddresses(usable: [Pair.addressB])))
        pair.settle()
        #expect(pair.statusA?.additionalAddresses == [], "NO_ADDITIONAL_ADDRESSES")
        pair.moveA([Pair.addressA, Pair.secondA], routed: [(Pair.addressA, Pair.addressB)])
        pair.settle()
        #expect(pair.statusB?.additionalAddresses == [Pair.secondA])
        #expect(pair.a.moves.isEmpty && pair.b.moves.isEmpty)
    }

    @Test func aReloadedListIsTold() {
        let pair = multihomed()
        var right = pskB()
        right.mobility.localAddresses = [Pair.addressB, Pair.sixB]
        pair.command(pair.b, .reload(IKEConfiguration(connections: [right])))
        pair.settle()
        #expect(pair.statusA?.additionalAddresses == [Pair.sixB])
    }

    @Test func addressesThatPolicyRefusesAreNotTaken() {
        var left = pskA()
        left.mobility.localAddresses = [Pair.addressA]
        var right = pskB()
        right.remoteAddresses = [IPRange(Pair.addressA), IPRange(Pair.thirdA)]
        let pair = establishedPair(left, right)
        pair.moveA(
            [Pair.secondA, Pair.thirdA],
            routed: [(Pair.secondA, Pair.addressB), (Pair.thirdA, Pair.addressB)]
        )
        pair.settle()
        #expect(pair.b.refusals(.unacceptableAddresses) == 1)
        #expect(pair.espTargets(pair.b) == [Pair.thirdA], "the next way is tried")
        #expect(pair.espPaths(pair.a).map(\.local.address) == [Pair.thirdA])
    }

    @Test func aRefusalWithoutAnotherWayEndsInANewIKESA() {
        var right = pskB()
        right.remoteAddresses = [IPRange(Pair.addressA)]
        let pair = establishedPair(pskA(), right)
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.run(.seconds(20))
        #expect(closes(pair.a) == [.addressLost])
        #expect(pair.b.moves.isEmpty)
    }

    // MARK: NATs

    @Test func aChangedMappingIsFoundByALivenessCheck() throws {
        let pair = Pair(pskA(), pskB())
        var port: UInt16 = 40_000
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : port) }
        pair.delivers = { $0.sender == "A" || $0.path.remote.port == port || $0.path.remote.port == 1024 }
        pair.initiate(pskA())
        pair.settle()
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .probe(id))
        pair.settle()
        #expect(pair.b.moves.isEmpty)
        port = 41_000
        pair.command(pair.a, .probe(id))
        pair.settle()
        #expect(pair.a.mobility.contains { if case .mappingChanged = $0 { true } else { false } })
        #expect(pair.b.moves == [.peerMoved])
        #expect(pair.espPaths(pair.b).map(\.remote.port) == [41_000])
        pair.expectAgreement()
    }

    @Test func encapsulationFollowsTheNATsOfTheWay() {
        let pair = multihomed()
        #expect(pair.childA?.udpEncapsulation == false)
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : 40_000) }
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.settle()
        #expect(pair.childA?.udpEncapsulation == true && pair.childB?.udpEncapsulation == true)
        #expect(pair.statusA?.localNAT == true && pair.statusB?.remoteNAT == true)
        #expect(pair.b.installed.values.allSatisfy { $0.parameters.udpEncapsulation })
        pair.run(.seconds(21))
        #expect(pair.a.keepalives.count == 1)
        pair.translate = nil
        pair.moveA([Pair.addressA], routed: [(Pair.addressA, Pair.addressB)])
        pair.settle()
        #expect(pair.childA?.udpEncapsulation == false && pair.childB?.udpEncapsulation == false)
        pair.run(.seconds(60))
        #expect(pair.a.keepalives.count == 1)
    }

    private func withoutNATs() -> (ConnectionConfiguration, ConnectionConfiguration) {
        var (left, right) = (pskA(), pskB())
        left.mobility.forbidsNAT = true
        right.mobility.forbidsNAT = true
        return (left, right)
    }

    @Test func whereNATsAreForbiddenMovesWorkWithoutOne() {
        let (left, right) = withoutNATs()
        let pair = establishedPair(left, right)
        #expect(pair.statusA?.hasMOBIKE == true && pair.statusA?.path.transport == .udp500)
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
    }

    @Test func whereNATsAreForbiddenNobodyBehindOneGetsIn() {
        let (left, right) = withoutNATs()
        let pair = Pair(left, right)
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port) }
        pair.initiate(left)
        pair.settle()
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        let causes = pair.a.reports.compactMap { report -> FailureReport.Cause? in
            if case .failed(_, let failure) = report { failure.cause } else { nil }
        }
        #expect(causes == [.peerRefused(.unexpectedNATDetected)])
    }

    @Test func whereNATsAreForbiddenNobodyMovesBehindOne() {
        let (left, right) = withoutNATs()
        let pair = establishedPair(left, right)
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port) }
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.run(.seconds(2))
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
        #expect(pair.b.moves.isEmpty)
        #expect(pair.b.refusals(.unexpectedNATDetected) >= 3, "tried again several times (RFC 4555 §3.9)")
        // What changed the packets is gone.
        pair.translate = nil
        pair.run(.seconds(10))
        #expect(pair.espTargets(pair.b) == [Pair.secondA])
    }
}
