import CLinux
import Glibc
import IPsecTypes
import PacketIO
import Testing

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private func endpoint(_ text: String, _ port: UInt16 = 0) throws -> Endpoint {
    Endpoint(try address(text), port: port)
}

/// Receives until `count` frames came or a second passed; the frames' bytes with their descriptions.
private func collect(_ socket: UDPSocket, _ batch: PacketBatch, _ count: Int) throws -> [(PacketFrame, [UInt8])] {
    let poller = try Poller()
    try poller.add(socket.descriptor, .readable, token: 1)
    var result: [(PacketFrame, [UInt8])] = []
    let deadline = SystemClock.now + .seconds(1)
    while result.count < count, SystemClock.now < deadline {
        _ = try poller.wait(timeout: .milliseconds(100))
        for index in 0..<(try socket.receive(into: batch)) { result.append((batch[index], Array(batch.bytes(index)))) }
    }
    return result
}

@Test func repliesLeaveFromTheAddressTheDatagramCameToOverIPv4() throws {
    let server = try UDPSocket(bind: endpoint("0.0.0.0"))
    let client = try UDPSocket(bind: endpoint("127.0.0.1"))
    let batch = PacketBatch(capacity: 8)
    let to = PacketAddress(try address("127.0.0.77"), port: server.port)
    _ = [UInt8]("hello".utf8).withUnsafeBytes { batch.append($0, to: to, tos: 0xba) }
    #expect(client.send(batch, 0..<1).taken == 1)

    let got = try collect(server, batch, 1)
    let (frame, bytes) = try #require(got.first)
    #expect(bytes == [UInt8]("hello".utf8))
    #expect(frame.local.endpoint == Endpoint(try address("127.0.0.77"), port: server.port))
    #expect(frame.remote.endpoint == Endpoint(try address("127.0.0.1"), port: client.port))
    #expect(frame.tos == 0xba)

    // The received frame, as it is, is its own reply.
    #expect(server.send(batch, 0..<1).taken == 1)
    let echoed = try collect(client, batch, 1)
    #expect(echoed.first?.0.remote.endpoint == Endpoint(try address("127.0.0.77"), port: server.port))
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func repliesLeaveFromTheAddressTheDatagramCameToOverIPv6() throws {
    try inOwnNamespace {
        try shell("ip -6 addr add fd00:77::7/128 dev lo nodad")
        let server = try UDPSocket(bind: endpoint("::"))
        let client = try UDPSocket(bind: endpoint("::1"))
        let batch = PacketBatch(capacity: 8)
        let to = PacketAddress(try address("fd00:77::7"), port: server.port)
        _ = [UInt8]([1, 2, 3]).withUnsafeBytes { batch.append($0, to: to, tos: 0x03) }
        #expect(client.send(batch, 0..<1).taken == 1)
        let (frame, bytes) = try #require(try collect(server, batch, 1).first)
        #expect(bytes == [1, 2, 3])
        #expect(frame.local.address == IPAddress("fd00:77::7"))
        #expect(frame.tos == 0x03)
        #expect(server.send(batch, 0..<1).taken == 1)
        let echoed = try collect(client, batch, 1)
        #expect(echoed.first?.0.remote.address == IPAddress("fd00:77::7"))
    }
}

@Test func aBatchCarriesManyDatagramsInOrder() throws {
    let server = try UDPSocket(bind: endpoint("127.0.0.1"))
    let client = try UDPSocket(bind: endpoint("127.0.0.1"))
    let outgoing = PacketBatch(capacity: 64)
    let to = PacketAddress(try address("127.0.0.1"), port: server.port)
    for number in 0..<64 {
        let bytes = [UInt8](repeating: UInt8(number), count: number * 20)
        _ = bytes.withUnsafeBytes { outgoing.append($0, to: to) }
    }
    let one: [UInt8] = [1]
    #expect(one.withUnsafeBytes { outgoing.append($0) } == nil, "the batch is full")
    #expect(client.send(outgoing, 0..<64).taken == 64)
    let got = try collect(server, PacketBatch(capacity: 7), 64)
    #expect(got.map(\.1) == (0..<64).map { [UInt8](repeating: UInt8($0), count: $0 * 20) })
}

@Test func aDatagramTooLongForTheRoomArrivesEmptyAndFlagged() throws {
    let server = try UDPSocket(bind: endpoint("127.0.0.1"))
    let client = try UDPSocket(bind: endpoint("127.0.0.1"))
    let outgoing = PacketBatch(capacity: 2)
    let to = PacketAddress(try address("127.0.0.1"), port: server.port)
    for count in [65, 64] {
        _ = [UInt8](repeating: 9, count: count).withUnsafeBytes { outgoing.append($0, to: to) }
    }
    #expect(client.send(outgoing, 0..<2).taken == 2)
    let got = try collect(server, PacketBatch(capacity: 4, room: 64), 2)
    #expect(got.map(\.1.count) == [0, 64])
    #expect(got.map(\.0.flags) == [.truncated, []])
}

@Test func aFrameTheKernelRefusesIsPassedOver() throws {
    let server = try UDPSocket(bind: endpoint("127.0.0.1"))
    let client = try UDPSocket(bind: endpoint("127.0.0.1"))
    let outgoing = PacketBatch(capacity: 3, room: 65_535)
    let to = PacketAddress(try address("127.0.0.1"), port: server.port)
    for count in [10, 65_530, 11] {
        _ = [UInt8](repeating: 9, count: count).withUnsafeBytes { outgoing.append($0, to: to) }
    }
    let outcome = client.send(outgoing, 0..<3)
    #expect(outcome.taken == 3 && outcome.refused == 1 && outcome.lastError == EMSGSIZE && outcome.firstTooLong == 1)
    #expect(!outcome.isBlocked && outgoing[1].flags == .failed)
    #expect(try collect(server, PacketBatch(capacity: 4), 2).map(\.1.count) == [10, 11])
}

@Test func superFramesAreCutOnSendingAndMergedOnReceiving() throws {
    var options = UDPSocketOptions()
    let plain = try UDPSocket(bind: endpoint("127.0.0.1"), options: options)
    options.mergesReceived = true
    let merging = try UDPSocket(bind: endpoint("127.0.0.1"), options: options)
    let client = try UDPSocket(bind: endpoint("127.0.0.1"))
    for (receiver, lengths, segments) in [(plain, [100, 100, 100, 50], Set([0])), (merging, [350], Set([100]))] {
        let batch = PacketBatch(capacity: 8)
        let to = PacketAddress(try address("127.0.0.1"), port: receiver.port)
        let index = try #require([UInt8](repeating: 5, count: 350).withUnsafeBytes { batch.append($0, to: to) })
        batch[index].segmentSize = 100
        #expect(client.send(batch, 0..<1).taken == 1)
        let got = try collect(receiver, batch, lengths.count)
        #expect(got.map(\.1.count) == lengths)
        #expect(Set(got.map { Int($0.0.segmentSize) }) == segments)
    }
}

@Test func aPortInUseIsRefusedWithTheCommandThatFindsTheHolder() throws {
    let first = try UDPSocket(bind: endpoint("127.0.0.1"))
    let failure = #expect(throws: IOFailure.self) { try UDPSocket(bind: endpoint("127.0.0.1", first.port)) }
    #expect(failure?.code == EADDRINUSE)
    #expect(failure?.hint.contains("ss -Hlunp 'sport = :\(first.port)'") == true)
    #expect(failure?.call == "bind udp 127.0.0.1:\(first.port)")
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func dontFragmentTurnsTooLongDatagramsIntoRefusals() throws {
    try inOwnNamespace {
        try shell("ip link set lo mtu 1400")
        let server = try UDPSocket(bind: endpoint("127.0.0.1"))
        let client = try UDPSocket(bind: endpoint("127.0.0.1"))
        let batch = PacketBatch(capacity: 1)
        let to = PacketAddress(try address("127.0.0.1"), port: server.port)
        _ = [UInt8](repeating: 1, count: 1500).withUnsafeBytes { batch.append($0, to: to) }
        #expect(client.send(batch, 0..<1).refused == 0)
        try client.setPathMTUDiscovery(.always)
        #expect(client.send(batch, 0..<1).firstTooLong == 0)
        #expect(try UDPSocket.pathMTU(to: endpoint("127.0.0.1", 500)) == 1400)
        #expect(try UDPSocket.sourceAddress(towards: endpoint("127.0.0.9", 500)) == IPAddress("127.0.0.1"))
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason), arguments: ["127.0.0.1", "::1"])
func rawESPFramesBeginWithTheESPHeader(_ text: String) throws {
    try inOwnNamespace {
        let receiver = try RawESPSocket(bind: address(text))
        let sender = try RawESPSocket(bind: address(text))
        let batch = PacketBatch(capacity: 4)
        let esp: [UInt8] = [0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1] + [UInt8](repeating: 7, count: 40)
        let here = PacketAddress(try address(text), port: 4500)
        _ = esp.withUnsafeBytes { batch.append($0, to: here, from: here, tos: 0x28) }
        #expect(sender.send(batch, 0..<1).taken == 1)
        let poller = try Poller()
        try poller.add(receiver.descriptor, .readable, token: 1)
        _ = try poller.wait(timeout: .seconds(1))
        #expect(try receiver.receive(into: batch) == 1)
        #expect(Array(batch.bytes(0)) == esp)
        #expect(batch[0].remote.address == IPAddress(text) && batch[0].local.address == IPAddress(text))
        #expect(batch[0].remote.port == 0 && batch[0].tos == 0x28)
    }
}

@Test func whatTheReceiveBufferCouldNotTakeIsCounted() throws {
    var options = UDPSocketOptions()
    options.receiveBufferBytes = 20_000
    let server = try UDPSocket(bind: endpoint("127.0.0.1"), options: options)
    let client = try UDPSocket(bind: endpoint("127.0.0.1"))
    let batch = PacketBatch(capacity: 100)
    let to = PacketAddress(try address("127.0.0.1"), port: server.port)
    for _ in 0..<100 { _ = [UInt8](repeating: 1, count: 1000).withUnsafeBytes { batch.append($0, to: to) } }
    #expect(server.droppedCount == 0)
    #expect(client.send(batch, 0..<100).taken == 100)
    let received = try server.receive(into: batch)
    #expect(server.droppedCount > 0 && received + server.droppedCount == 100)
}
