import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// What a report says of a peer that does not answer: gone, or behind a path that loses long messages.
@Suite struct SilenceTests {
    /// A chain that needs fragments.
    private static func longChain(_ identity: Identity) -> LocalAuthentication {
        .certificate(
            chain: [certificate(identity), [UInt8](repeating: 1, count: 3000)],
            key: KeyID(identity.description)
        )
    }

    /// Loses what is longer than a path carries.
    private static func narrow(_ pair: Pair, from sender: String? = nil, to length: Int = 1000) {
        pair.delivers = { $0.bytes.count <= length || (sender != nil && $0.sender != sender) }
    }

    @Test func fragmentsThatAreLostOnTheWayToTheGatewayAreToldAtBothEnds() throws {
        var left = certificateA()
        left.localAuthentication = Self.longChain(nameA)
        let pair = Pair(left, certificateB())
        Self.narrow(pair)
        pair.initiate(left)
        pair.run(.seconds(65))
        let ours = try #require(failure(pair.a)?.silence)
        #expect(failure(pair.a)?.cause == .timeout)
        #expect(ours.losesFragments)
        let unanswered = try #require(ours.unanswered)
        #expect(unanswered.exchange == .ikeAuth && unanswered.lengths.count >= 3)
        #expect(unanswered.transmissions >= 5 && unanswered.waited == .seconds(20))
        #expect(unanswered.lengths.max() == 1280 - 28 - 4)
        #expect(ours.longestArrived == pair.trace.first?.bytes.count)
        // The last fragment is short enough to pass.
        let theirs = try #require(failure(pair.b)?.silence)
        #expect(failure(pair.b)?.cause == .timeout && theirs.losesFragments)
        #expect(theirs.partial?.received == 1 && theirs.partial?.total == unanswered.lengths.count)
        #expect(theirs.partial?.isResponse == false)
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func fragmentsThatAreLostOnTheWayBackAreToldAtBothEnds() throws {
        var right = certificateB()
        right.localAuthentication = Self.longChain(nameB)
        right.timing.deadPeerDetection = .seconds(10)
        let pair = Pair(certificateA(), right)
        Self.narrow(pair, from: "B")
        pair.initiate(certificateA())
        pair.run(.seconds(120))
        let ours = try #require(failure(pair.a)?.silence)
        #expect(ours.losesFragments && ours.partial?.isResponse == true)
        // The gateway took it for established: its answer was asked for again and again, and then nobody was there.
        guard
            case .closed(let status, .peerDead)? = pair.b.reports.last(where: {
                if case .closed = $0 { true } else { false }
            })
        else {
            Issue.record("\(pair.b.reports)")
            return
        }
        let theirs = try #require(status.silence)
        #expect(theirs.losesFragments)
        #expect(theirs.repeated.map { $0.times >= 3 && $0.lengths.count >= 3 } == true)
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    /// A peer without fragmentation gets one long message, which IP cuts into pieces that are lost.
    @Test func aLongMessageThatIsNeverAnsweredIsToldWithWhatPassed() throws {
        var left = certificateA()
        left.localAuthentication = Self.longChain(nameA)
        var right = certificateB()
        right.fragmentation = false
        let pair = Pair(left, right)
        Self.narrow(pair)
        pair.initiate(left)
        pair.run(.seconds(65))
        let ours = try #require(failure(pair.a)?.silence)
        #expect(ours.losesFragments && ours.unanswered?.lengths.count == 1 && ours.partial == nil)
        // This end has seen nothing of it, and blames nothing.
        #expect(failure(pair.b)?.silence?.losesFragments == false)
    }

    @Test func silenceAfterAShortMessageIsNotBlamedOnLength() throws {
        let pair = Pair(pskA(), pskB())
        pair.delivers = { $0.header?.exchangeType == .ikeSAInit }
        pair.initiate(pskA())
        pair.run(.seconds(65))
        let ours = try #require(failure(pair.a)?.silence)
        #expect(!ours.losesFragments)
        #expect(ours.longestArrived > 0)
        let unanswered = try #require(ours.unanswered)
        #expect(unanswered.exchange == .ikeAuth)
        #expect(failure(pair.b)?.silence?.losesFragments == false)
    }

    @Test func aPeerThatDiesIsNotBlamedOnLength() throws {
        var left = pskA()
        left.timing.deadPeerDetection = .seconds(10)
        let pair = establishedPair(left, pskB())
        pair.delivers = { _ in false }
        pair.run(.seconds(60))
        guard case .closed(let status, .peerDead)? = pair.a.reports.last else {
            Issue.record("\(pair.a.reports)")
            return
        }
        let silence = try #require(status.silence)
        #expect(!silence.losesFragments && silence.unanswered?.exchange == .informational)
        #expect(silence.lastHeard.map { $0 >= .seconds(20) } == true)
    }

    /// Two losses by chance say nothing of the path, and what has arrived since then clears it.
    @Test func whatArrivesLaterIsHeldAgainstTheSuspicion() throws {
        var right = certificateB()
        right.localAuthentication = Self.longChain(nameB)
        right.timing.deadPeerDetection = .seconds(10)
        let pair = Pair(certificateA(), right)
        var lost = 0
        pair.delivers = { packet in
            guard packet.bytes.count > 1000, lost < 6 else { return true }
            lost += 1
            return false
        }
        pair.initiate(certificateA())
        pair.run(.seconds(30))
        pair.expectAgreement()
        pair.delivers = { _ in false }
        pair.run(.seconds(60))
        guard
            case .closed(let status, .peerDead)? = pair.b.reports.last(where: {
                if case .closed = $0 { true } else { false }
            })
        else {
            Issue.record("\(pair.b.reports)")
            return
        }
        // Nothing but the answer's repetitions: A has asked for nothing since.
        #expect(status.silence?.partial == nil)
    }

    @Test func cookiesWithoutEndAreCounted() {
        let pair = Pair(pskA(), pskB())
        pair.initiate(pskA())
        pair.collect()
        for _ in 0..<20 {
            guard let request = pair.wire.popLast(), request.sender == "A", let header = request.header else { break }
            let answer = IKEMessage(
                header: IKEHeader(
                    initiatorSPI: header.initiatorSPI,
                    responderSPI: .zero,
                    exchangeType: .ikeSAInit,
                    flags: .response,
                    messageID: 0
                ),
                payloads: [.notify(.cookie, [1, 2, 3, 4])]
            )
            pair.wire = []
            pair.inject(Packet(bytes: answer.serialise(), path: request.path.reversed, sender: "B"))
        }
        guard case .tooManyRetries(let times)? = failure(pair.a)?.cause else {
            Issue.record("\(String(describing: failure(pair.a)))")
            return
        }
        #expect(times > 1)
    }
}
