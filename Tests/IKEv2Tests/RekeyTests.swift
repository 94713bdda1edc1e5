import IKEMessage
import IKEv2
import IPsecTypes
import Testing

@Suite struct RekeyTests {
    @Test(arguments: [true, false]) func aChildIsRekeyedWithoutAPacketForAnUnknownSPI(byInitiator: Bool) throws {
        let pair = establishedPair()
        let rekeyer = byInitiator ? pair.a : pair.b
        let other = byInitiator ? pair.b : pair.a
        let old = try #require(rekeyer.status?.children.first)
        let id = try #require(rekeyer.status?.id)
        pair.watchesTraffic = true
        pair.command(rekeyer, .rekeyChild(id, old.inboundSPI))
        // CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KEi, TSi, TSr } -->
        pair.step()
        // <-- CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr }
        #expect(other.installed.count == 2)
        #expect(other.installed[old.outboundSPI]?.sends == true, "the responder still sends on the old SA")
        #expect(other.installed.values.filter(\.sends).count == 1)
        pair.step()
        // INFORMATIONAL { D } -->
        #expect(rekeyer.installed[old.inboundSPI]?.sends == false, "the initiator has moved")
        pair.step()
        // <-- INFORMATIONAL { D }
        #expect(other.installed[old.outboundSPI]?.sends == false, "the responder moves at the Delete")
        pair.settle()
        #expect(pair.a.installed.count == 2 && pair.b.installed.count == 2, "packets in flight are accepted")
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty)
        let successor = try #require(rekeyer.status?.children.first)
        #expect(successor.inboundSPI != old.inboundSPI)
        #expect(successor.suite.keyExchange == .x25519, "with a key exchange of its own")
        #expect(successor.owner == old.owner && successor.localSelectors == old.localSelectors)
    }

    @Test func theResponderMovesWhenTheFirstPacketArrivesOnTheNewSA() throws {
        let pair = establishedPair()
        let old = try #require(pair.childB)
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .rekeyChild(id, try #require(pair.childA).inboundSPI))
        pair.step()
        let fresh = try #require(pair.b.installed.keys.first { $0 != old.inboundSPI })
        pair.event(pair.b, .backend(.firstInbound(inboundSPI: fresh)))
        #expect(pair.b.installed[fresh]?.sends == true)
        #expect(pair.b.installed[old.inboundSPI]?.sends == false)
        pair.run(.seconds(6))
        pair.expectAgreement()
    }

    @Test func aRekeyingFallsBackToTheMethodThePeerWants() throws {
        var right = pskB()
        right.children = [
            child(
                local: [networkB],
                remote: [networkA],
                proposals: [ESPProposal(ciphers: [.aes256GCM], keyExchanges: [.ecp384])]
            )
        ]
        let pair = establishedPair(pskA(), right)
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .rekeyChild(id, try #require(pair.childA).inboundSPI))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.childA?.suite.keyExchange == .ecp384)
    }

    @Test func aRekeyingThatThePeerRefusesLeavesTheOldSA() throws {
        let pair = establishedPair()
        let old = try #require(pair.childA)
        var right = pskB()
        right.children[0].proposals = [ESPProposal(ciphers: [.aes128GCM], keyExchanges: [.ecp521])]
        // The old SA's settings rule its rekeying, so B gets a new child with others first.
        pair.command(pair.b, .reload(IKEConfiguration(connections: [right])))
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .addChild(id, child("second", local: [networkA], remote: [networkB])))
        pair.settle()
        #expect(childFailure(pair.a)?.child == "second")
        guard case .peerRefusedProposals = childFailure(pair.a)?.cause else {
            Issue.record("\(String(describing: childFailure(pair.a)))")
            return
        }
        guard case .noProposalChosen = childFailure(pair.b)?.cause else {
            Issue.record("\(String(describing: childFailure(pair.b)))")
            return
        }
        pair.expectAgreement()
        #expect(pair.childA?.inboundSPI == old.inboundSPI)
    }

    @Test(arguments: [true, false]) func theIKESAIsRekeyedAndItsChildrenGoAlong(byInitiator: Bool) throws {
        let pair = establishedPair()
        let rekeyer = byInitiator ? pair.a : pair.b
        let before = try #require(rekeyer.status)
        pair.watchesTraffic = true
        pair.command(rekeyer, .rekeyIKE(before.id))
        // CREATE_CHILD_SA { SA, Ni, KEi } -->
        // <-- CREATE_CHILD_SA { SA, Nr, KEr }
        // INFORMATIONAL { D } -->
        // <-- INFORMATIONAL { }
        pair.settle()
        #expect(pair.trace.count == 8)
        pair.expectAgreement()
        let after = try #require(rekeyer.status)
        #expect(after.initiatorSPI != before.initiatorSPI && after.responderSPI != before.responderSPI)
        #expect(after.children.map(\.inboundSPI) == before.children.map(\.inboundSPI))
        #expect(after.rekeyings == 1)
        #expect(after.isInitiator, "whoever rekeys is the original initiator of the new IKE SA")
        // The new IKE SA works in both directions.
        pair.command(pair.b, .rekeyChild(try #require(pair.statusB?.id), try #require(pair.childB).inboundSPI))
        pair.run(.seconds(6))
        pair.command(pair.a, .rekeyChild(try #require(pair.statusA?.id), try #require(pair.childA).inboundSPI))
        pair.run(.seconds(20))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty)
        #expect(closes(pair.a).isEmpty && closes(pair.b).isEmpty)
    }

    @Test func lifetimesRekeyWithoutBeingAsked() {
        let pair = establishedPair()
        pair.watchesTraffic = true
        pair.run(.seconds(2 * 3600))
        pair.expectAgreement()
        #expect((pair.statusA?.rekeyings ?? 0) >= 2)
        let rekeyed = pair.a.reports.filter { if case .childRekeyed = $0 { true } else { false } }
        #expect(rekeyed.count >= 4)
        #expect(pair.losses.isEmpty)
        #expect(closes(pair.a).isEmpty && closes(pair.b).isEmpty)
    }

    @Test func aSoftLimitOfBytesRekeysAndAHardOneCloses() throws {
        let pair = establishedPair()
        let old = try #require(pair.childA).inboundSPI
        pair.event(pair.a, .backend(.expired(inboundSPI: old, hard: false)))
        pair.run(.seconds(6))
        pair.expectAgreement()
        let fresh = try #require(pair.childA).inboundSPI
        #expect(fresh != old)
        pair.event(pair.a, .backend(.expired(inboundSPI: fresh, hard: true)))
        pair.settle()
        #expect(pair.statusA?.children.isEmpty == true && pair.statusB?.children.isEmpty == true)
        #expect(pair.a.installed.isEmpty && pair.b.installed.isEmpty)
    }

    @Test func aFurtherChildIsMadeAndDeleted() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .addChild(id, child("stage", local: [networkA], remote: [networkB])))
        pair.settle()
        pair.expectAgreement(children: 2)
        #expect(pair.b.authorizations.last?.purpose == .childSA(session: "s1"))
        let stage = try #require(pair.statusA?.children.first { $0.name == "stage" })
        pair.command(pair.a, .closeChild(id, stage.inboundSPI))
        pair.settle()
        pair.expectAgreement(children: 1)
    }

    @Test func nothingIsSentOnAFurtherChildBeforeThePeerCanReceiveIt() throws {
        let pair = establishedPair()
        pair.watchesTraffic = true
        let id = try #require(pair.statusA?.id)
        var lost = 0
        pair.delivers = { packet in
            if packet.sender == "B", packet.isResponse, lost < 2 {
                lost += 1
                return false
            }
            return true
        }
        pair.command(pair.a, .addChild(id, child("stage", local: [networkA], remote: [networkB])))
        pair.run(.seconds(4))
        pair.expectAgreement(children: 2)
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        // A peer that says nothing more gets five seconds to have our answer.
        let other = establishedPair()
        other.command(other.a, .addChild(id, child("stage", local: [networkA], remote: [networkB])))
        other.step()
        other.wire = []
        other.delivers = { _ in false }
        other.run(.seconds(4))
        #expect(other.b.installed.values.filter(\.sends).count == 1)
        other.run(.seconds(2))
        #expect(other.b.installed.values.filter(\.sends).count == 2)
    }

    @Test func policyRefusesAFurtherChildAndTheIKESAStays() throws {
        let pair = establishedPair()
        pair.b.authorizer = { _ in .deny(reason: "no rule for stage", .selectorsUnacceptable) }
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .addChild(id, child("stage", local: [networkA], remote: [networkB])))
        pair.settle()
        pair.expectAgreement(children: 1)
        guard case .peerRefusedSelectors(let mismatch) = childFailure(pair.a)?.cause else {
            Issue.record("\(String(describing: childFailure(pair.a)))")
            return
        }
        #expect(mismatch.wantedRemote == [networkB])
        #expect(childFailure(pair.b)?.cause == .refused("no rule for stage"))
    }

    @Test func theResponderOfIKEAuthMayAskForChildrenToo() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusB?.id)
        pair.command(pair.b, .addChild(id, child("back", local: [networkB], remote: [networkA])))
        pair.settle()
        pair.expectAgreement(children: 2)
    }

    @Test func noMoreThanSixtyFourChildren() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA?.id)
        for number in 0..<70 {
            pair.command(pair.a, .addChild(id, child("c\(number)", local: [networkA], remote: [networkB])))
        }
        pair.settle()
        #expect(pair.a.installed.count == 64)
        guard case .limit = childFailure(pair.a)?.cause else {
            Issue.record("\(String(describing: childFailure(pair.a)))")
            return
        }
    }
}
