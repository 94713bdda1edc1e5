import ESP
import IPsecTypes
import Testing

private struct Pair: ~Copyable {
    var outbound: OutboundSA
    var inbound: InboundSA
}

private func pair(_ suite: ESPSuite, firstSequence: UInt64 = 1, highest: UInt64 = 0) throws -> Pair {
    let outbound = try OutboundSA(
        spi: SPI(0x1234_5678),
        suite: suite,
        keys: keys(for: suite, seed: 3),
        ivEpoch: 9,
        firstSequence: firstSequence
    )
    let inbound = try InboundSA(
        spi: SPI(0x1234_5678),
        suite: suite,
        keys: keys(for: suite, seed: 3),
        replayWindow: 4096,
        highestSequence: highest
    )
    return Pair(outbound: outbound, inbound: inbound)
}

@Test(arguments: allSuites)
func everySuiteSealsAndOpensEveryLengthOfBothFamilies(suite: ESPSuite) throws {
    var pair = try pair(suite)
    for length in Array(0...70) + [500, 1379, 1380, 9000] {
        for (from, to, next) in [("10.0.0.1", "10.0.0.2", UInt8(4)), ("2001:db8::1", "2001:db8::2", 41)] {
            let inner = ipPacket(
                address(from),
                address(to),
                ipProtocol: 17,
                payload: (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            )
            let frame = Frame(inner)
            let sealed = try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: inner.count, nextHeader: next)
            let overhead = pair.outbound.overhead(inner.count)
            #expect(sealed.length == inner.count + overhead)
            #expect(overhead <= OutboundSA.maximumOverhead)
            #expect(Frame.headroom - sealed.offset <= OutboundSA.headroom)
            // Nothing outside the packet is touched.
            #expect(frame.read(0, sealed.offset).allSatisfy { $0 == 0xEE })
            let tail = sealed.offset + sealed.length
            #expect(frame.read(tail, frame.memory.count - tail).allSatisfy { $0 == 0xEE })
            let opened = try pair.inbound.open(frame.window(sealed.offset, sealed.length))
            #expect(opened.nextHeader == next)
            let text = frame.read(sealed.offset + opened.offset, opened.length)
            #expect(text == inner)
        }
    }
}

@Test(arguments: allSuites)
func everyFlippedByteIsRefusedAndLeavesNoTrace(suite: ESPSuite) throws {
    var pair = try pair(suite)
    let inner = ipPacket(address("10.0.0.1"), address("10.0.0.2"), ipProtocol: 17, payload: udp(1, 2, [1, 2, 3]))
    let frame = Frame(inner)
    let sealed = try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: inner.count, nextHeader: 4)
    let good = frame.read(sealed.offset, sealed.length)
    for place in 0..<good.count where !(4..<8).contains(place) {
        var bad = good
        bad[place] ^= 0x40
        let copy = Frame(bad)
        let verdict: OpenFault?
        do throws(OpenFault) {
            _ = try pair.inbound.open(copy.window(Frame.headroom, bad.count))
            verdict = nil
        } catch {
            verdict = error
        }
        #expect(verdict == .notAuthentic, "byte \(place)")
    }
    let highest = pair.inbound.highestSequence
    #expect(highest == 0)
    _ = try pair.inbound.open(frame.window(sealed.offset, sealed.length))
}

@Test(arguments: allSuites.filter(\.extendedSequenceNumbers))
func extendedSequenceNumbersCrossTheirFirstSubspace(suite: ESPSuite) throws {
    var pair = try pair(suite, firstSequence: 0xFFFF_FFFD, highest: 0xFFFF_FFFC)
    for expected in 0xFFFF_FFFD...0x1_0000_0003 as ClosedRange<UInt64> {
        let inner = ipPacket(address("10.0.0.1"), address("10.0.0.2"), ipProtocol: 17, payload: udp(1, 2))
        let frame = Frame(inner)
        let sealed = try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: inner.count, nextHeader: 4)
        let opened = try pair.inbound.open(frame.window(sealed.offset, sealed.length))
        #expect(opened.sequence == expected)
    }
}

@Test func withoutESNTheLastNumberIsUsedOnceAndThenNothingIsSealed() throws {
    let suite = ESPSuite(encryption: .aesGCM16, keyBits: 256, extendedSequenceNumbers: false)
    var pair = try pair(suite, firstSequence: 0xFFFF_FFFF, highest: 0xFFFF_FFF0)
    let near = pair.outbound.isNearExhaustion
    #expect(near)
    let frame = Frame([UInt8](repeating: 0, count: 40))
    _ = try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: 40, nextHeader: 4)
    #expect(throws: SealFault.exhausted) {
        try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: 40, nextHeader: 4)
    }
}

@Test func usedUpEpochStopsSealing() throws {
    let suite = ESPSuite(encryption: .aesGCM16, keyBits: 256)
    var outbound = try OutboundSA(
        spi: SPI(300),
        suite: suite,
        keys: keys(for: suite, seed: 1),
        ivEpoch: 1,
        firstIV: IVCounter.limit
    )
    let frame = Frame([UInt8](repeating: 0, count: 40))
    _ = try outbound.seal(frame.bytes, at: Frame.headroom, length: 40, nextHeader: 4)
    #expect(throws: SealFault.exhausted) {
        try outbound.seal(frame.bytes, at: Frame.headroom, length: 40, nextHeader: 4)
    }
}

@Test func noTwoPacketsShareAnIVAndTheEpochIsInEach() throws {
    for suite in [
        ESPSuite(encryption: .aesGCM16, keyBits: 256),
        ESPSuite(encryption: .aesCBC, keyBits: 256, integrity: .hmacSHA256_128),
    ] {
        var pair = try pair(suite)
        var ivs: Set<[UInt8]> = []
        for _ in 0..<200 {
            let frame = Frame([UInt8](repeating: 7, count: 60))
            let sealed = try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: 60, nextHeader: 4)
            let iv = frame.read(sealed.offset + 8, suite.encryption.ivLength)
            if suite.encryption.isAEAD { #expect(Array(iv.prefix(2)) == [0, 9]) }
            ivs.insert(iv)
        }
        #expect(ivs.count == 200)
    }
}

@Test func reservedNumbersAreNeverUsedAgain() throws {
    let suite = ESPSuite(encryption: .aesGCM16, keyBits: 128)
    var pair = try pair(suite)
    let range = pair.outbound.reserve(1000)
    #expect(range == 1..<1001)
    let frame = Frame([UInt8](repeating: 0, count: 40))
    let sealed = try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: 40, nextHeader: 4)
    let opened = try pair.inbound.open(frame.window(sealed.offset, sealed.length))
    #expect(opened.sequence == 1001)
}

@Test func framesWithoutRoomAreRefused() throws {
    let suite = ESPSuite(encryption: .aesCBC, keyBits: 256, integrity: .hmacSHA512_256)
    var pair = try pair(suite)
    let frame = Frame([UInt8](repeating: 0, count: 40), room: 4)
    #expect(throws: SealFault.noRoom) {
        try pair.outbound.seal(frame.bytes, at: Frame.headroom, length: 40, nextHeader: 4)
    }
    #expect(throws: SealFault.noRoom) { try pair.outbound.seal(frame.bytes, at: 10, length: 40, nextHeader: 4) }
    #expect(throws: SealFault.noRoom) { try pair.outbound.seal(frame.bytes, at: 40, length: -1, nextHeader: 4) }
}

@Test func keysThatDoNotFitTheSuiteAreRefused() {
    let suite = ESPSuite(encryption: .aesGCM16, keyBits: 256)
    let short = keys(for: ESPSuite(encryption: .aesGCM16, keyBits: 128), seed: 1)
    #expect(throws: ESPSetupError.badKeyLength) {
        _ = try OutboundSA(spi: SPI(300), suite: suite, keys: short, ivEpoch: 0).sequencesUsed
    }
    let unknown = ESPSuite(encryption: EncryptionAlgorithm(rawValue: 3), keyBits: 192, integrity: .none)
    let odd = ESPKeys(
        encryption: SecretBytes([UInt8](repeating: 1, count: 24)),
        salt: SecretBytes([UInt8]()),
        integrity: SecretBytes([UInt8]())
    )
    #expect(throws: ESPSetupError.unsupportedSuite(unknown.description)) {
        _ = try InboundSA(spi: SPI(300), suite: unknown, keys: odd, replayWindow: 64).highestSequence
    }
}

@Test func randomBytesNeverOpenNorTrap() throws {
    var generator = SeededGenerator(seed: 42)
    for suite in allSuites {
        var inbound = try InboundSA(
            spi: SPI(300),
            suite: suite,
            keys: keys(for: suite, seed: 5),
            replayWindow: 64
        )
        for length in 0..<120 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let frame = Frame(bytes)
            #expect(throws: OpenFault.self) { try inbound.open(frame.window(Frame.headroom, length)) }
        }
    }
}

@Test func limitsTurnSoftAndThenHard() {
    var meter = LifetimeMeter(SALifetime(softBytes: 250, hardBytes: 400))
    for (soft, hard) in [(false, false), (false, false), (true, false), (true, true)] {
        meter.count(100)
        #expect(meter.isSoftReached == soft && meter.isExhausted == hard)
    }
    var packets = LifetimeMeter(SALifetime(softPackets: 1, hardPackets: 2))
    packets.count(0)
    #expect(packets.isSoftReached && !packets.isExhausted)
    packets.count(0)
    #expect(packets.isExhausted)
    var unlimited = LifetimeMeter(SALifetime())
    unlimited.count(.max)
    #expect(!unlimited.isSoftReached && !unlimited.isExhausted)
}
