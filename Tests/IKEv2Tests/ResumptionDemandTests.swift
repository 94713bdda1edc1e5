import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// IKE_SESSION_RESUME (RFC 5723) while the demand for cookies comes and goes.
@Suite struct ResumptionDemandTests {
    /// A session that stood, a gateway that has restarted with this demand, and the ticket.
    private func pair(cookieThreshold: Int, secretLifetime: Duration? = nil) throws -> (Pair, SessionTicket) {
        let pair = Pair(pskA(), pskB())
        pair.b.authorizer = { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(session: "s1"),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA]
                )
            )
        }
        pair.command(pair.b, .useSecrets(secrets(1)))
        pair.initiate(pskA())
        pair.settle()
        let ticket = try #require(pair.a.tickets.values.first)
        var configuration = IKEConfiguration(connections: [pskB()])
        configuration.limits.cookieThreshold = cookieThreshold
        configuration.limits.cookieDemandMemory = .zero
        if let secretLifetime { configuration.limits.cookieSecretLifetime = secretLifetime }
        pair.b.restart(configuration)
        pair.command(pair.b, .useSecrets(secrets(2, 1)))
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.settle()
        pair.trace = []
        return (pair, ticket)
    }

    private func secrets(_ ids: UInt64...) -> ReturnSecrets {
        let keys = ids.compactMap {
            TicketKey(id: $0, secret: SecretBytes([UInt8](repeating: UInt8($0), count: TicketKey.secretLength)))
        }
        return ReturnSecrets(crash: [CrashDetectionTests.secret], tickets: keys)
    }

    private func demand(_ pair: Pair, _ isOn: Bool) {
        pair.b.endpoint.engine.configuration.limits.cookieThreshold = isOn ? 0 : 64
    }

    private func expectResumedOnce(_ pair: Pair, _ location: SourceLocation = #_sourceLocation) {
        let statistics = pair.b.endpoint.statistics
        #expect(statistics.resumed == 1 && statistics.failed == 0, sourceLocation: location)
        #expect(pair.b.endpoint.engine.sas.count == 1, "one IKE SA, no half-open one", sourceLocation: location)
        #expect(!pair.trace.contains { $0.summary == "A IKE_SA_INIT 0" }, "no full exchange", sourceLocation: location)
        pair.expectAgreement()
    }

    /// The first request is put off, its copy is taken, and then comes the one with the cookie: one IKE SA, and AUTH covers
    /// the request that the client sent last.
    @Test(arguments: [false, true]) func aDemandThatEndsInBetweenLeavesOneIKESA(answersFirst: Bool) throws {
        let (pair, ticket) = try pair(cookieThreshold: 0)
        pair.command(pair.a, .begin(Initiation(pskA(), path: pair.pathA, ticket: ticket)))
        let first = try #require(pair.wire.first)
        pair.step()
        let challenge = try #require(pair.wire.last)
        pair.wire = []
        demand(pair, false)
        pair.inject(first)
        let answer = try #require(pair.wire.last)
        #expect(answer.bytes.count > challenge.bytes.count, "not put off again")
        pair.wire = []
        pair.inject(challenge)
        #expect(pair.wire.count == 1, "the request with the cookie")
        if answersFirst { pair.wire.insert(answer, at: 0) } else { pair.wire.append(answer) }
        pair.settle()
        expectResumedOnce(pair)
    }

    /// The request that was taken comes again from the network, with and without its cookie, before and behind IKE_AUTH.
    @Test func copiesAfterwardsChangeNothing() throws {
        let (pair, ticket) = try pair(cookieThreshold: 0)
        pair.command(pair.a, .begin(Initiation(pskA(), path: pair.pathA, ticket: ticket)))
        let first = try #require(pair.wire.first)
        pair.step()
        pair.step()
        let second = try #require(pair.wire.first)
        pair.step()
        demand(pair, false)
        let held = pair.wire
        for copy in [first, second, first] { pair.inject(copy) }
        #expect(pair.b.endpoint.halfOpenCount == 1)
        pair.wire = held
        pair.settle()
        demand(pair, true)
        for copy in [second, first] { pair.inject(copy) }
        pair.wire = []
        expectResumedOnce(pair)
    }

    /// A demand that begins when the request is on its way, and a secret that is two generations old when the cookie comes
    /// back: another cookie, and then the session.
    @Test func aSecretThatChangesMeanwhileCostsAnotherCookie() throws {
        let (pair, ticket) = try pair(cookieThreshold: 0, secretLifetime: .milliseconds(100))
        pair.command(pair.a, .begin(Initiation(pskA(), path: pair.pathA, ticket: ticket)))
        pair.step()
        pair.step()
        let late = try #require(pair.wire.first)
        pair.wire = []
        // The cookie travels for longer than its secret and the one after live.
        pair.advance(to: pair.now + .milliseconds(250))
        pair.inject(late)
        let challenge = try #require(pair.wire.last)
        #expect(try IKEMessage.parse(challenge.bytes).payloads.notify(.cookie) != nil)
        #expect(pair.b.endpoint.halfOpenCount == 0)
        pair.settle()
        expectResumedOnce(pair)
        #expect(pair.b.endpoint.statistics.cookiesSent == 2)
    }

    /// A gateway whose cookies never satisfy it is given up after as many tries as for IKE_SA_INIT.
    @Test func cookiesWithoutEndAreNotFollowed() throws {
        let (pair, ticket) = try pair(cookieThreshold: 0, secretLifetime: .milliseconds(1))
        pair.command(pair.a, .begin(Initiation(pskA(), path: pair.pathA, ticket: ticket)))
        for _ in 0..<100 where !pair.wire.isEmpty {
            pair.advance(to: pair.now + .milliseconds(10))
            pair.step()
        }
        #expect(pair.wire.isEmpty && pair.a.endpoint.statuses().isEmpty && pair.b.endpoint.halfOpenCount == 0)
        #expect(
            pair.a.reports.contains { report in
                guard case .failed(_, let failure) = report, case .tooManyRetries = failure.cause else { return false }
                return true
            }
        )
    }
}
