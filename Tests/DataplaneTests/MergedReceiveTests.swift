import ESP
import IPsecTypes
import PacketIO
import Testing

@testable import Dataplane

/// A frame as UDP_GRO gives it: datagrams one behind the other, with the length of all but the last.
private func merged(_ datagrams: [Wire], size: Int) -> Wire {
    var wire = datagrams[0]
    wire.bytes = datagrams.flatMap(\.bytes)
    wire.frame.segmentSize = UInt16(size)
    return wire
}

private struct Ends: ~Copyable {
    var agent: Bench
    var gateway: Bench

    init() throws {
        let child = ChildPair()
        var agent = try Bench()
        var gateway = try Bench()
        try agent.install(child.agent)
        try gateway.install(child.gateway)
        self.agent = agent
        self.gateway = gateway
    }
}

private func request(_ number: Int, length: Int = 300) -> [UInt8] {
    ipPacket("10.99.0.7", "10.20.0.3", payload: udp(1, 2, [UInt8](repeating: UInt8(number), count: length)))
}

@Test func mergedDatagramsAreOpenedOneByOne() throws {
    var ends = try Ends()
    let packets = (0..<40).map { request($0) } + [request(40, length: 10)]
    let datagrams = ends.agent.fromTUN(packets)
    let frame = merged(datagrams, size: datagrams[0].bytes.count)
    #expect(ends.gateway.fromNetwork([frame]) == packets)
    #expect(ends.gateway.counters.read(WorkerCounterPlace.inboundPackets) == 41)
    #expect(ends.gateway.counters.read(WorkerCounterPlace.mergedReceives) == 1)
    // Each has a sequence number of its own: the same frame again is 41 replays.
    #expect(ends.gateway.fromNetwork([frame]).isEmpty)
    #expect(ends.gateway.allDrops == [.replayed: 41])
}

@Test func aForgedDatagramAmongMergedOnesIsDroppedAlone() throws {
    var ends = try Ends()
    let packets = (0..<5).map { request($0) }
    var datagrams = ends.agent.fromTUN(packets)
    let size = datagrams[0].bytes.count
    datagrams[2].bytes[60] ^= 1
    #expect(ends.gateway.fromNetwork([merged(datagrams, size: size)]) == [0, 1, 3, 4].map { packets[$0] })
    #expect(ends.gateway.allDrops == [.notAuthentic: 1])
}

@Test func keepalivesAndIKEMayStandAtTheEndOfMergedDatagrams() throws {
    var ends = try Ends()
    let packets = (0..<2).map { request($0) }
    let datagrams = ends.agent.fromTUN(packets)
    let size = datagrams[0].bytes.count
    #expect(ends.gateway.fromNetwork([merged(datagrams + [Wire([0xFF])], size: size)]) == packets)
    #expect(ends.gateway.counters.read(WorkerCounterPlace.keepalivesReceived) == 1)
    let message = [UInt8](repeating: 0, count: 4) + [UInt8](1...40)
    #expect(ends.gateway.fromNetwork([merged([Wire(message), Wire(message)], size: message.count)]).isEmpty)
    #expect(ends.gateway.counters.read(WorkerCounterPlace.ikeReceived) == 2)
    #expect(ends.gateway.allDrops.isEmpty)
}

@Test(arguments: [1, 3, 7, 20, 53, 100, 337, 339, 5000, 65535])
func aSegmentSizeThatLiesLosesPacketsAndNothingElse(size: Int) throws {
    var ends = try Ends()
    let datagrams = ends.agent.fromTUN((0..<8).map { request($0) })
    let length = datagrams[0].bytes.count
    #expect(length != size)
    #expect(ends.gateway.fromNetwork([merged(datagrams, size: size)]).isEmpty)
    // What happens to look like a keepalive or like IKE is taken for it.
    let taken = [WorkerCounterPlace.keepalivesReceived, WorkerCounterPlace.ikeReceived].map(ends.gateway.counters.read)
    let drops = (taken + ends.gateway.allDrops.values).reduce(0, +)
    #expect(drops == UInt64(size >= length * 8 ? 1 : (length * 8 + size - 1) / size))
    // The SA goes on.
    let next = request(9)
    #expect(ends.gateway.fromNetwork(ends.agent.fromTUN([next])) == [next])
}

@Test func aFullFrameOfTheShortestPacketsFits() throws {
    var ends = try Ends()
    let shortest = ipPacket("10.99.0.7", "10.20.0.3", ipProtocol: 59, payload: [])
    var datagrams: [Wire] = []
    while datagrams.count < 1200 { datagrams += ends.agent.fromTUN([[UInt8]](repeating: shortest, count: 60)) }
    let size = datagrams[0].bytes.count
    let frame = merged(Array(datagrams.prefix(65_000 / size)), size: size)
    let large = PacketBatch(capacity: 2, room: PacketBatch.largestRoom)
    for _ in 0..<2 {
        _ = frame.bytes.withUnsafeBytes { large.append($0, to: frame.frame.local, from: frame.frame.remote) }
        large[large.count - 1].segmentSize = UInt16(size)
    }
    let next = ends.gateway.path.receive(large, from: 0, on: .nat, into: &ends.gateway.inner)
    #expect(next == 1 && ends.gateway.inner.count == 65_000 / size)
    #expect(ends.gateway.allDrops.isEmpty)
}
