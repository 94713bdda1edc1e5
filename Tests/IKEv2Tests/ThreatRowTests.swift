import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Rows of the table of threats to the letter, where other tests hold them in part. docs/internals/threat-tests.md lists them.
@Suite struct ThreatRowTests {
    /// W01: nothing is said to a runt, nothing is held for it, and it is counted.
    @Test func runtsDrawNoAnswerAndAreCounted() {
        let pair = Pair(pskA(), pskB())
        let request = initialRequest(3).bytes
        let runts = [0, 1, 3, 4, 16, 27].flatMap { count in
            [[UInt8](repeating: 0xFF, count: count), [UInt8](repeating: 0, count: count), Array(request.prefix(count))]
        }
        for (index, runt) in runts.enumerated() {
            pair.inject(Packet(bytes: runt, path: pair.pathA, sender: "A"))
            #expect(pair.b.endpoint.statistics.dropped.values.reduce(0, +) == UInt64(index + 1))
        }
        #expect(pair.wire.isEmpty && pair.b.reports.count <= 1, "told at a limited rate")
        pair.expectNothing(pair.b)
    }

    /// N04: the fragments of a request that was answered draw one answer when all of them come again, however often each
    /// of the others comes.
    @Test func theFirstFragmentAloneDrawsTheAnswerAgain() throws {
        var left = certificateA()
        left.localAuthentication = .certificate(
            chain: [certificate(nameA), [UInt8](repeating: 1, count: 5000)],
            key: KeyID(nameA.description)
        )
        let pair = establishedPair(left, certificateB())
        let fragments = pair.trace.filter { $0.sender == "A" && $0.header?.nextPayload == .encryptedFragment }
        #expect(fragments.count >= 4)
        var drew: [Int] = []
        for (index, fragment) in fragments.enumerated() {
            for _ in 0..<(index == 0 ? 1 : 5) { pair.inject(fragment) }
            if !pair.wire.isEmpty { drew.append(index) }
            #expect(pair.wire.reduce(0) { $0 + $1.bytes.count } <= fragments.reduce(0) { $0 + $1.bytes.count })
            pair.wire = []
        }
        #expect(drew == [0])
    }

    /// S14, W19: only what is authentic shows that the peer lives. Copies of its packets, packets changed in one bit, and its
    /// answers to earlier probes do not put off the moment when it is given up.
    @Test func forgedAndOldPacketsDoNotKeepASilentPeerAlive() throws {
        #expect(try lifetimeWithoutPeer(forging: true) == lifetimeWithoutPeer(forging: false))
    }

    private func lifetimeWithoutPeer(forging: Bool) throws -> Int {
        var left = pskA()
        left.timing.deadPeerDetection = .seconds(10)
        let pair = establishedPair(left)
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.settle()
        let old = pair.trace.filter { $0.sender == "B" }
        pair.delivers = { _ in false }
        var seconds = 0
        while pair.statusA != nil, seconds < 1000 {
            seconds += 1
            pair.run(.seconds(1))
            guard forging else { continue }
            for packet in old {
                pair.inject(packet)
                var changed = packet
                changed.bytes[changed.bytes.count - 1] ^= 1
                pair.inject(changed)
                // The number of the probe that is out.
                changed.bytes[23] = UInt8(truncatingIfNeeded: seconds)
                pair.inject(changed)
            }
            pair.wire = []
        }
        #expect((11...400).contains(seconds))
        return seconds
    }
}
