import Glibc
import IPsecTypes
import Testing

@testable import PacketIO

/// What is read from a TUN within a second, or as soon as `isWanted` is met.
private func read(_ device: TUNDevice, until isWanted: ([UInt8]) -> Bool) throws -> [UInt8]? {
    let poller = try Poller()
    try poller.add(device.descriptor, .readable, token: 1)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: TUNDevice.longestRead, alignment: 16)
    defer { buffer.deallocate() }
    let deadline = SystemClock.now + .seconds(1)
    while SystemClock.now < deadline {
        _ = try poller.wait(timeout: .milliseconds(100))
        while case let got = try device.read(into: buffer), got > 0 {
            let content = Array(buffer[..<got])
            // The kernel also says hello in IPv6.
            if isWanted(content) { return content }
        }
    }
    return nil
}

/// Writes bytes in one piece.
private func write(_ device: TUNDevice, _ content: [UInt8]) -> CInt {
    var content = content
    return content.withUnsafeMutableBytes { bytes in
        var piece = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return device.write(&piece, count: 1)
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func packetsPassThroughATUNDeviceBothWays() throws {
    try inOwnNamespace {
        let device = try TUNDevice(name: "cvt%d")
        #expect(device.name == "cvt0" && device.headerSize == 0 && device.offloads == [])
        try shell("ip addr add 10.231.0.1/24 dev cvt0 && ip link set cvt0 up mtu 1380")
        let here = try #require(IPAddress("10.231.0.1"))
        let there = PacketAddress(try #require(IPAddress("10.231.0.2")), port: 9000)
        let socket = try UDPSocket(bind: Endpoint(here, port: 0))
        let batch = PacketBatch(capacity: 16)
        for number: UInt8 in 0..<3 {
            batch.removeAll()
            _ = [UInt8](repeating: number, count: 10).withUnsafeBytes { batch.append($0, to: there) }
            #expect(socket.send(batch, 0..<1).taken == 1)
            var packet = try #require(try read(device) { $0.first == 0x45 && $0.count == 38 })
            turnAround(&packet)
            #expect(write(device, packet) == 0)
            #expect(try socket.receive(into: batch) == 1)
            #expect(Array(batch.bytes(0)) == [UInt8](repeating: number, count: 10) && batch[0].remote == there)
        }
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func aRunOfDatagramsLeavesAndEntersAsOnePacketWithAHeader() throws {
    try inOwnNamespace {
        let device = try TUNDevice(name: "cvt%d", offloads: .all)
        // Linux 6.2 has all of them; an older one leaves UDP out.
        guard device.headerSize == 10, device.offloads.contains(.udp) else { return }
        #expect(device.offloads == .all)
        try shell("ip addr add 10.231.0.1/24 dev cvt0 && ip link set cvt0 up mtu 1380")
        let here = try #require(IPAddress("10.231.0.1"))
        let there = PacketAddress(try #require(IPAddress("10.231.0.2")), port: 9000)
        var options = UDPSocketOptions()
        options.mergesReceived = true
        let socket = try UDPSocket(bind: Endpoint(here, port: 0), options: options)
        let batch = PacketBatch(capacity: 1, room: PacketBatch.largestRoom)
        let index = [UInt8](repeating: 3, count: 4500).withUnsafeBytes { batch.append($0, to: there) }
        batch[try #require(index)].segmentSize = 1000
        #expect(socket.send(batch, 0..<1).taken == 1)
        let whole = try #require(try read(device) { $0.count == 10 + 28 + 4500 })
        // NEEDS_CSUM, UDP_L4, segments of 1000 bytes, the checksum from byte 20 on at byte 6.
        #expect(Array(whole[0..<2]) == [1, 5] && Array(whole[4..<10]) == [0xE8, 3, 20, 0, 6, 0])
        var packet = Array(whole[10...])
        turnAround(&packet)
        #expect(write(device, whole[..<10] + packet) == 0)
        #expect(try socket.receive(into: batch) == 1)
        #expect(batch[0].segmentSize == 1000 && batch[0].length == 4500)
        // A header that lies is the kernel's to refuse, with an error that tells.
        #expect(write(device, [1, 5, 0, 0, 0xE8, 3, 0xFF, 0xFF, 6, 0] + packet) == EINVAL)
        #expect(write(device, [UInt8](whole[..<5])) == EINVAL)
    }
}

@Test func offloadsAreAskedForOneAfterTheOther() {
    func taken(_ wanted: TUNOffloads, _ known: TUNOffloads) -> TUNOffloads {
        TUNOffloads.negotiate(wanted) { $0.isSubset(of: known) }
    }
    #expect(taken(.all, .all) == .all)
    #expect(taken(.all, [.checksum, .tcp4, .tcp6, .tcpECN]) == [.checksum, .tcp4, .tcp6, .tcpECN])
    #expect(taken(.all, [.checksum, .tcp6]) == [.checksum, .tcp6])
    #expect(taken(.all, [.checksum, .tcpECN]) == [.checksum])
    #expect(taken(.all, [.tcp4, .udp]) == [])
    #expect(taken([.checksum, .udp], .all) == [.checksum, .udp])
    #expect(TUNOffloads.all.names == ["checksum", "tcp4", "tcp6", "tcp-ecn", "udp"])
}

/// Exchanges addresses and ports of an IPv4 UDP packet; the checksums do not change.
private func turnAround(_ bytes: inout [UInt8]) {
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
        let third = try TUNDevice(name: "cvto", multiQueue: true, offloads: .all)
        let fourth = try third.openQueue()
        #expect(fourth.headerSize == third.headerSize && fourth.offloads == third.offloads)
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func aPacketWrittenWhileTheInterfaceIsDownIsRefusedNotFatal() throws {
    try inOwnNamespace {
        let device = try TUNDevice(name: "cvtd")
        #expect(write(device, [UInt8](repeating: 0x45, count: 40)) == EIO)
    }
}

@Test(arguments: ["", "a/b", "a b", "sixteen-bytes-xx", "tab\t"])
func interfaceNamesTheKernelWouldRefuseAreRefusedFirst(_ name: String) {
    let failure = #expect(throws: IOFailure.self) { try TUNDevice(name: name) }
    #expect(failure?.code == EINVAL)
}
