import Glibc
import IPsecTypes
import PacketIO
import Testing

private func loopback(_ text: String = "127.0.0.1") throws -> UDPSocket {
    try UDPSocket(bind: Endpoint(#require(IPAddress(text)), port: 0))
}

/// Everything that arrives until `count` datagrams came or a second passed.
private func collect(_ socket: UDPSocket, _ count: Int) throws -> [[UInt8]] {
    let poller = try Poller()
    try poller.add(socket.descriptor, .readable, token: 1)
    let batch = PacketBatch(capacity: 64, room: 4096)
    var result: [[UInt8]] = []
    let deadline = SystemClock.now + .seconds(1)
    while result.count < count, SystemClock.now < deadline {
        _ = try poller.wait(timeout: .milliseconds(100))
        for index in 0..<(try socket.receive(into: batch)) { result.append(Array(batch.bytes(index))) }
    }
    return result
}

/// Sends datagrams in one call and says what it came to.
private func send(_ datagrams: [(bytes: [UInt8], to: UDPSocket, tos: UInt8)], by sender: UDPSocket) -> SendOutcome {
    let batch = PacketBatch(capacity: 128, room: 4096)
    for (bytes, to, tos) in datagrams {
        let address: IPAddress = to.family == .v4 ? .v4(0x7F00_0001) : .v6(0, 1)
        _ = bytes.withUnsafeBytes { batch.append($0, to: PacketAddress(address, port: to.port), tos: tos) }
    }
    return sender.send(batch, 0..<datagrams.count)
}

private func datagram(_ number: Int, _ length: Int) -> [UInt8] {
    (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
}

@Test(arguments: ["127.0.0.1", "::1"])
func datagramsThatLeaveTogetherArriveOneByOne(_ address: String) throws {
    let (receiver, sender) = try (loopback(address), loopback(address))
    // More than one segmented send may carry, then a shorter one, then longer ones again, then empty ones.
    let lengths = [Int](repeating: 500, count: 70) + [499] + [Int](repeating: 600, count: 10) + [0, 0, 1]
    let datagrams = lengths.enumerated().map { datagram($0.offset, $0.element) }
    let outcome = send(datagrams.map { ($0, receiver, 0) }, by: sender)
    #expect(outcome.taken == datagrams.count)
    #expect(outcome.refused == 0)
    #expect(try collect(receiver, datagrams.count) == datagrams)
}

@Test func datagramsOfSeveralReceiversAndMarksKeepApart() throws {
    let (first, second, sender) = try (loopback(), loopback(), loopback())
    let plan = (0..<60).map { number in
        (bytes: datagram(number, 300), to: number % 7 < 4 ? first : second, tos: UInt8(number % 5 == 0 ? 0x28 : 0))
    }
    #expect(send(plan, by: sender).taken == 60)
    #expect(try collect(first, 36) == plan.filter { $0.to === first }.map(\.bytes))
    #expect(try collect(second, 24) == plan.filter { $0.to === second }.map(\.bytes))
}

@Test func runsOfLargeDatagramsStayWithinWhatOneSendCarries() throws {
    let (receiver, sender) = try (loopback(), loopback())
    let datagrams = (0..<40).map { datagram($0, 4000) }
    #expect(send(datagrams.map { ($0, receiver, 0) }, by: sender).taken == 40)
    #expect(try collect(receiver, 40) == datagrams)
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func datagramsThatMustBeFragmentedAreSentOneByOne() throws {
    try inOwnNamespace {
        try shell("ip link set lo mtu 1280")
        let (receiver, sender) = try (loopback(), loopback())
        let datagrams = (0..<20).map { datagram($0, 2000) }
        for _ in 0..<2 {
            let outcome = send(datagrams.map { ($0, receiver, 0) }, by: sender)
            #expect(outcome.taken == 20)
            #expect(outcome.refused == 0)
            #expect(try collect(receiver, 20) == datagrams)
        }
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func datagramsTooLongForThePathAreRefusedAndTheOthersSent() throws {
    try inOwnNamespace {
        try shell("ip link set lo mtu 1280")
        let (receiver, sender) = try (loopback(), loopback())
        try sender.setPathMTUDiscovery(.always)
        let datagrams = [datagram(0, 100), datagram(1, 2000), datagram(2, 2000), datagram(3, 100), datagram(4, 100)]
        let outcome = send(datagrams.map { ($0, receiver, 0) }, by: sender)
        #expect(outcome.taken == 5)
        #expect(outcome.refused == 2)
        #expect(outcome.firstTooLong == 1)
        #expect(outcome.lastError == EMSGSIZE)
        #expect(try collect(receiver, 3) == [datagrams[0], datagrams[3], datagrams[4]])
    }
}
