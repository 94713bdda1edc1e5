import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Tickets of peers that proved themselves by EAP, in several rounds, or with a post-quantum pre-shared key (RFC 5723 §5).
@Suite struct ResumedProofTests {
    private static func secrets(_ ids: UInt64...) -> ReturnSecrets {
        ReturnSecrets(
            crash: [CrashDetectionTests.secret],
            tickets: ids.compactMap {
                TicketKey(id: $0, secret: SecretBytes([UInt8](repeating: UInt8($0), count: TicketKey.secretLength)))
            }
        )
    }

    private static func grant(_ change: (inout AuthorizationGrant) -> Void = { _ in }) -> AuthorizationGrant {
        var grant = AuthorizationGrant(
            owner: ChildSAOwner(session: "s1", ruleIndices: [3]),
            addresses: [.v4(0x0a63_0007)],
            localSelectors: [networkB],
            remoteSelectors: [networkA]
        )
        change(&grant)
        return grant
    }

    private func pair(
        _ left: ConnectionConfiguration,
        _ right: ConnectionConfiguration,
        grant: AuthorizationGrant = grant(),
        prepare: (Pair) -> Void = { _ in }
    ) -> Pair {
        let pair = Pair(left, right)
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        prepare(pair)
        pair.b.authorizer = { _ in .allow(grant) }
        pair.command(pair.b, .useSecrets(Self.secrets(1)))
        pair.initiate(left)
        pair.settle()
        return pair
    }

    /// B forgets everything but its ticket keys, and A comes back by its ticket.
    private func comeBack(_ pair: Pair, _ left: ConnectionConfiguration, _ right: ConnectionConfiguration) throws {
        pair.b.restart(IKEConfiguration(connections: [right]))
        pair.command(pair.b, .useSecrets(Self.secrets(2, 1)))
        let id = try #require(pair.statusA?.id)
        let ticket = try #require(pair.a.tickets[id])
        pair.command(pair.a, .probe(id))
        pair.settle()
        #expect(pair.statusA == nil)
        pair.trace = []
        pair.command(pair.a, .begin(Initiation(left, path: pair.pathA, ticket: ticket)))
        pair.settle()
    }

    private static let resumption = [
        "A IKE_SESSION_RESUME 0", "B IKE_SESSION_RESUME 0 response", "A IKE_AUTH 1", "B IKE_AUTH 1 response",
    ]

    @Test func aUserComesBackWithWhatEAPProvedAndWhatItsSessionWas() throws {
        let end = WallTime(secondsSinceEpoch: 1_800_000_900)
        let pair = pair(
            eapA(),
            eapB(),
            grant: Self.grant { grant in
                grant.ticketNote = [7, 7]
                grant.notAfter = end
            }
        )
        let first = try #require(pair.b.authorizations.first)
        #expect(first.resumed == nil && first.verified.eap?.name == "alice")
        try comeBack(pair, eapA(), eapB())
        #expect(pair.trace.map(\.summary) == Self.resumption)
        pair.expectAgreement()
        let again = try #require(pair.b.authorizations.last)
        #expect(again.identity == first.identity && again.verified.eap == first.verified.eap)
        #expect(again.resumed?.note == [7, 7] && again.resumed?.addresses == [.v4(0x0a63_0007)])
        // Never longer than the authentication, however often it is resumed.
        #expect(again.resumed?.ends == end && pair.statusB?.notAfter == end)
        let id = try #require(pair.statusA?.id)
        let ticket = try #require(pair.a.tickets[id])
        #expect(ticket.expires <= pair.now + .seconds(900))
    }

    @Test func aUserThatIsNoneAnyMoreDoesNotComeBack() throws {
        let pair = pair(eapA(), eapB())
        pair.b.revalidation = .refused(reason: "eap_unknown_user: gone")
        try comeBack(pair, eapA(), eapB())
        #expect(pair.statusA == nil && pair.statusB == nil)
        // Nor does one whom the desk takes for another.
        let other = self.pair(eapA(), eapB())
        let mallory = EAPIdentity(name: "mallory", method: "md", isMutual: true)
        other.b.revalidation = .accepted(VerifiedPeer(eap: mallory))
        try comeBack(other, eapA(), eapB())
        #expect(other.statusA == nil && other.statusB == nil && other.b.authorizations.count == 1)
    }

    @Test(arguments: AuthenticationRoundTests.mixtures)
    func allRoundsAreInTheTicket(_ mixture: AuthenticationRoundTests.Mixture) throws {
        let (left, right) = AuthenticationRoundTests.configure(mixture)
        let pair = pair(left, right)
        let first = try #require(pair.b.authorizations.first)
        try comeBack(pair, left, right)
        #expect(pair.trace.map(\.summary) == Self.resumption)
        pair.expectAgreement()
        let again = try #require(pair.b.authorizations.last)
        #expect(again.earlierRounds.map(\.identity) == first.earlierRounds.map(\.identity))
        #expect(again.identity == first.identity && pair.b.authorizations.count == 2)
    }

    @Test func aTicketOfFewerRoundsIsNoneForAConnectionThatWantsMore() throws {
        let pair = pair(certificateA(), certificateB())
        let (left, right) = AuthenticationRoundTests.configure(
            .init(name: "", ours: [AuthenticationRoundTests.alice], exchanges: 6)
        )
        try comeBack(pair, left, right)
        #expect(pair.b.endpoint.statistics.ticketsRefused == 1 && pair.b.endpoint.statistics.resumed == 0)
        #expect(pair.b.authorizations.last?.earlierRounds.count == 1)
    }

    private func with(_ connection: ConnectionConfiguration, _ id: String?, required: Bool) -> ConnectionConfiguration {
        var connection = connection
        connection.ppk = id.map { id in
            PPKSettings(entries: [.init(identifier: Array(id.utf8), key: KeyID("ppk-\(id)"))], isRequired: required)
        }
        return connection
    }

    private func giveKeys(_ pair: Pair) {
        let secret = SecretBytes(Array("a post-quantum secret of good length".utf8))
        for node in [pair.a, pair.b] { for id in ["one", "two"] { node.ppks["ppk-\(id)"] = secret } }
    }

    @Test func thePostQuantumKeyStaysInTheKeys() throws {
        let (left, right) = (with(pskA(), "one", required: true), with(pskB(), "one", required: true))
        let pair = pair(left, right, prepare: giveKeys)
        #expect(pair.mixes == 2)
        try comeBack(pair, left, right)
        #expect(pair.trace.map(\.summary) == Self.resumption)
        pair.expectAgreement()
        #expect(pair.mixes == 2, "SK_d has it already (RFC 8784 §3)")
    }

    @Test func aTicketWithoutTheKeyIsNoneWhereTheKeyIsRequiredNow() throws {
        let pair = pair(pskA(), pskB(), prepare: giveKeys)
        let (left, right) = (with(pskA(), "one", required: false), with(pskB(), "one", required: true))
        try comeBack(pair, left, right)
        #expect(pair.b.endpoint.statistics.ticketsRefused == 1 && pair.b.endpoint.statistics.resumed == 0)
        pair.expectAgreement()
        // Nor is one with a key that is gone from the configuration.
        let (a, b) = (with(pskA(), "one", required: false), with(pskB(), "one", required: false))
        let withdrawn = self.pair(a, b, prepare: giveKeys)
        try comeBack(withdrawn, a, with(pskB(), "two", required: false))
        #expect(withdrawn.b.endpoint.statistics.ticketsRefused == 1)
        // The initiator does not even show it.
        let strict = self.pair(pskA(), pskB(), prepare: giveKeys)
        try comeBack(strict, with(pskA(), "one", required: true), right)
        #expect(!strict.trace.contains { $0.header?.exchangeType == .ikeSessionResume })
    }

    @Test func whoseSessionWasChangedGetsNoTicketAnyMore() throws {
        let pair = pair(eapA(), eapB())
        let ticket = try #require(pair.a.tickets.values.first)
        let b = try #require(pair.statusB?.id)
        pair.command(pair.b, .retireTicket(b))
        // Not after a rekeying either.
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA?.id)))
        pair.run(.seconds(2))
        #expect(pair.b.endpoint.statistics.ticketsIssued == 1)
        pair.trace = []
        pair.command(pair.a, .begin(Initiation(eapA(), path: pair.pathA, ticket: ticket)))
        pair.settle()
        #expect(pair.b.endpoint.statistics.ticketsRefused == 1)
    }

    @Test func whoeverIsGrantedWithoutATicketGetsNone() throws {
        let pair = pair(eapA(), eapB(), grant: Self.grant { $0.ticketNote = nil })
        #expect(pair.a.tickets.isEmpty && pair.b.endpoint.statistics.ticketsIssued == 0)
        pair.expectAgreement()
    }

    @Test func hostileContentsAreReadOrRefusedAndNeverTrap() throws {
        let pair = pair(eapA(), eapB())
        let engine = pair.b.endpoint.engine
        let ticket = try #require(pair.a.tickets.values.first)
        guard case .success(let content) = engine.openTicket(ticket.ticket) else {
            Issue.record("a ticket of ours does not open")
            return
        }
        let plain = try #require(content.encoded())
        #expect(try TicketContent.decode(plain.span).rounds == content.rounds)
        for length in 0..<plain.count { #expect(throws: (any Error).self) { try decode(Array(plain.prefix(length))) } }
        var random = SplitMix64(state: 9)
        for _ in 0..<4000 {
            var bytes = plain
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? decode(bytes)
        }
    }

    private func decode(_ bytes: [UInt8]) throws -> TicketContent { try TicketContent.decode(bytes.span) }
}
