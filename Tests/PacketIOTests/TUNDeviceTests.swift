import Glibc
import IPsecTypes
import PacketIO
import Testing

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func packetsPassThroughATUNDeviceBothWays() throws {
    try inOwnNamespace {
        let device = try TUNDevice(name: "cvt%d")
        #expect(device.name == "cvt0")
        try shell("ip addr add 10.231.0.1/24 dev cvt0 && ip link set cvt0 up mtu 1380")
        let here = try #require(IPAddress("10.231.0.1"))
        let there = PacketAddress(try #require(IPAddress("10.231.0.2")), port: 9000)
        let socket = try UDPSocket(bind: Endpoint(here, port: 0))
        let batch = PacketBatch(capacity: 16)
        for number in 0..<3 {
            _ = [UInt8](repeating: UInt8(number), count: 10).withUnsafeBytes { batch.append($0, to: there) }
        }
        #expect(socket.send(batch, 0..<3).taken == 3)

        let poller = try Poller()
        try poller.add(device.descriptor, .readable, token: 1)
        var seen = 0
        while seen < 3 {
            guard try poller.wait(timeout: .seconds(1)) > 0 else { break }
            _ = try device.read(into: batch)
            // Only what we sent; the kernel also says hello in IPv6.
            batch.retain { batch.bytes($0).first == 0x45 && batch.bytes($0).count == 38 }
            seen += batch.count
            for index in 0..<batch.count { turnAround(batch, index) }
            #expect(batch.count == 0 || batch.headroom(0) == PacketBatch.defaultHeadroom)
            let outcome = device.write(batch, 0..<batch.count)
            #expect(outcome.taken == batch.count && outcome.refused == 0)
        }
        #expect(seen == 3)
        #expect(try socket.receive(into: batch) == 3)
        #expect((0..<3).map { Array(batch.bytes($0)) } == (0..<3).map { [UInt8](repeating: UInt8($0), count: 10) })
        #expect(batch[0].remote == there)
    }
}

/// Exchanges addresses and ports of an IPv4 UDP packet; the checksums do not change.
private func turnAround(_ batch: PacketBatch, _ index: Int) {
    let bytes = batch.bytes(index)
    for offset in 0..<4 { bytes.swapAt(12 + offset, 16 + offset) }
    for offset in 0..<2 { bytes.swapAt(20 + offset, 22 + offset) }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func aSecondHolderOfATUNDeviceIsRefusedAndAQueueIsNot() throws {
    try inOwnNamespace {
        let single = try TUNDevice(name: "cvts")
        let failure = #expect(throws: IOFailure.self) { try TUNDevice(name: "cvts") }
        #expect(failure?.hint.contains("cvts") == true)
        #expect(single.name == "cvts")
        let first = try TUNDevice(name: "cvtm", multiQueue: true)
        let second = try first.openQueue()
        #expect(second.name == "cvtm" && second.descriptor != first.descriptor)
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func aPacketWrittenWhileTheInterfaceIsDownIsRefusedNotFatal() throws {
    try inOwnNamespace {
        let device = try TUNDevice(name: "cvtd")
        let batch = PacketBatch(capacity: 2)
        _ = [UInt8](repeating: 0x45, count: 40).withUnsafeBytes { batch.append($0) }
        let outcome = device.write(batch, 0..<1)
        #expect(outcome.taken == 1 && outcome.refused == 1 && outcome.lastError == EIO)
    }
}

@Test(arguments: ["", "a/b", "a b", "sixteen-bytes-xx", "tab\t"])
func interfaceNamesTheKernelWouldRefuseAreRefusedFirst(_ name: String) {
    let failure = #expect(throws: IOFailure.self) { try TUNDevice(name: name) }
    #expect(failure?.code == EINVAL)
}
