import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Testing

@Suite struct RobustnessTests {
    /// A real IKE_SA_INIT request, from a node that nobody answers.
    // MARK: Half-open IKE SAs

    @Test func aDuplicateOfTheFirstRequestGetsTheSameBytes() {
        let pair = Pair(pskA(), pskB())
        let request = initialRequest(5)
        pair.inject(request)
        pair.inject(request)
        #expect(pair.wire.count == 2)
        #expect(pair.wire[0].bytes == pair.wire[1].bytes)
        #expect(pair.b.endpoint.halfOpenCount == 1)
        // The same SPI with another nonce is another initiator behind the same NAT.
        var other = request
        other.bytes = changingNonce(request.bytes)
        pair.inject(other)
        #expect(pair.b.endpoint.halfOpenCount == 2)
    }

    private func changingNonce(_ bytes: [UInt8]) -> [UInt8] {
        guard var message = try? IKEMessage.parse(bytes) else { return bytes }
        message.payloads = message.payloads.map { payload in
            if case .nonce = payload { .nonce(NoncePayload(data: [UInt8](repeating: 9, count: 32))) } else { payload }
        }
        return message.serialise()
    }

    @Test func halfOpenIKESAsExpireAndLeaveNothing() {
        let pair = Pair(pskA(), pskB())
        for seed in 1...10 { pair.inject(initialRequest(UInt64(seed))) }
        #expect(pair.b.endpoint.halfOpenCount == 10)
        #expect(pair.b.endpoint.statuses().isEmpty)
        pair.wire = []
        pair.run(.seconds(31))
        pair.expectNothing(pair.b)
        #expect(pair.b.endpoint.nextDeadline == nil)
        #expect(pair.b.endpoint.statistics.failed == 10)
    }

    @Test func fromSixtyFourHalfOpenOnACookieIsDemanded() throws {
        let pair = Pair(pskA(), pskB())
        for seed in 0..<64 {
            pair.inject(initialRequest(UInt64(seed) + 100, address: 0x0B00_0000 + UInt32(seed)))
        }
        pair.wire = []
        #expect(pair.b.endpoint.halfOpenCount == 64)
        pair.initiate(pskA())
        pair.collect()
        pair.wire.removeAll { $0.sender == "B" }
        // HDR(SPIi,0), SAi1, KEi, Ni -->
        // <-- HDR(SPIi,0), N(COOKIE)
        // HDR(SPIi,0), N(COOKIE), SAi1, KEi, Ni -->
        pair.step()
        #expect(pair.b.endpoint.halfOpenCount == 64, "nothing is remembered")
        pair.settle()
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.cookiesSent == 1)
        #expect(pair.b.reports.contains(.cookies(demanded: true, halfOpen: 64)))
    }

    @Test func aCookieOfAnotherAddressSPIOrNonceIsWorthNothing() throws {
        let pair = Pair(pskA(), pskB())
        for seed in 0..<64 {
            pair.inject(initialRequest(UInt64(seed) + 100, address: 0x0B00_0000 + UInt32(seed)))
        }
        pair.wire = []
        let request = initialRequest(7)
        pair.inject(request)
        let answer = try IKEMessage.parse(pair.wire.removeFirst().bytes)
        guard case .notify(let cookie)? = answer.payloads.first else {
            Issue.record("no cookie")
            return
        }
        func try_(_ packet: Packet, _ change: (inout IKEMessage) -> Void) throws -> Int {
            var message = try IKEMessage.parse(packet.bytes)
            message.payloads.insert(.notify(cookie), at: 0)
            change(&message)
            var changed = packet
            changed.bytes = message.serialise()
            pair.inject(changed)
            return pair.b.endpoint.halfOpenCount
        }
        #expect(try try_(initialRequest(7, address: 0x0C00_0001)) { _ in } == 64, "another address")
        #expect(try try_(request) { $0.header.initiatorSPI = IKESPI(77) } == 64, "another SPI")
        #expect(try try_(initialRequest(8)) { _ in } == 64, "another nonce and SPI")
        #expect(try try_(request) { $0.payloads.append($0.payloads.removeFirst()) } == 64, "not the first payload")
        pair.advance(to: pair.now + .seconds(20))
        #expect(try try_(request) { _ in } == 65, "the right one")
        pair.advance(to: pair.now + .seconds(200))
        #expect(try try_(request) { $0.header.minorVersion = 3 } == 65, "its secret is forgotten")
    }

    @Test func oneSourceCannotTakeAllTheRoom() {
        let pair = Pair(pskA(), pskB())
        for seed in 0..<40 { pair.inject(initialRequest(UInt64(seed) + 300)) }
        #expect(pair.b.endpoint.halfOpenCount == 16, "from then on this source has to show cookies")
        pair.wire = []
        pair.inject(initialRequest(999, address: 0x0D00_0001))
        #expect(pair.b.endpoint.halfOpenCount == 17, "others need none")
    }

    // MARK: Bad input

    @Test func junkIsCountedAndLeavesNoTrace() {
        let pair = Pair(pskA(), pskB())
        var random = SplitMix64(state: 4)
        let request = initialRequest(3)
        for length in [0, 1, 4, 27, 28, 60, 1500] {
            pair.inject(Packet(bytes: [UInt8](repeating: 0xFF, count: length), path: pair.pathA, sender: "A"))
        }
        for _ in 0..<3000 {
            var bytes = request.bytes
            for _ in 0...(random.next() % 6) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            pair.inject(Packet(bytes: bytes, path: request.path, sender: "A"))
        }
        pair.wire = []
        #expect(pair.b.endpoint.statuses().isEmpty)
        pair.run(.seconds(61))
        pair.expectNothing(pair.b)
    }

    @Test func aHigherMajorVersionIsAnsweredSparingly() {
        let pair = Pair(pskA(), pskB())
        var bytes = initialRequest(3).bytes
        bytes[17] = 0x30
        for _ in 0..<100 { pair.inject(Packet(bytes: bytes, path: pair.pathA, sender: "A")) }
        #expect(pair.wire.count == 10)
        let answer = try? IKEMessage.parse(pair.wire[0].bytes)
        #expect(answer?.payloads == [.notify(NotifyPayload(.invalidMajorVersion))])
        // IKEv1 is not answered at all.
        pair.wire = []
        bytes[17] = 0x10
        pair.inject(Packet(bytes: bytes, path: pair.pathA, sender: "A"))
        #expect(pair.wire.isEmpty)
    }

    @Test func anUnknownIKESAIsAnsweredSparingly() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA?.id)
        pair.command(pair.b, .forget(try #require(pair.statusB?.id)))
        pair.command(pair.a, .probe(id))
        pair.settle()
        let answer = try IKEMessage.parse(try #require(pair.trace.last).bytes)
        #expect(answer.payloads == [.notify(NotifyPayload(.invalidIKESPI))])
        #expect(pair.statusA?.phase == .established, "an unprotected notify proves nothing")
    }

    @Test func replayedAndMisnumberedMessagesChangeNothing() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .probe(id))
        pair.settle()
        let sent = pair.trace.count
        // The last request again: the same answer, byte by byte.
        pair.inject(pair.trace[sent - 2])
        #expect(pair.wire.count == 1)
        #expect(pair.wire.removeFirst().bytes == pair.trace[sent - 1].bytes)
        // Its number with another body, and other numbers.
        for change in [(pair.trace[sent - 2].bytes.count - 6, UInt8(1)), (22, 1), (23, 9)] {
            var packet = pair.trace[sent - 2]
            packet.bytes[change.0] ^= change.1
            pair.inject(packet)
            #expect(pair.wire.isEmpty)
        }
        // A response that nobody asked for.
        pair.inject(pair.trace[sent - 1])
        #expect(pair.wire.isEmpty)
        #expect(pair.b.endpoint.statistics.dropped[.messageID] ?? 0 >= 1)
        pair.expectAgreement()
        #expect(pair.b.endpoint.statistics.retransmitted == 1)
    }

    @Test func aFlippedBitAnywhereIsNotAnswered() throws {
        let pair = establishedPair()
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        let packet = try #require(pair.wire.first)
        for index in packet.bytes.indices where index != 18 {
            for bit in 0..<8 {
                var changed = packet
                changed.bytes[index] ^= 1 << UInt8(bit)
                pair.inject(changed)
            }
        }
        pair.wire = [packet]
        let before = pair.trace.count
        pair.settle()
        pair.expectAgreement()
        #expect(pair.trace.count >= before + 1)
        let answers = pair.trace.filter { $0.isResponse && $0.header?.exchangeType == .informational }
        #expect(answers.allSatisfy { (try? IKEMessage.parse($0.bytes)) != nil })
    }

    @Test func junkForAHalfOpenIKESAIsNotDecryptedForEver() throws {
        let pair = Pair(pskA(), pskB())
        pair.inject(initialRequest(3))
        let spi = try #require(pair.wire.first?.header)
        var writer = WireWriter()
        IKEHeader(
            initiatorSPI: spi.initiatorSPI,
            responderSPI: spi.responderSPI,
            nextPayload: .encrypted,
            exchangeType: .ikeAuth,
            flags: .initiator,
            messageID: 1,
            length: 28 + 4 + 60
        ).write(into: &writer)
        writer.writeBytes([35, 0, 0, 64])
        writer.writeBytes([UInt8](repeating: 7, count: 60))
        for _ in 0..<100 { pair.inject(Packet(bytes: writer.bytes, path: pair.pathA, sender: "A")) }
        #expect(pair.b.endpoint.statistics.dropped[.integrity] == 32)
        #expect(pair.b.endpoint.statistics.dropped[.limit] == 68)
    }

    // MARK: Liveness, NAT, fragments

    @Test func aSilentPeerIsFoundDeadAndEverythingGoes() {
        var left = pskA()
        left.timing = ConnectionTiming()
        let pair = establishedPair(left, pskB())
        pair.delivers = { _ in false }
        pair.run(.seconds(32))
        #expect(closes(pair.a) == [.peerDead])
        pair.expectNothing(pair.a)
    }

    @Test func whileTrafficArrivesNoLivenessCheckIsSent() {
        var left = pskA()
        left.timing = ConnectionTiming()
        let pair = establishedPair(left, pskB())
        let sent = pair.trace.count
        for _ in 0..<20 {
            pair.a.lastInboundTraffic = pair.now
            pair.run(.seconds(5))
        }
        #expect(pair.trace.count == sent)
        pair.a.answersActivity = false
        pair.run(.seconds(12))
        #expect(pair.trace.count > sent, "a driver that does not know is no excuse")
        #expect(closes(pair.a).isEmpty)
    }

    @Test func behindANATBothMoveToPort4500AndKeepalivesFlow() {
        let pair = Pair(pskA(), pskB())
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : 40_000) }
        pair.initiate(pskA())
        pair.settle()
        pair.expectAgreement()
        #expect(pair.statusA?.localNAT == true && pair.statusA?.remoteNAT == false)
        #expect(pair.statusB?.remoteNAT == true && pair.statusB?.localNAT == false)
        #expect(pair.statusA?.path.transport == .udp4500 && pair.statusA?.path.remote.port == 4500)
        #expect(pair.statusB?.path.remote == Endpoint(.v4(0xCB00_7101), port: 40_000))
        #expect(pair.childA?.udpEncapsulation == true && pair.childB?.udpEncapsulation == true)
        pair.run(.seconds(61))
        #expect(pair.a.keepalives.count == 3 && pair.b.keepalives.isEmpty)
        // The NAT forgets its mapping: the next liveness check shows the new one (RFC 4555 §3.8).
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : 41_000) }
        if let id = pair.statusA?.id { pair.command(pair.a, .probe(id)) }
        pair.settle()
        #expect(pair.statusB?.path.remote.port == 41_000)
        #expect(pair.b.installed.values.allSatisfy { $0.parameters.path.remote.port == 41_000 })
        // So does an authentic ESP packet.
        pair.translate = { Endpoint(.v4(0xCB00_7101), port: $0.port == 500 ? 1024 : 42_000) }
        if let spi = pair.childB?.inboundSPI {
            let remote = Endpoint(.v4(0xCB00_7101), port: 42_000)
            pair.event(pair.b, .backend(.mappingChanged(inboundSPI: spi, remote: remote)))
        }
        #expect(pair.statusB?.path.remote.port == 41_000, "not before the peer has answered from there")
        pair.settle()
        #expect(pair.statusB?.path.remote.port == 42_000)
    }

    @Test func withoutANATThePathStays() {
        let pair = establishedPair()
        // RFC 4555 §3.3: port 4500 all the same, for a NAT on a later path; ESP without UDP.
        #expect(pair.statusA?.path.transport == .udp4500)
        #expect(pair.childA?.udpEncapsulation == false)
        pair.run(.seconds(60))
        #expect(pair.a.keepalives.isEmpty)
    }

    @Test func encapsulationCanBeForced() {
        var left = pskA()
        left.alwaysEncapsulates = true
        let pair = establishedPair(left, pskB())
        pair.expectAgreement()
        #expect(pair.childA?.udpEncapsulation == true && pair.childB?.udpEncapsulation == true)
    }

    @Test func longMessagesTravelInFragments() {
        var left = certificateA()
        left.localAuthentication = .certificate(
            chain: [certificate(nameA), [UInt8](repeating: 1, count: 3000), [UInt8](repeating: 2, count: 2000)],
            key: KeyID(nameA.description)
        )
        let pair = Pair(left, certificateB())
        // Fragments in any order, some lost at first.
        var number = 0
        pair.delivers = { packet in
            if packet.header?.nextPayload == .encryptedFragment {
                number += 1
                return number % 4 != 2
            }
            return true
        }
        pair.initiate(left)
        pair.run(.seconds(6))
        pair.expectAgreement()
        let fragments = pair.trace.filter { $0.header?.nextPayload == .encryptedFragment }
        #expect(fragments.count >= 10)
        #expect(pair.trace.allSatisfy { $0.bytes.count <= 1280 - 28 })
        // N04: of an answered request only the first fragment asks for the answer again.
        pair.delivers = { _ in true }
        let sent = pair.trace.count
        let request = fragments.filter { $0.sender == "A" }.suffix(5)
        for fragment in request { pair.inject(fragment) }
        #expect(pair.trace.count - sent <= 1)
    }

    @Test func aPeerWithoutFragmentationGetsOneLongMessage() {
        var left = certificateA()
        left.localAuthentication = .certificate(
            chain: [certificate(nameA), [UInt8](repeating: 1, count: 3000)],
            key: KeyID(nameA.description)
        )
        var right = certificateB()
        right.fragmentation = false
        let pair = Pair(left, right)
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        #expect(pair.trace.contains { $0.bytes.count > 3000 })
    }
}
