import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Peers with a larger window than ours, which is one (RFC 7296 §2.3).
@Suite struct WindowTests {
    private func request(_ pair: Pair, _ id: UInt32, _ payloads: [Payload] = []) throws -> Packet {
        let sa = try #require(pair.a.endpoint.engine.sas.values.first)
        let chain = IKEMessage.serialiseChain(payloads)
        let bytes = Forge.seal(sa, .informational, id, first: chain.first, chain.bytes, crypto: pair.a.crypto)
        return Packet(bytes: try #require(bytes), path: pair.pathA, sender: "A")
    }

    /// The Message IDs of B's responses that are on the wire, which is emptied.
    private func answered(_ pair: Pair) -> [UInt32] {
        defer { pair.wire = [] }
        return pair.wire.compactMap { $0.isResponse && $0.sender == "B" ? $0.header?.messageID : nil }
    }

    private func windowSize(_ size: UInt32) -> Payload {
        var data = WireWriter(capacity: 4)
        data.writeUInt32(size)
        return .notify(.setWindowSize, data.bytes)
    }

    /// What a peer could take at once changes nothing of what we send: one request at a time.
    @Test(arguments: [1, 2, 100, UInt32.max]) func aPeersLargeWindowIsHarmless(_ size: UInt32) throws {
        let pair = establishedPair()
        let first = try #require(pair.a.endpoint.engine.sas.values.first).requests.nextID
        pair.inject(try request(pair, first, [windowSize(size)]))
        #expect(answered(pair) == [first])
        let id = try #require(pair.statusB).id
        pair.command(pair.b, .rekeyIKE(id))
        pair.command(pair.b, .probe(id))
        #expect(pair.wire.count { $0.sender == "B" && !$0.isResponse } == 1)
        #expect(pair.statusB?.phase == .established)
    }

    /// A size of zero is malformed (RFC 7296 §3.10.1): the notify is not understood, and nothing happens.
    @Test func aWindowOfNothingIsNotUnderstood() throws {
        let pair = establishedPair()
        let first = try #require(pair.a.endpoint.engine.sas.values.first).requests.nextID
        pair.inject(try request(pair, first, [windowSize(0)]))
        #expect(answered(pair) == [first])
        #expect(pair.statusB?.phase == .established)
    }

    /// Several requests at once: the one whose turn it is gets its answer, the others do when they come again, each once, in
    /// whatever order they travelled.
    @Test func requestsBeyondTheWindowAreAnsweredWhenTheyComeAgain() throws {
        let pair = establishedPair()
        let first = try #require(pair.a.endpoint.engine.sas.values.first).requests.nextID
        let burst = try (0..<4).map { try request(pair, first + UInt32($0)) }
        let inbound = try #require(pair.b.endpoint.engine.sas.values.first?.lastInbound)
        pair.run(.seconds(1))
        for packet in [burst[2], burst[3], burst[1]] { pair.inject(packet) }
        #expect(answered(pair).isEmpty, "RFC 7296 §2.3: nothing outside the window is acknowledged")
        #expect(pair.b.endpoint.engine.sas.values.first?.lastInbound == inbound, "nor looked at")
        pair.inject(burst[0])
        #expect(answered(pair) == [first])
        for packet in burst { pair.inject(packet) }
        #expect(answered(pair) == (0...3).map { first + $0 }, "each once, the first from the cache")
        pair.inject(burst[3])
        #expect(answered(pair) == [first + 3], "the last one from the cache")
        pair.inject(burst[0])
        #expect(answered(pair).isEmpty, "what left the window has no answer any more")
        #expect(pair.statusB?.phase == .established && pair.installedCounts == [1, 1])
    }

    /// RFC 7296 §2.3: a request is taken while one of ours is outstanding, or both ends would wait for ever.
    @Test func aRequestIsAnsweredWhileOursIsOutstanding() throws {
        let pair = establishedPair()
        let first = try #require(pair.a.endpoint.engine.sas.values.first).requests.nextID
        pair.command(pair.b, .probe(try #require(pair.statusB).id))
        #expect(pair.b.endpoint.engine.sas.values.first?.requests.outstanding != nil)
        pair.wire = []
        pair.inject(try request(pair, first))
        #expect(answered(pair) == [first])
    }
}

extension Pair {
    /// Child SAs in the data plane of each end.
    fileprivate var installedCounts: [Int] { [a.installed.count, b.installed.count] }
}
