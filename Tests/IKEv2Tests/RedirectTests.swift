import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Redirect (RFC 5685), repeated authentication (RFC 4478) and childless IKE SAs (RFC 6023).
@Suite struct RedirectTests {
    private let elsewhere = RedirectTarget.address(.v4(0xC000_0202))

    private func follower() -> ConnectionConfiguration {
        var connection = pskA()
        connection.returning.redirectTargets = [elsewhere]
        return connection
    }

    private func redirected(_ node: Node) -> (RedirectTarget, FailureReport.Stage)? {
        for case .redirected(_, let target, let stage) in node.reports { return (target, stage) }
        return nil
    }

    @Test func aNewClientIsSentElsewhereBeforeAnythingIsKept() {
        let pair = Pair(follower(), pskB())
        pair.command(pair.b, .drain(to: elsewhere))
        pair.initiate(follower())
        pair.settle()
        #expect(redirected(pair.a)?.0 == elsewhere && redirected(pair.a)?.1 == .initial)
        #expect(pair.trace.count == 2 && pair.trace[1].bytes.count <= pair.trace[0].bytes.count)
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        // The drain is over.
        pair.command(pair.b, .drain(to: nil))
        pair.initiate(follower())
        pair.settle()
        pair.expectAgreement()
    }

    @Test func whoDoesNotFollowOrComesFromThereIsServed() {
        let pair = Pair(pskA(), pskB())
        pair.command(pair.b, .drain(to: elsewhere))
        pair.initiate(pskA())
        pair.settle()
        pair.expectAgreement()
        let back = Pair(follower(), pskB())
        back.command(back.b, .drain(to: elsewhere))
        let from = Initiation(follower(), path: back.pathA, redirectedFrom: .v4(0xC000_0202))
        back.command(back.a, .begin(from))
        back.settle()
        back.expectAgreement()
    }

    /// S13: wrong nonce, and targets that are not on the list.
    @Test func aRedirectWithAnotherNonceOrToAnotherPlaceIsIgnored() throws {
        let other = RedirectTarget.fqdn("evil.example")
        for (target, wrongNonce) in [(elsewhere, true), (other, false)] {
            let pair = Pair(follower(), pskB())
            pair.initiate(follower())
            pair.collect()
            let request = try #require(pair.wire.first)
            let nonce = try #require(try IKEMessage.parse(request.bytes.span).payloads.nonce)
            var header = try #require(request.header)
            header.flags = .response
            let claimed = wrongNonce ? nonce.map { $0 ^ 1 } : nonce
            let answer = IKEMessage(header: header, payloads: [Engine.redirect(to: target, nonce: claimed)]).serialise()
            pair.a.receive(answer, request.path, pair.now, pair.wall)
            #expect(redirected(pair.a) == nil)
            pair.settle()
            pair.expectAgreement()
        }
    }

    @Test func aDrainThatBeginsBetweenTheExchangesRedirectsAfterAuthentication() {
        let pair = Pair(follower(), pskB())
        pair.initiate(follower())
        pair.step()
        pair.step()
        pair.command(pair.b, .drain(to: elsewhere))
        pair.settle()
        #expect(redirected(pair.a)?.1 == .authentication)
        #expect(pair.trace.map(\.summary).suffix(2) == ["A INFORMATIONAL 2", "B INFORMATIONAL 2 response"])
        #expect(pair.b.authorizations.isEmpty && pair.b.installed.isEmpty && pair.a.installed.isEmpty)
        #expect(pair.statusA == nil && pair.statusB == nil)
    }

    @Test func anEstablishedClientIsAskedToMoveAndNobodyElse() throws {
        let pair = establishedPair(follower(), pskB())
        pair.command(pair.b, .drain(to: elsewhere))
        pair.run(.seconds(11))
        #expect(redirected(pair.a)?.1 == .informational)
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.redirectsSent == 1)
        // Only the original responder redirects (RFC 5685 §10).
        let reverse = establishedPair(follower(), pskB())
        let id = try #require(reverse.statusA?.id)
        let sa = try #require(reverse.a.endpoint.engine.newest(id))
        let chain = IKEMessage.serialiseChain([Engine.redirect(to: elsewhere)])
        let bytes = try #require(
            Forge.seal(sa, .informational, 2, first: chain.first, chain.bytes, crypto: reverse.a.crypto)
        )
        reverse.inject(Packet(bytes: bytes, path: reverse.pathA, sender: "A"))
        #expect(redirected(reverse.b) == nil && reverse.b.endpoint.statistics.dropped[.redirect] == 1)
    }

    @Test func fiveRedirectsInFiveMinutesAndNoMore() {
        var history = RedirectHistory()
        var now = Instant.zero
        var followed = (0..<5).count { _ in history.follow(now) }
        #expect(followed == 5)
        now = now + .seconds(299)
        followed += history.follow(now) ? 1 : 0
        #expect(followed == 5)
        now = now + .seconds(1)
        followed += history.follow(now) ? 1 : 0
        #expect(followed == 6)
    }

    // MARK: Repeated authentication

    @Test func theInitiatorIsToldToComeAgainBeforeItsTimeIsOver() throws {
        let pair = Pair(pskA(), pskB())
        pair.b.authorizer = { request in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(session: "s"),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA],
                    notAfter: WallTime(secondsSinceEpoch: 1_800_000_600)
                )
            )
        }
        pair.initiate(pskA())
        pair.settle()
        let id = try #require(pair.statusA?.id)
        pair.run(.seconds(470))
        #expect(!pair.a.reports.contains(.reauthenticationDue(id)))
        pair.run(.seconds(80))
        #expect(pair.a.reports.contains(.reauthenticationDue(id)))
        #expect(!pair.b.reports.contains { if case .reauthenticationDue = $0 { true } else { false } })
    }

    @Test func theConfigurationOfEitherEndMakesIt() throws {
        for ours in [true, false] {
            var (left, right) = (pskA(), pskB())
            if ours { left.returning.reauthentication = .seconds(300) }
            if !ours { right.returning.reauthentication = .seconds(300) }
            let pair = establishedPair(left, right)
            let id = try #require(pair.statusA?.id)
            // Rekeying is no authentication.
            pair.command(pair.a, .rekeyIKE(id))
            pair.run(.seconds(290))
            #expect(pair.a.reports.contains(.reauthenticationDue(id)), "ours: \(ours)")
        }
    }

    /// The next IKE SA stands before the first one goes, and nothing that is sent meets nobody.
    @Test func theNextIKESAStandsBeforeTheFirstOneGoes() throws {
        var right = pskB()
        right.replacesOlder = true
        let pair = establishedPair(pskA(), right)
        pair.watchesTraffic = true
        let old = try #require(pair.statusA?.id)
        let oldChild = try #require(pair.childB?.inboundSPI)
        let new = pair.initiate(pskA())
        pair.settle()
        #expect(pair.b.installed[oldChild] != nil, "packets on their way are still taken")
        #expect(pair.a.endpoint.status(new)?.children.count == 1)
        pair.command(pair.a, .close(old, .replaced))
        pair.settle()
        #expect(pair.losses.isEmpty)
        pair.run(.seconds(15))
        pair.expectAgreement()
        #expect(pair.statusA?.id == new)
    }

    @Test func theOldIKESAGoesEvenWhenItsPeerForgetsToDeleteIt() throws {
        let pair = establishedPair()
        pair.initiate(pskA())
        pair.run(.seconds(15))
        pair.expectAgreement()
    }

    // MARK: Childless

    @Test func anIKESAWithoutChildGetsOneAfterwards() {
        var left = pskA()
        left.returning.childless = .prefer
        let pair = establishedPair(left, pskB())
        #expect(
            pair.trace.map(\.summary).prefix(6) == [
                "A IKE_SA_INIT 0", "B IKE_SA_INIT 0 response", "A IKE_AUTH 1", "B IKE_AUTH 1 response",
                "A CREATE_CHILD_SA 2", "B CREATE_CHILD_SA 2 response",
            ]
        )
        pair.expectAgreement()
    }

    @Test func aResponderThatDoesNotAnnounceItGetsAChildInIKEAuthAndRefusesNone() throws {
        var (left, right) = (pskA(), pskB())
        left.returning.childless = .prefer
        right.returning.childless = .never
        let pair = establishedPair(left, right)
        #expect(pair.trace.count == 4)
        pair.expectAgreement()
        let strict = Pair(left, right)
        strict.initiate(left)
        strict.step()
        strict.collect()
        // The announcement cannot be forged into the response: AUTH covers it. Here the initiator breaks the rule itself.
        let sa = try #require(strict.a.endpoint.engine.sas.values.first)
        sa.connection.returning.childless = .prefer
        strict.step()
        #expect(sa.handshake?.peerTakesChildless == false)
    }
}
