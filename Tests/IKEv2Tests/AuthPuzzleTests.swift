import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Puzzles of IKE_AUTH (RFC 8019 §7.2; threats R05, S15): junk after a proper IKE_SA_INIT costs its sender work.
@Suite struct AuthPuzzleTests {
    private func engine(_ pair: Pair) -> Engine { pair.b.endpoint.engine }

    /// B demands puzzles of everybody, and has had so much junk that it gives one for IKE_AUTH as well.
    private func attacked(
        _ connectionA: ConnectionConfiguration = pskA(),
        _ connectionB: ConnectionConfiguration = pskB(),
        difficulty: UInt8 = 6
    ) -> Pair {
        let pair = Pair(connectionA, connectionB)
        engine(pair).configuration.limits.puzzleThreshold = 0
        engine(pair).configuration.limits.puzzleDifficulty = difficulty...difficulty
        engine(pair).configuration.limits.unsolvedAdmissionsPerSecond = 0
        engine(pair).configuration.limits.authPuzzleThreshold = 4
        for _ in 0..<4 { engine(pair).spoiled.note(until: pair.now + .seconds(30)) }
        return pair
    }

    /// Runs IKE_SA_INIT, and hands over what A then says in IKE_AUTH without delivering it.
    private func untilAuth(_ pair: Pair, _ connection: ConnectionConfiguration = pskA()) -> [Packet] {
        var auth: [Packet] = []
        pair.delivers = { packet in
            guard packet.sender == "A", packet.header?.exchangeType == .ikeAuth else { return true }
            auth.append(packet)
            return false
        }
        pair.initiate(connection)
        pair.settle()
        pair.delivers = { _ in true }
        return auth
    }

    private var isShared: (Pair) -> Bool { { $0.b.endpoint.engine.sas.values.contains { $0.keys != nil } } }

    @Test func aPuzzleBeforeIKEAuthIsSolvedAndTheTunnelComesUp() throws {
        let pair = attacked()
        let auth = untilAuth(pair)
        #expect(engine(pair).statistics.authPuzzlesSent == 1)
        #expect(pair.a.puzzles.count == 2 && pair.a.puzzles.last?.difficulty == 6)
        #expect(!isShared(pair), "no shared secret before the solution")
        let request = try #require(auth.first)
        #expect(request.header?.nextPayload == .puzzleSolution, "in clear, before SK")
        pair.inject(request)
        pair.settle()
        #expect(engine(pair).statistics.authPuzzlesSolved == 1)
        pair.expectAgreement()
    }

    @Test func theSolutionGoesWithTheFirstFragmentAloneAndFragmentsMayOvertakeIt() throws {
        var (a, b) = (pskA(), pskB())
        (a.fragmentBytes, b.fragmentBytes) = (160, 160)
        let pair = attacked(a, b)
        let auth = untilAuth(pair, a)
        #expect(auth.count > 2)
        #expect(auth.map { $0.header?.nextPayload == .puzzleSolution } == [true] + auth.dropFirst().map { _ in false })
        #expect(auth.allSatisfy { $0.bytes.count <= 160 - 28 })
        for packet in auth.reversed() {
            #expect(!isShared(pair), "kept fragments are not looked at")
            pair.inject(packet)
        }
        pair.settle()
        pair.expectAgreement()
    }

    @Test func withoutSolutionWithAWrongOneOrWithThatOfAnotherNothingIsComputedOrSaid() throws {
        let pair = attacked(difficulty: 10)
        let request = try #require(untilAuth(pair).first)
        let header = try #require(request.header)
        let honest = try ProtectedEnvelope.parse(header, request.bytes.span, allowsSolution: true)
        let body = Array(request.bytes.dropFirst(honest.bodyOffset))
        let right = try #require(honest.solution).data
        // Right for another nonce and SPI.
        let foreign = try #require(
            Puzzle.solve(
                subject: [UInt8](repeating: 7, count: 40),
                prf: .hmacSHA256,
                difficulty: 10,
                attempts: Puzzle.attempts(for: 10),
                provider: pair.b.crypto
            )
        )
        let one = Array(right.prefix(4))
        let wrong: [[UInt8]?] = [
            nil, [0, 0, 0, 1], foreign, one + one + one + one, Array(right.dropLast(4)) + [0, 0, 0, 0],
        ]
        let sent = pair.trace.count { $0.sender == "B" }
        for solution in wrong {
            let prefix = IKEMessage.encryptedPrefix(
                header: header,
                first: honest.first,
                solution: solution.map { PuzzleSolutionPayload(data: $0) },
                bodyLength: body.count
            )
            pair.inject(Packet(bytes: prefix + body, path: request.path, sender: "A"))
            #expect(!isShared(pair))
        }
        #expect(pair.trace.count { $0.sender == "B" } == sent, "silence")
        #expect(engine(pair).halfOpen.count == 1)
        pair.inject(request)
        pair.settle()
        pair.expectAgreement()
    }

    @Test func solutionsAreCheckedSoOftenAndNoMore() throws {
        let pair = attacked(difficulty: 10)
        engine(pair).configuration.limits.failureMemory = .seconds(30)
        let request = try #require(untilAuth(pair).first)
        let header = try #require(request.header)
        for number in UInt8(0)..<100 {
            let prefix = IKEMessage.encryptedPrefix(
                header: header,
                first: .identificationInitiator,
                solution: PuzzleSolutionPayload(data: [number, 1, 2, 3]),
                bodyLength: 64
            )
            let junk = prefix + [UInt8](repeating: number, count: 64)
            pair.inject(Packet(bytes: junk, path: request.path, sender: "A"))
        }
        let sa = try #require(engine(pair).sas.values.first)
        #expect(sa.junkMessages == engine(pair).configuration.limits.junkMessagesHalfOpen)
        #expect(engine(pair).spoiled.count(pair.now) == 5, "a hundred messages, one IKE SA")
        pair.run(.seconds(60))
        pair.expectNothing(pair.b)
    }

    @Test func fragmentsThatWaitForASolutionAreBoundedAndGiveWayToIt() throws {
        var (a, b) = (pskA(), pskB())
        (a.fragmentBytes, b.fragmentBytes) = (160, 160)
        let pair = attacked(a, b)
        let auth = untilAuth(pair, a)
        let header = try #require(auth.first?.header)
        for number in UInt16(2)...200 {
            let prefix = IKEMessage.encryptedPrefix(
                header: header,
                first: .none,
                fragment: (number, 200),
                bodyLength: 900
            )
            let junk = prefix + [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 900)
            pair.inject(Packet(bytes: junk, path: pair.pathA, sender: "A"))
        }
        let sa = try #require(engine(pair).sas.values.first)
        let limits = engine(pair).configuration.limits
        #expect(sa.held.reduce(0) { $0 + $1.bytes.count } <= limits.heldBytesHalfOpen)
        #expect(sa.junkMessages == 0, "not looked at")
        for packet in auth { pair.inject(packet) }
        pair.settle()
        // The junk that was held may cost checks, never the honest peer its tunnel.
        pair.run(.seconds(5))
        pair.expectAgreement()
    }

    @Test func noPuzzleForIKEAuthWithoutOneBeforeNorWithIKEIntermediate() {
        let calm = attacked()
        engine(calm).configuration.limits.puzzleThreshold = 1000
        calm.initiate(pskA())
        calm.settle()
        #expect(engine(calm).statistics.authPuzzlesSent == 0)
        calm.expectAgreement()

        var (a, b) = (pskA(), pskB())
        a.ikeProposals = [Hybrid.ike()]
        b.ikeProposals = [Hybrid.ike()]
        let hybrid = attacked(a, b)
        hybrid.initiate(a)
        hybrid.settle()
        #expect(engine(hybrid).statistics.puzzlesSolved == 1 && engine(hybrid).statistics.authPuzzlesSent == 0)
        hybrid.expectAgreement()
    }

    @Test func junkInIKEAuthIsWhatTurnsThePuzzlesOn() throws {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.puzzleThreshold = 0
        engine(pair).configuration.limits.puzzleDifficulty = 6...8
        engine(pair).configuration.limits.authPuzzleThreshold = 1
        engine(pair).configuration.limits.failureMemory = .seconds(30)
        let request = try #require(untilAuth(pair).first)
        #expect(request.header?.nextPayload == .encrypted)
        var junk = request
        junk.bytes[junk.bytes.count - 1] ^= 1
        for _ in 0..<5 { pair.inject(junk) }
        #expect(engine(pair).spoiled.count(pair.now) == 1, "five messages, one IKE SA")
        pair.inject(request)
        pair.settle()
        pair.initiate(pskA())
        pair.settle()
        #expect(engine(pair).statistics.authPuzzlesSent == 1 && engine(pair).statistics.authPuzzlesSolved == 1)
        pair.run(.seconds(31))
        #expect(engine(pair).spoiled.count(pair.now) == 0)
    }

    @Test func aSolutionThatNobodyAskedForIsClearTextBesideSK() throws {
        let pair = Pair(pskA(), pskB())
        let request = try #require(untilAuth(pair).first)
        let header = try #require(request.header)
        let envelope = try ProtectedEnvelope.parse(header, request.bytes.span)
        let body = Array(request.bytes.dropFirst(envelope.bodyOffset))
        let solution = PuzzleSolutionPayload(data: [0, 1, 2, 3])
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: envelope.first,
            solution: solution,
            bodyLength: body.count
        )
        pair.inject(Packet(bytes: prefix + body, path: request.path, sender: "A"))
        #expect(engine(pair).sas.values.allSatisfy { $0.junkMessages == 0 }, "dropped before any cryptography")
        pair.inject(request)
        pair.settle()
        pair.expectAgreement()
    }

    /// As initiator: what a responder must not ask costs nothing, and what is too hard is said.
    @Test func puzzlesThatNobodyMayGiveAreNotSolved() throws {
        func answered(solvedFirst: Bool, _ prf: UInt16, _ difficulty: UInt8) throws -> Pair {
            let pair = solvedFirst ? attacked() : Pair(pskA(), pskB())
            engine(pair).configuration.limits.authPuzzleThreshold = .max
            pair.delivers = { packet in
                !(packet.sender == "B" && (try? IKEMessage.parse(packet.bytes))?.payloads.nonce != nil)
            }
            pair.initiate(pskA())
            pair.settle()
            let answer = try #require(pair.trace.last { $0.sender == "B" })
            var message = try IKEMessage.parse(answer.bytes)
            var data = WireWriter(capacity: 3)
            data.writeUInt16(prf)
            data.writeUInt8(difficulty)
            message.payloads.append(.notify(.puzzle, data.bytes))
            pair.inject(Packet(bytes: message.serialise(), path: answer.path, sender: "B"))
            return pair
        }
        let sha256 = PRFAlgorithm.hmacSHA256.rawValue
        #expect(try answered(solvedFirst: false, sha256, 8).a.puzzles.isEmpty, "without one before")
        #expect(try answered(solvedFirst: true, sha256, 0).a.puzzles.count == 1, "of no difficulty")
        #expect(try answered(solvedFirst: true, 1, 8).a.puzzles.count == 1, "a PRF that we do not offer")
        let hard = try answered(solvedFirst: true, sha256, 21)
        #expect(hard.a.puzzles.count == 1, "too hard")
        hard.delivers = { $0.sender == "A" }
        hard.run(.seconds(30))
        let causes = hard.a.reports.compactMap { report in
            if case .failed(_, let failure) = report { failure.cause } else { nil }
        }
        #expect(causes == [.peerRefused(.puzzle)])
        #expect(try answered(solvedFirst: true, sha256, 20 - 10).a.puzzles.count == 2, "a proper one is solved")
    }

    @Test func aPuzzleThatIsGivenUpEndsTheAttempt() {
        let pair = attacked()
        pair.initiate(pskA())
        pair.delivers = { packet in
            // The first puzzle is solved, the second is not.
            if packet.sender == "B", (try? IKEMessage.parse(packet.bytes))?.payloads.nonce != nil {
                pair.a.solvesPuzzles = false
            }
            return true
        }
        pair.settle()
        #expect(pair.a.puzzles.count == 2)
        pair.expectNothing(pair.a)
        pair.run(.seconds(40))
        pair.expectNothing(pair.b)
    }

    @Test func whatHappenedLatelyIsBoundedAndForgotten() {
        var recent = RecentCount()
        for second in 0..<20_000 { recent.note(until: .zero + .seconds(second)) }
        #expect(recent.count(.zero) == 8192)
        #expect(recent.count(.zero + .seconds(19_998)) == 1)
        #expect(recent.count(.zero + .seconds(20_000)) == 0)
    }
}
