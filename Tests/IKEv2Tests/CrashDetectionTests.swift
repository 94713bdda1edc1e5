import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Quick crash detection (RFC 6290).
@Suite struct CrashDetectionTests {
    static let secret = SecretBytes([UInt8](repeating: 0x51, count: 32))

    private func pair(_ secrets: [SecretBytes] = [secret]) -> Pair {
        let pair = Pair(pskA(), pskB())
        pair.command(pair.b, .useSecrets(ReturnSecrets(crash: secrets)))
        pair.initiate(pskA())
        pair.settle()
        return pair
    }

    /// B loses all state, and keeps what its file holds.
    private func restart(_ pair: Pair, _ secrets: [SecretBytes] = [secret]) {
        pair.b.restart(IKEConfiguration(connections: [pskB()]))
        pair.command(pair.b, .useSecrets(ReturnSecrets(crash: secrets)))
    }

    @Test func aPeerThatRestartedIsNoticedByTheNextRequest() throws {
        let pair = pair()
        restart(pair)
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .probe(id))
        pair.settle()
        #expect(pair.statusA == nil && pair.a.installed.isEmpty)
        #expect(pair.a.reports.contains { if case .closed(_, .peerRestarted) = $0 { true } else { false } })
        #expect(pair.b.endpoint.statistics.crashTokensSent == 1)
        // Never amplified, and nothing is sent in return (RFC 6290 §4.5).
        let (request, answer) = (pair.trace[pair.trace.count - 2], pair.trace[pair.trace.count - 1])
        #expect(answer.isResponse && answer.bytes.count <= request.bytes.count)
    }

    @Test func withoutTheSecretOfBeforeNothingIsGivenUp() throws {
        let pair = pair()
        restart(pair, [SecretBytes([UInt8](repeating: 0x52, count: 32))])
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .probe(id))
        pair.settle()
        #expect(pair.statusA?.phase == .established)
        #expect(pair.a.reports.contains(.suspected(id)), "it is a hint nevertheless")
        pair.run(.seconds(30))
        #expect(pair.statusA == nil, "retransmission goes on until it gives up")
    }

    @Test func aTokenOfAnEarlierGenerationCounts() throws {
        let pair = pair()
        let newer = (0..<3).map { SecretBytes([UInt8](repeating: UInt8($0), count: 32)) }
        restart(pair, newer + [Self.secret])
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.settle()
        #expect(pair.statusA == nil)
    }

    @Test func aRekeyedIKESAHasATokenOfItsOwnWhoeverRekeyed() throws {
        for initiatorRekeys in [true, false] {
            let pair = pair()
            let id = try #require(initiatorRekeys ? pair.statusA?.id : pair.statusB?.id)
            pair.command(initiatorRekeys ? pair.a : pair.b, .rekeyIKE(id))
            pair.run(.seconds(2))
            #expect(pair.statusA?.rekeyings == 1)
            restart(pair)
            pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
            pair.settle()
            #expect(pair.statusA == nil, "initiator rekeys: \(initiatorRekeys)")
        }
    }

    /// RFC 6290 §9.1: a request that claims the other role must not bring the token of a living IKE SA to light.
    @Test func theTokenOfALivingIKESAIsNotShown() throws {
        let pair = pair()
        let sa = try #require(pair.statusB)
        pair.trace = []
        for flags in [IKEFlags.initiator, []] {
            for (initiator, responder) in [
                (sa.initiatorSPI, sa.responderSPI), (sa.responderSPI, sa.initiatorSPI),
                (IKESPI(77), sa.responderSPI), (sa.responderSPI, IKESPI(77)),
            ] {
                let header = IKEHeader(
                    initiatorSPI: initiator,
                    responderSPI: responder,
                    exchangeType: .informational,
                    flags: flags,
                    messageID: 9
                )
                let filler = VendorIDPayload(data: [UInt8](repeating: 0, count: 400))
                let bytes = IKEMessage(header: header, payloads: [.vendorID(filler)]).serialise()
                pair.inject(Packet(bytes: bytes, path: pair.pathA, sender: "A"))
            }
        }
        let shown = pair.trace.compactMap { try? IKEMessage.parse($0.bytes.span) }
            .filter { $0.payloads.notify(.quickCrashDetection) != nil }
        #expect(shown.isEmpty)
        #expect(pair.statusB != nil)
    }

    @Test func theTokenOfAnIKESAThatAnotherOwnerHasIsNotShown() throws {
        let pair = pair()
        let id = try #require(pair.statusB?.id)
        pair.command(pair.b, .forget(id))
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.settle()
        #expect(pair.statusA?.phase == .established)
        #expect(pair.b.endpoint.statistics.crashTokensSent == 0)
    }

    @Test func tokensAndTheirChecksHaveRates() throws {
        let pair = pair()
        restart(pair)
        let sa = try #require(pair.a.endpoint.engine.sas.values.first)
        pair.trace = []
        for spi in 1...1000 {
            let header = IKEHeader(
                initiatorSPI: IKESPI(UInt64(spi)),
                responderSPI: IKESPI(0xFFFF),
                exchangeType: .informational,
                flags: .initiator,
                messageID: 3
            )
            let filler = VendorIDPayload(data: [UInt8](repeating: 0, count: 400))
            pair.inject(
                Packet(
                    bytes: IKEMessage(header: header, payloads: [.vendorID(filler)]).serialise(),
                    path: pair.pathA,
                    sender: "A"
                )
            )
        }
        #expect(pair.trace.count <= 250)
        pair.wire = []
        // A probe is out, and somebody guesses.
        pair.delivers = { _ in false }
        pair.command(pair.a, .probe(sa.id))
        for guess in 0..<50 {
            let header = IKEHeader(
                initiatorSPI: sa.initiatorSPI,
                responderSPI: sa.responderSPI,
                exchangeType: .informational,
                flags: .response,
                messageID: sa.requests.outstanding?.messageID ?? 0
            )
            let token = [UInt8](repeating: UInt8(guess), count: 32)
            let bytes = IKEMessage(
                header: header,
                payloads: [.notify(.invalidIKESPI), .notify(.quickCrashDetection, token)]
            ).serialise()
            pair.inject(Packet(bytes: bytes, path: sa.path.reversed, sender: "B"))
        }
        #expect(pair.statusA?.phase == .established)
        #expect(pair.a.endpoint.statistics.dropped[.limit] ?? 0 >= 46)
        #expect(pair.a.reports.filter { if case .suspected = $0 { true } else { false } }.count == 1)
    }

    /// The gateway is back and gets ESP that it cannot read: its INVALID_SPI makes the agent ask at once.
    @Test func espWithoutAnSALeadsToTheToken() throws {
        let pair = pair()
        restart(pair)
        let child = try #require(pair.childA)
        pair.event(pair.b, .backend(.unknownSPI(child.outboundSPI, path: pair.floatedPath.reversed)))
        pair.settle()
        #expect(pair.statusA == nil)
        // A stranger's INVALID_SPI costs a liveness check and nothing else.
        let living = self.pair()
        let spi = try #require(living.childA?.outboundSPI)
        living.event(living.b, .backend(.unknownSPI(spi, path: living.floatedPath.reversed)))
        living.settle()
        living.expectAgreement()
        #expect(living.trace.last?.summary == "B INFORMATIONAL 2 response")
    }
}
