import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Who gets in while many knock (RFC 7296 §2.6, RFC 8019; threats R02, R03, R05).
@Suite struct AdmissionTests {
    private func engine(_ pair: Pair) -> Engine { pair.b.endpoint.engine }

    private func request(_ seed: UInt64, address: UInt32) -> Packet { initialRequest(seed, address: address) }

    /// Fills B with half-open IKE SAs of as many sources.
    private func crowd(_ pair: Pair, _ count: Int) {
        for seed in 0..<count {
            let before = engine(pair).halfOpen.count
            let address = 0x0B00_0000 + UInt32(seed)
            insist(pair, request(UInt64(seed) + 10_000, address: address))
            #expect(engine(pair).halfOpen.count == before + 1)
        }
        pair.wire = []
    }

    /// Sends a request, and again with the cookie when one is demanded, as an initiator that knows no puzzles does.
    @discardableResult
    private func insist(_ pair: Pair, _ packet: Packet) -> IKEMessage? {
        pair.wire = []
        pair.inject(packet)
        guard let answer = pair.wire.last, let message = try? IKEMessage.parse(answer.bytes),
            case .notify(let cookie)? = message.payloads.first, cookie.type == .cookie,
            var again = try? IKEMessage.parse(packet.bytes)
        else { return nil }
        again.payloads.insert(.notify(cookie), at: 0)
        var second = packet
        second.bytes = again.serialise()
        pair.wire = []
        pair.inject(second)
        return pair.wire.last.flatMap { try? IKEMessage.parse($0.bytes) }
    }

    @Test func r02_twoHundredRunnersBehindOneNATGetInAtOnce() {
        let pair = Pair(pskA(), pskB())
        for seed in 0..<200 { insist(pair, request(UInt64(seed) + 500, address: 0x0B00_0001)) }
        #expect(engine(pair).halfOpen.count == 200)
        #expect(engine(pair).statistics.puzzlesSent == 0)
    }

    @Test func underHeavyLoadAPuzzleIsSolvedAndTheTunnelComesUp() throws {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.cookieThreshold = 4
        engine(pair).configuration.limits.puzzleThreshold = 8
        engine(pair).configuration.limits.puzzleDifficulty = 8...9
        crowd(pair, 8)
        pair.initiate(pskA())
        pair.run(.seconds(1))
        // HDR(SPIi,0), SAi1, KEi, Ni -->
        // <-- HDR(SPIi,0), N(COOKIE), N(PUZZLE)
        // HDR(SPIi,0), N(COOKIE), PS, SAi1, KEi, Ni -->
        let puzzle = try #require(pair.a.puzzles.first)
        #expect(puzzle.difficulty == 8 && pair.a.puzzles.count == 1)
        #expect(engine(pair).statistics.puzzlesSolved == 1)
        pair.expectAgreement()
        let answers = pair.trace.filter { packet in
            packet.sender == "B" && (try? IKEMessage.parse(packet.bytes))?.payloads.notify(.puzzle) != nil
        }
        let requests = pair.trace.filter { $0.sender == "A" && $0.header?.exchangeType == .ikeSAInit }
        #expect(requests.count == 2 && answers.count == 1)
        #expect((answers.first?.bytes.count ?? .max) < 100, "less than was asked")
    }

    @Test func puzzlesGetHarderWithTheLoad() {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.cookieThreshold = 4
        engine(pair).configuration.limits.puzzleThreshold = 4
        engine(pair).configuration.limits.puzzleThresholdPerSource = 1000
        engine(pair).configuration.limits.puzzleDifficulty = 14...16
        crowd(pair, 4)
        let anyone = IPAddress.v4(0x0C00_0001)
        #expect(engine(pair).demand(of: anyone) == .puzzle(difficulty: 14))
        let table = HalfOpenTable.Key(initiatorSPI: IKESPI(1), remote: Endpoint(.v4(1), port: 1))
        for spi in 0..<4 { engine(pair).halfOpen.insert(table, IKESPI(UInt64(spi) + 1)) }
        #expect(engine(pair).demand(of: anyone) == .puzzle(difficulty: 15))
        for spi in 10..<100 { engine(pair).halfOpen.insert(table, IKESPI(UInt64(spi))) }
        #expect(engine(pair).demand(of: anyone) == .puzzle(difficulty: 16))
    }

    @Test func aSolutionGetsOneIKESAAndAWrongOneNone() throws {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.puzzleThreshold = 0
        engine(pair).configuration.limits.puzzleDifficulty = 8...8
        engine(pair).configuration.limits.unsolvedAdmissionsPerSecond = 0
        let packet = request(1, address: 0x0B00_0001)
        pair.inject(packet)
        let answer = try IKEMessage.parse(try #require(pair.wire.last).bytes)
        let cookie = try #require(answer.payloads.notify(.cookie))
        guard case .puzzle(let prf, let difficulty)? = answer.payloads.notify(.puzzle)?.decoded else {
            Issue.record("no puzzle")
            return
        }
        let solution = try #require(
            Puzzle.solve(
                subject: cookie.data,
                prf: prf,
                difficulty: difficulty,
                attempts: Puzzle.attempts(for: difficulty),
                provider: pair.b.crypto
            )
        )
        func send(_ solution: [UInt8]?, minor: UInt8 = 0) throws -> Int {
            var message = try IKEMessage.parse(packet.bytes)
            message.header.minorVersion = minor
            if let solution { message.payloads.insert(.puzzleSolution(PuzzleSolutionPayload(data: solution)), at: 0) }
            message.payloads.insert(.notify(cookie), at: 0)
            pair.inject(Packet(bytes: message.serialise(), path: packet.path, sender: "A"))
            return engine(pair).halfOpen.count
        }
        #expect(try send(nil) == 0, "a cookie alone")
        #expect(
            try send(Array(repeating: Array(solution.prefix(4)), count: 4).flatMap { $0 }) == 0,
            "one key four times"
        )
        #expect(try send([0, 1, 2, 3]) == 0, "any four keys")
        #expect(try send(solution) == 1)
        #expect(try send(solution, minor: 1) == 1, "the same solution for another IKE SA")
    }

    @Test func initiatorsThatKnowNoPuzzlesAreLetInByLotWithinABudget() {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.puzzleThreshold = 0
        for seed in 0..<1_000 { insist(pair, request(UInt64(seed) + 50, address: 0x0B00_0001)) }
        let admitted = engine(pair).halfOpen.count
        #expect(admitted > 0 && admitted <= engine(pair).configuration.limits.unsolvedAdmissionsPerSecond)
        #expect(engine(pair).statistics.unsolvedAdmitted == UInt64(admitted))
    }

    @Test func anInitiatorThatGivesUpAPuzzleSendsTheCookieAlone() {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.puzzleThreshold = 0
        engine(pair).configuration.limits.unsolvedAdmissionsPerSecond = 0
        pair.a.solvesPuzzles = false
        pair.initiate(pskA())
        pair.run(.seconds(60))
        #expect(pair.a.puzzles.count == pair.a.endpoint.engine.configuration.limits.initRetries)
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func aPuzzleTooHardIsNotTriedAndOneWithoutCookieIsIgnored() throws {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.puzzleThreshold = 0
        engine(pair).configuration.limits.unsolvedAdmissionsPerSecond = 0
        pair.a.endpoint.engine.configuration.limits.puzzleDifficultyAccepted = 10
        pair.initiate(pskA())
        pair.step()
        let answer = try #require(pair.wire.first)
        var message = try IKEMessage.parse(answer.bytes)
        message.payloads.removeAll { if case .notify(let notify) = $0 { notify.type == .cookie } else { false } }
        pair.inject(Packet(bytes: message.serialise(), path: answer.path, sender: "B"))
        #expect(pair.trace.count { $0.sender == "A" } == 1, "nothing is sent")
        pair.step()
        #expect(pair.a.puzzles.isEmpty, "too hard")
        #expect(pair.trace.count { $0.sender == "A" } == 2, "the cookie goes back alone")
    }

    /// The demand for cookies ends between a request and its repetition: the responder takes the repetition, the initiator
    /// has gone on to the request with the cookie, and signs that.
    @Test(arguments: [false, true]) func aDemandThatEndsInBetweenLeavesOneIKESAThatStands(answersFirst: Bool) throws {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.cookieThreshold = 0
        pair.initiate(pskA())
        pair.collect()
        let first = try #require(pair.wire.first)
        pair.step()
        let challenge = try #require(pair.wire.last)
        pair.wire = []
        engine(pair).configuration.limits.cookieThreshold = 64
        pair.inject(first)
        let answer = try #require(pair.wire.last)
        pair.wire = []
        // The cookie reaches A before the answer does.
        pair.inject(challenge)
        #expect(pair.wire.count == 1, "the request with the cookie")
        if answersFirst { pair.wire.insert(answer, at: 0) } else { pair.wire.append(answer) }
        pair.settle()
        #expect(engine(pair).statistics.established == 1 && engine(pair).statistics.failed == 0)
        #expect(engine(pair).sas.count == 1)
        pair.expectAgreement()
    }

    /// A repeated request gets a cookie as the first one did, though the demand is over: its sender has gone on.
    @Test func aDemandStandsLongerThanCopiesTravel() throws {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.cookieDemandMemory = .seconds(10)
        engine(pair).configuration.limits.cookieThreshold = 0
        let packet = request(1, address: 0x0B00_0001)
        func isAdmitted() -> Bool {
            pair.wire = []
            pair.inject(packet)
            return engine(pair).halfOpen.count > 0
        }
        #expect(!isAdmitted())
        engine(pair).configuration.limits.cookieThreshold = 64
        pair.run(.seconds(9))
        #expect(!isAdmitted())
        pair.run(.seconds(2))
        #expect(isAdmitted())

        var memory = DemandMemory()
        for source in 0..<5000 { memory.note(.v4(UInt32(source)), until: .zero + .seconds(10), now: .zero) }
        #expect(memory.stands(for: .v4(1), .zero) && memory.stands(for: .v4(0xFFFF_FFFF), .zero), "full: everybody")
        #expect(!memory.stands(for: .v4(1), .zero + .seconds(10)))
    }

    /// A cookie that is not ours does not change what AUTH will cover.
    @Test func aForgedCookieOnACopyOfARequestChangesNothing() throws {
        let pair = Pair(pskA(), pskB())
        pair.initiate(pskA())
        pair.collect()
        let first = try #require(pair.wire.first)
        pair.step()
        var copy = try IKEMessage.parse(first.bytes)
        copy.payloads.insert(.notify(.cookie, [UInt8](repeating: 9, count: 36)), at: 0)
        pair.inject(Packet(bytes: copy.serialise(), path: first.path, sender: "A"))
        #expect(engine(pair).halfOpen.count == 1)
        pair.settle()
        pair.expectAgreement()
    }

    @Test func r05_failedAuthenticationsWeighOnAndAreForgotten() {
        let pair = Pair(pskA(), pskB())
        engine(pair).configuration.limits.cookieThresholdPerSource = 3
        engine(pair).configuration.limits.failureMemory = .seconds(30)
        pair.b.preSharedKeys["psk"] = SecretBytes(Array("quite another secret, also long".utf8))
        for _ in 0..<3 {
            pair.initiate(pskA())
            pair.settle()
        }
        #expect(engine(pair).halfOpen.count == 0)
        #expect(engine(pair).demand(of: Pair.addressA) == .cookie)
        #expect(engine(pair).demand(of: .v4(0x0C00_0001)) == .nothing)
        pair.run(.seconds(31))
        #expect(engine(pair).halfOpen.pressure(of: Pair.addressA, pair.now) == 0)
        #expect(engine(pair).halfOpen.pressure(pair.now) == 0)
    }

    @Test func failuresAreBounded() {
        var table = HalfOpenTable()
        for index in 0..<20_000 {
            table.noteFailure(of: .v4(UInt32(index)), until: .zero + .seconds(30))
        }
        #expect(table.pressure(.zero) == 8192)
        #expect(table.pressure(.zero + .seconds(30)) == 0)
        #expect(table.pressure(of: .v4(19_999), .zero) == 0)
    }

    @Test func operationsOfEstablishedIKESAsGoFirst() throws {
        let pair = establishedPair(pskA(), pskB())
        pair.b.holdsOperations = true
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA).id))
        pair.step()
        pair.inject(request(1, address: 0x0B00_0001))
        #expect(pair.b.heldEvents.count == 2)
        let urgent = pair.b.heldEvents.map { event -> Bool in
            guard case .keyExchangeGenerated(let id, _, _) = event else { return false }
            return pair.b.endpoint.isForEstablished(id)
        }
        #expect(urgent == [true, false])
    }
}
