import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// N02: an authenticated peer, or who changes addresses on the way, leads ESP to somebody else. Nobody gets ESP before it
/// has answered something that only its own address could have told it.
@Suite struct ForgedSourceTests {
    private func behindNAT(_ left: ConnectionConfiguration, _ right: ConnectionConfiguration) -> Pair {
        let pair = Pair(left, right)
        pair.translate = {
            $0.address == Pair.addressA ? Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : 40_000) : $0
        }
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        return pair
    }

    private func plain() -> (ConnectionConfiguration, ConnectionConfiguration) {
        var (left, right) = (pskA(), pskB())
        left.mobility.isEnabled = false
        return (left, right)
    }

    /// Only what goes to the victim is looked at, and lost.
    private func loseVictims(_ pair: Pair) {
        pair.delivers = { $0.path.remote.address != Pair.victim }
    }

    @Test func anUpdateFromAForgedSourceMovesNoESP() {
        let pair = establishedPair()
        loseVictims(pair)
        pair.forgeRequest([.notify(.updateSAAddresses)], from: Pair.victim)
        #expect(pair.statusB?.path.remote.address == Pair.victim)
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
        let before = pair.trace.count
        pair.run(.seconds(30))
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
        #expect(pair.statusB?.path.remote.address == Pair.addressA, "the check failed: back to where the peer was")
        #expect(pair.b.mobility.contains { if case .checkFailed = $0 { true } else { false } })
        #expect(pair.b.moves.isEmpty && closes(pair.b).isEmpty)
        // The victim saw the answer, the check and its few retransmissions: no flood.
        #expect(pair.trace[before...].filter { $0.path.remote.address == Pair.victim }.count <= 6)
    }

    @Test func aChildMadeMeanwhileGoesWhereThePeerWasProved() throws {
        let pair = establishedPair()
        loseVictims(pair)
        pair.forgeRequest([.notify(.updateSAAddresses)], from: Pair.victim)
        let more = child("more", local: [networkA], remote: [networkB])
        pair.command(pair.a, .addChild(try #require(pair.statusA?.id), more))
        pair.settle()
        #expect(pair.b.installed.count == 2)
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
    }

    @Test(arguments: [nil, [UInt8](repeating: 7, count: 32)] as [[UInt8]?])
    func aWrongOrAbsentCookieEndsTheIKESA(_ cookie: [UInt8]?) {
        let pair = establishedPair()
        loseVictims(pair)
        pair.forgeRequest([.notify(.updateSAAddresses)], from: Pair.victim)
        pair.forgeResponse(cookie.map { [.notify(.cookie2, $0)] } ?? [], from: Pair.victim)
        #expect(closes(pair.b) == [.protocolError("COOKIE2 did not come back as it was sent")])
        #expect(pair.b.installed.isEmpty && pair.b.moves.isEmpty)
    }

    @Test func aForgedSourceOfESPMovesNothingWithMOBIKE() throws {
        let pair = behindNAT(pskA(), pskB())
        loseVictims(pair)
        let spi = try #require(pair.childB?.inboundSPI)
        for _ in 0..<100 {
            pair.event(pair.b, .backend(.mappingChanged(inboundSPI: spi, remote: Endpoint(Pair.victim, port: 53))))
        }
        let cookies = pair.wire.filter { $0.path.remote.address == Pair.victim }
        #expect(cookies.count == 1, "one question, whatever comes from there")
        pair.run(.seconds(15))
        #expect(pair.espTargets(pair.b) == [.v4(0xCB00_7101)])
        #expect(closes(pair.b).isEmpty && pair.b.moves.isEmpty)
        // Not asked again for a while.
        let before = pair.trace.count
        pair.event(pair.b, .backend(.mappingChanged(inboundSPI: spi, remote: Endpoint(Pair.victim, port: 53))))
        pair.settle()
        #expect(pair.trace.count == before)
    }

    @Test func aForgedSourceMovesNothingWithoutMOBIKEEither() throws {
        let (left, right) = plain()
        let pair = behindNAT(left, right)
        loseVictims(pair)
        // An IKE message from there, and the answer to the question guessed.
        pair.forgeRequest([], from: Pair.victim)
        pair.settle()
        #expect(pair.espTargets(pair.b) == [.v4(0xCB00_7101)])
        pair.forgeResponse([.notify(.unsupportedCriticalPayload, [7])], from: Pair.victim)
        #expect(closes(pair.b) == [.protocolError("an answer that was made without the request")])
        #expect(pair.b.moves.isEmpty)
    }

    @Test func anEmptyAnswerProvesNoOtherAddress() throws {
        let (left, right) = plain()
        let pair = behindNAT(left, right)
        loseVictims(pair)
        pair.forgeRequest([], from: Pair.victim)
        pair.forgeResponse([], from: Pair.victim)
        pair.settle()
        #expect(pair.espTargets(pair.b) == [.v4(0xCB00_7101)] && closes(pair.b).isEmpty)
    }

    @Test func withoutMOBIKEANewAddressOfTheNATIsFollowedAfterAnAnswerFromThere() throws {
        let (left, right) = plain()
        let pair = behindNAT(left, right)
        pair.translate = { Endpoint(.v4(0xCB00_7102), port: $0.port == 500 ? 1024 : 40_500) }
        pair.delivers = { $0.sender == "A" || $0.path.remote == Endpoint(.v4(0xCB00_7102), port: 40_500) }
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.settle()
        #expect(pair.b.moves == [.natMapping])
        #expect(pair.espPaths(pair.b).map(\.remote) == [Endpoint(.v4(0xCB00_7102), port: 40_500)])
        pair.expectAgreement()
    }

    /// Seen beside strongSwan with 2 % loss: the NAT forgot its mapping while a request of ours was on its way, the one
    /// message that went to the new mapping was lost, and all others went to the old one until the peer was held dead.
    @Test(arguments: [true, false]) func aRequestInFlightFollowsTheNATThoughAMessageIsLost(_ mobike: Bool) throws {
        var (left, right) = plain()
        left.mobility.isEnabled = mobike
        right.mobility.isEnabled = mobike
        let pair = behindNAT(left, right)
        let new = Endpoint(.v4(0xCB00_7101), port: 40_500)
        pair.translate = { Endpoint(new.address, port: $0.port == 500 ? 1024 : new.port) }
        var lost = 0
        pair.delivers = { packet in
            guard packet.sender == "B" else { return true }
            guard packet.path.remote == new, lost == 0 else { return packet.path.remote == new }
            lost += 1
            return false
        }
        pair.command(pair.b, .probe(try #require(pair.statusB?.id)))
        pair.settle()
        let spi = try #require(pair.childB?.inboundSPI)
        pair.event(pair.b, .backend(.mappingChanged(inboundSPI: spi, remote: new)))
        pair.run(.seconds(15))
        #expect(lost == 1 && pair.espPaths(pair.b).map(\.remote) == [new])
        #expect(closes(pair.b).isEmpty)
        pair.expectAgreement()
    }

    @Test func anIKEAuthFromAnotherAddressThanItsIKESAInitIsCheckedFirst() {
        let pair = Pair(pskA(), pskB())
        pair.initiate(pskA())
        pair.translate = { $0.port == 500 ? $0 : Endpoint(Pair.victim, port: 4500) }
        pair.delivers = { packet in
            packet.sender == "A" || packet.path.remote.address != Pair.victim
                || packet.header?.exchangeType == .ikeAuth
        }
        pair.settle()
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
        pair.run(.seconds(9))
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
        // A NAT with several addresses does the same, and the peer can answer there.
        let honest = Pair(pskA(), pskB())
        honest.translate = {
            $0.port == 500 ? Endpoint(.v4(0xCB00_7101), port: 900) : Endpoint(.v4(0xCB00_7102), port: 901)
        }
        honest.initiate(pskA())
        honest.settle()
        #expect(honest.espTargets(honest.b) == [.v4(0xCB00_7102)])
    }

    @Test func aFloodOfUpdatesIsRefusedBeyondABudget() {
        let pair = establishedPair()
        loseVictims(pair)
        for number in 0..<60 {
            pair.forgeRequest([.notify(.updateSAAddresses)], from: .v4(0xC633_6400 + UInt32(number)))
        }
        #expect(pair.b.refusals(.unacceptableAddresses) == 50)
        #expect(pair.espTargets(pair.b) == [Pair.addressA])
    }

    @Test func aResponderCannotMoveTheInitiator() {
        let pair = establishedPair()
        // RFC 4555 §3.5: the initiator decides; here B begs with all it has.
        if let sa = pair.saB {
            pair.b.endpoint.engine.begin(pair.now, pair.wall, SplitMix64(state: 5), &pair.bActions)
            pair.b.endpoint.engine.sendRequest(sa, .informational, [.notify(.updateSAAddresses)], .probe)
            var random = SplitMix64(state: 6)
            pair.b.endpoint.engine.end(&random, &pair.bActions)
        }
        for case .send(let bytes, var path) in pair.bActions {
            path.local.address = Pair.victim
            pair.inject(Packet(bytes: bytes, path: path, sender: "B"))
        }
        pair.settle()
        #expect(pair.espTargets(pair.a) == [Pair.addressB] && pair.a.moves.isEmpty)
    }

    // MARK: N07

    @Test func bothBehindNATsAndAPortThatChanges() throws {
        // The gateway stands behind port forwarding: its own address is another than the one that A calls.
        let pair = Pair(pskA(), pskB())
        var port: UInt16 = 40_000
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : port) }
        pair.rewriteAtB = { path in
            path.local.address = .v4(0xAC10_0001)
        }
        pair.initiate(pskA())
        pair.settle()
        #expect(pair.statusB?.localNAT == true && pair.statusB?.remoteNAT == true)
        pair.expectAgreement()
        for next in [41_000, 42_000, 43_000] as [UInt16] {
            port = next
            pair.delivers = { $0.sender == "A" || $0.path.remote.port == port }
            let spi = try #require(pair.childB?.inboundSPI)
            pair.event(
                pair.b,
                .backend(.mappingChanged(inboundSPI: spi, remote: Endpoint(.v4(0xCB00_7101), port: next)))
            )
            pair.run(.seconds(3))
            #expect(pair.espPaths(pair.b).map(\.remote.port) == [next])
        }
        #expect(pair.b.moves == [.natMapping, .natMapping, .natMapping])
        pair.expectAgreement()
    }
}
