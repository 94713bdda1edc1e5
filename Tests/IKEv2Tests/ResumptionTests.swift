import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Session resumption (RFC 5723).
@Suite struct ResumptionTests {
    private static func key(_ id: UInt64) -> TicketKey? {
        TicketKey(id: id, secret: SecretBytes([UInt8](repeating: UInt8(id), count: TicketKey.secretLength)))
    }
    private static func secrets(_ ids: UInt64...) -> ReturnSecrets {
        ReturnSecrets(crash: [CrashDetectionTests.secret], tickets: ids.compactMap(key))
    }

    private func pair(
        _ left: ConnectionConfiguration = pskA(),
        _ right: ConnectionConfiguration = pskB(),
        notAfter: WallTime? = nil
    ) -> Pair {
        let pair = Pair(left, right)
        pair.b.authorizer = { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(session: "s1", ruleIndices: [3]),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA],
                    notAfter: notAfter
                )
            )
        }
        pair.command(pair.b, .useSecrets(Self.secrets(1)))
        pair.initiate(left)
        pair.settle()
        return pair
    }

    private func restart(
        _ pair: Pair,
        _ right: ConnectionConfiguration = pskB(),
        _ secrets: ReturnSecrets = secrets(2, 1)
    ) {
        pair.b.restart(IKEConfiguration(connections: [right]))
        pair.command(pair.b, .useSecrets(secrets))
    }

    /// A notices by B's crash token, and comes back.
    private func comeBack(_ pair: Pair, _ left: ConnectionConfiguration = pskA()) throws {
        let id = try #require(pair.statusA?.id)
        let ticket = try #require(pair.a.tickets[id])
        pair.command(pair.a, .probe(id))
        pair.settle()
        #expect(pair.statusA == nil)
        pair.trace = []
        pair.command(pair.a, .begin(Initiation(left, path: pair.pathA, ticket: ticket)))
        pair.settle()
    }

    private func resume(_ pair: Pair, _ ticket: SessionTicket, _ left: ConnectionConfiguration = pskA()) {
        pair.trace = []
        pair.command(pair.a, .begin(Initiation(left, path: pair.pathA, ticket: ticket)))
        pair.settle()
    }

    @Test func aSessionIsResumedAfterARestartWithoutAKeyExchange() throws {
        let pair = pair()
        restart(pair)
        try comeBack(pair)
        #expect(
            pair.trace.map(\.summary) == [
                "A IKE_SESSION_RESUME 0", "B IKE_SESSION_RESUME 0 response", "A IKE_AUTH 1", "B IKE_AUTH 1 response",
            ]
        )
        pair.expectAgreement()
        #expect(pair.childB?.owner.ruleIndices == [3])
        #expect(pair.statusB?.remoteIdentity == nameA && pair.statusA?.remoteIdentity == nameB)
        #expect(pair.b.endpoint.statistics.resumed == 1 && pair.a.endpoint.statistics.resumed == 1)
        #expect(pair.b.authorizations.count == 2, "policy is asked again")
        #expect(pair.a.tickets.count == 2, "and there is a new ticket")
        // Once more, by the new one.
        restart(pair, pskB(), Self.secrets(3, 2, 1))
        try comeBack(pair)
        pair.expectAgreement()
    }

    @Test func certificatesAreLookedAtAgain() throws {
        let pair = pair(certificateA(), certificateB())
        restart(pair, certificateB())
        try comeBack(pair, certificateA())
        pair.expectAgreement()
        #expect(pair.statusB?.peer?.attributes["subject"] == "a.example")
        // Revoked meanwhile: refused with the same bytes as ever, and the full exchange is up to policy and CA as well.
        let revoked = self.pair(certificateA(), certificateB())
        restart(revoked, certificateB())
        revoked.b.revalidation = .refused(reason: "revoked")
        try comeBack(revoked, certificateA())
        #expect(revoked.statusA == nil && revoked.statusB == nil)
        #expect(
            revoked.a.reports.contains { report in
                guard case .failed(_, let failure) = report else { return false }
                return failure.cause == .peerRefused(.authenticationFailed)
            }
        )
    }

    @Test func policyMayRefuseWhatItOnceAllowed() throws {
        let pair = pair()
        restart(pair)
        pair.b.authorizer = { _ in .deny(reason: "no rule", .authenticationFailed) }
        try comeBack(pair)
        #expect(pair.statusA == nil && pair.statusB == nil)
    }

    /// A gateway that wants puzzles from strangers wants a cookie and a ticket that opens from those it knows.
    @Test func whoHasATicketNeedsACookieAndNoPuzzle() throws {
        let pair = pair()
        var configuration = IKEConfiguration(connections: [pskB()])
        configuration.limits.cookieThreshold = 0
        configuration.limits.puzzleThreshold = 0
        pair.b.restart(configuration)
        pair.command(pair.b, .useSecrets(Self.secrets(2, 1)))
        pair.a.solvesPuzzles = false
        try comeBack(pair)
        #expect(
            pair.trace.map(\.summary) == [
                "A IKE_SESSION_RESUME 0", "B IKE_SESSION_RESUME 0 response", "A IKE_SESSION_RESUME 0",
                "B IKE_SESSION_RESUME 0 response", "A IKE_AUTH 1", "B IKE_AUTH 1 response",
            ]
        )
        pair.expectAgreement()
        #expect(pair.a.puzzles.isEmpty)
    }

    @Test func aTicketIsGoodForOnce() throws {
        let pair = pair()
        let ticket = try #require(pair.a.tickets.values.first)
        restart(pair)
        try comeBack(pair)
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .close(id, .requested))
        pair.run(.seconds(1))
        resume(pair, ticket)
        #expect(pair.trace.contains { $0.summary == "A IKE_SA_INIT 0" }, "TICKET_NACK leads to a full exchange")
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.resumed == 1 && pair.b.endpoint.statistics.ticketsRefused == 1)
    }

    @Test func aDeletedIKESAsTicketIsDead() throws {
        for peerCloses in [true, false] {
            let pair = pair()
            let ticket = try #require(pair.a.tickets.values.first)
            let id = try #require(peerCloses ? pair.statusB?.id : pair.statusA?.id)
            pair.command(peerCloses ? pair.b : pair.a, .close(id, .expired))
            pair.run(.seconds(1))
            #expect(pair.a.tickets.isEmpty, "RFC 5723 §6.2: the client forgets it")
            resume(pair, ticket)
            #expect(pair.b.endpoint.statistics.ticketsRefused == 1)
            pair.expectAgreement()
        }
    }

    @Test func aRekeyingBringsANewTicketAndEndsTheOldOne() throws {
        let pair = pair()
        let old = try #require(pair.a.tickets.values.first)
        for node in [pair.a, pair.b] {
            let id = try #require(node.status?.id)
            pair.command(node, .rekeyIKE(id))
            pair.run(.seconds(2))
        }
        let id = try #require(pair.statusA?.id)
        let new = try #require(pair.a.tickets[id])
        #expect(new.ticket != old.ticket)
        restart(pair)
        try comeBack(pair)
        pair.expectAgreement()
    }

    @Test func forgedForeignAndExpiredTicketsGetOneSmallRefusal() throws {
        let pair = pair()
        let ticket = try #require(pair.a.tickets.values.first)
        var forged = ticket.ticket
        forged[forged.count / 2] ^= 1
        for (bytes, keys) in [
            (forged, Self.secrets(2, 1)), (ticket.ticket, Self.secrets(9)), ([1, 2, 3], Self.secrets(1)),
            ([UInt8](repeating: 1, count: 4000), Self.secrets(1)),
        ] {
            restart(pair, pskB(), keys)
            let header = IKEHeader(
                initiatorSPI: IKESPI(5),
                responderSPI: .zero,
                exchangeType: .ikeSessionResume,
                flags: .initiator,
                messageID: 0
            )
            let request = IKEMessage(
                header: header,
                payloads: [.nonce(NoncePayload(data: [UInt8](repeating: 4, count: 32))), .notify(.ticketOpaque, bytes)]
            ).serialise()
            pair.wire = []
            pair.inject(Packet(bytes: request, path: pair.pathA, sender: "A"))
            let answer = try #require(pair.wire.last)
            #expect(answer.bytes.count <= request.count)
            #expect(try IKEMessage.parse(answer.bytes.span).payloads == [.notify(.ticketNack)])
            #expect(pair.b.endpoint.halfOpenCount == 0)
        }
        restart(pair)
        pair.command(pair.a, .forget(try #require(pair.statusA?.id)))
        pair.a.installed = [:]
        pair.advance(to: pair.now + .seconds(4000))
        resume(pair, ticket)
        #expect(!pair.trace.contains { $0.header?.exchangeType == .ikeSessionResume }, "the client knows its life too")
        pair.expectAgreement()
    }

    @Test func whoSawATicketCannotSpendIt() throws {
        let pair = pair()
        let ticket = try #require(pair.a.tickets.values.first)
        restart(pair)
        // Another one's IKE_SESSION_RESUME with the same ticket, and then junk for IKE_AUTH.
        let header = IKEHeader(
            initiatorSPI: IKESPI(5),
            responderSPI: .zero,
            exchangeType: .ikeSessionResume,
            flags: .initiator,
            messageID: 0
        )
        let nonce = Payload.nonce(NoncePayload(data: [UInt8](repeating: 4, count: 32)))
        let request = IKEMessage(header: header, payloads: [nonce, .notify(.ticketOpaque, ticket.ticket)]).serialise()
        pair.inject(Packet(bytes: request, path: pair.pathA, sender: "A"))
        #expect(pair.b.endpoint.halfOpenCount == 1)
        try comeBack(pair)
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.resumed == 1)
    }

    /// Half-open limits and cookies hold for IKE_SESSION_RESUME as for IKE_SA_INIT.
    @Test func underLoadACookieComesFirst() throws {
        let pair = pair()
        let ticket = try #require(pair.a.tickets.values.first)
        var loaded = IKEConfiguration(connections: [pskB()])
        loaded.limits.cookieThreshold = 0
        pair.b.restart(loaded)
        pair.command(pair.b, .useSecrets(Self.secrets(2, 1)))
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.settle()
        resume(pair, ticket)
        #expect(
            pair.trace.map(\.summary).prefix(4) == [
                "A IKE_SESSION_RESUME 0", "B IKE_SESSION_RESUME 0 response", "A IKE_SESSION_RESUME 0",
                "B IKE_SESSION_RESUME 0 response",
            ]
        )
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.resumed == 1)
    }

    @Test func aResumedSessionEndsWithItsAuthentication() throws {
        let wall = WallTime(secondsSinceEpoch: 1_800_000_000)
        let pair = pair(notAfter: wall.advanced(bySeconds: 600))
        restart(pair)
        pair.b.authorizer = { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(session: "s2"),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA],
                    notAfter: wall.advanced(bySeconds: 9000)
                )
            )
        }
        try comeBack(pair)
        #expect(pair.statusB?.notAfter == wall.advanced(bySeconds: 600))
    }

    @Test func withoutAnAnswerTheFullExchangeFollows() throws {
        let pair = pair()
        restart(pair)
        pair.delivers = { $0.header?.exchangeType != .ikeSessionResume }
        try comeBack(pair)
        pair.run(.seconds(20))
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.resumed == 0)
    }

    @Test func aFullMemoryOfSpentTicketsResumesNobody() throws {
        var memory = TicketMemory()
        let now = WallTime(secondsSinceEpoch: 1000)
        for number in 0..<4 {
            let kept = memory.insert([UInt8(number)], until: now.advanced(bySeconds: 60), now: now, limit: 4)
            #expect(kept)
        }
        let tooMany = memory.insert([9], until: now.advanced(bySeconds: 60), now: now, limit: 4)
        #expect(!tooMany)
        #expect(memory.contains([2]) && !memory.contains([9]))
        let later = now.advanced(bySeconds: 61)
        let again = memory.insert([9], until: later.advanced(bySeconds: 60), now: later, limit: 4)
        #expect(again)
        #expect(memory.count == 1)
    }

    @Test func noIVRepeatsUnderATicketKey() throws {
        let pair = pair()
        var ivs: Set<[UInt8]> = []
        let sa = try #require(pair.b.endpoint.engine.sas.values.first)
        for _ in 0..<100 {
            let payload = try #require(pair.b.tickets(of: sa, pair.now, pair.wall).first)
            guard case .notify(let notify) = payload, notify.type == .ticketLTOpaque else { continue }
            #expect(ivs.insert(Array(notify.data[13..<21])).inserted)
        }
        #expect(ivs.count == 100)
    }
}

extension Node {
    fileprivate func tickets(of sa: IKESA, _ now: Instant, _ wall: WallTime) -> [Payload] {
        var actions: [IKEAction] = []
        endpoint.engine.begin(now, wall, random, &actions)
        let payloads = endpoint.engine.ticketPayloads(sa)
        endpoint.engine.end(&random, &actions)
        return payloads
    }
}
