import CMallocCount
import ESP
import IPsecTypes
import PacketIO
import Policy
import Testing

@testable import Dataplane

/// Allocations that this thread makes in `rounds` of a whole conversation: 64 packets out, sealed, carried across, opened,
/// checked against selectors and rules, and as many back.
private func allocations(_ suite: ESPSuite, rounds: Int) throws -> UInt64 {
    var child = ChildPair()
    child.suite = suite
    child.rules = [0]
    let table = RuleTable([
        PacketRule(
            index: 0,
            name: "all",
            line: 1,
            destinations: [selector("10.20.0.0/16"), selector("2001:db8:20::/48")]
        )
    ])
    var agent = try Bench()
    var gateway = try Bench(rules: table)
    try agent.install(child.agent)
    try gateway.install(child.gateway)
    let there = [
        ipPacket("10.99.0.7", "10.20.0.3", payload: udp(1, 2, [UInt8](repeating: 1, count: 1300))),
        ipPacket("fd00:99::7", "2001:db8:20::3", payload: udp(1, 2)),
    ]
    let back = [ipPacket("10.20.0.3", "10.99.0.7"), ipPacket("2001:db8:20::3", "fd00:99::7", trafficClass: 2)]
    // The first round fills caches of libcrypto and of the runtime.
    exchange(&agent, &gateway, there, back)
    let before = culvert_malloc_count()
    for _ in 0..<rounds { exchange(&agent, &gateway, there, back) }
    let made = culvert_malloc_count() - before
    let passed = gateway.counters.read(WorkerCounterPlace.inboundPackets)
    #expect(passed == UInt64(64 * (rounds + 1)))
    return made
}

private func exchange(_ agent: inout Bench, _ gateway: inout Bench, _ there: [[UInt8]], _ back: [[UInt8]]) {
    carry(from: &agent, to: &gateway, there)
    carry(from: &gateway, to: &agent, back)
}

private func carry(from sender: inout Bench, to receiver: inout Bench, _ packets: [[UInt8]]) {
    sender.batch.removeAll()
    sender.answers.removeAll()
    for index in 0..<64 { _ = packets[index & 1].withUnsafeBytes { sender.batch.append($0) } }
    sender.path.send(sender.batch, answers: sender.answers)
    receiver.batch.removeAll()
    for index in 0..<sender.batch.count {
        let frame = sender.batch[index]
        _ = receiver.batch.append(
            UnsafeRawBufferPointer(sender.batch.bytes(index)),
            to: frame.local,
            from: frame.remote,
            tos: frame.tos
        )
    }
    var next = 0
    while next < receiver.batch.count {
        next = receiver.path.receive(receiver.batch, from: next, on: .nat, into: &receiver.inner)
        for run in 0..<receiver.inner.runCount { _ = receiver.inner.pieces(ofRun: run) }
        receiver.inner.removeAll()
    }
}

@Test(arguments: [
    ESPSuite(encryption: .aesGCM16, keyBits: 256), ESPSuite(encryption: .aesGCM16, keyBits: 128),
    ESPSuite(encryption: .chaCha20Poly1305, keyBits: 256),
])
func noPacketAllocatesUnderAnAEAD(suite: ESPSuite) throws {
    let made = try allocations(suite, rounds: 20)
    #expect(made == 0, "\(made) allocations for \(20 * 128) packets")
}

@Test func noPacketAllocatesInTransportMode() throws {
    var child = ChildPair()
    child.agentSelectors = [selector("198.51.100.7/32")]
    child.gatewaySelectors = [selector("203.0.113.9/32")]
    var agent = try Bench()
    var gateway = try Bench()
    var (client, server) = (child.agent, child.gateway)
    (client.mode, server.mode) = (.transport, .transport)
    // As behind a NAT, so that checksums are corrected.
    server.originalAddresses = OriginalAddresses(local: address("203.0.113.9"), remote: address("10.0.0.7"))
    try agent.install(client)
    try gateway.install(server)
    let there = [UInt8](repeating: 1, count: 1300)
    let packets = [
        ipPacket("198.51.100.7", "203.0.113.9", payload: udp(1, 2, there)),
        ipPacket("198.51.100.7", "203.0.113.9", ipProtocol: 6, payload: there),
    ]
    let back = [ipPacket("203.0.113.9", "198.51.100.7"), ipPacket("203.0.113.9", "198.51.100.7", ipProtocol: 1)]
    exchange(&agent, &gateway, packets, back)
    let before = culvert_malloc_count()
    for _ in 0..<20 { exchange(&agent, &gateway, packets, back) }
    let made = culvert_malloc_count() - before
    let passed = gateway.counters.read(WorkerCounterPlace.inboundPackets)
    #expect(passed == 64 * 21 && made == 0, "\(made) allocations")
}

@Test func packetsUnderCBCAllocateOnlyWhatLibcryptosHMACDoes() throws {
    // OpenSSL 3.0 duplicates digest contexts to restart an HMAC; nothing of ours may come on top.
    let suite = ESPSuite(encryption: .aesCBC, keyBits: 256, integrity: .hmacSHA256_128)
    let made = try allocations(suite, rounds: 20)
    let packets = UInt64(20 * 128 * 2)
    #expect(made <= packets * 4, "\(made) allocations for \(packets) seals and opens")
}

@Test func countingSeesAllocations() {
    let before = culvert_malloc_count()
    var array: [Int] = []
    array.reserveCapacity(1000)
    array.append(1)
    #expect(culvert_malloc_count() > before)
}
