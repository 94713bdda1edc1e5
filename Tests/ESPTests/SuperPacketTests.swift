import ESP
import IPsecTypes
import Testing

/// A super-packet as the kernel gives it: the header, and the packet with the partial checksum.
private func superPacket(_ packet: StreamPacket, size: Int) -> [UInt8] {
    let start = packet.headerLength - (packet.ipProtocol == 17 ? 8 : 20 + packet.options.count)
    let ecn: UInt8 = packet.ipProtocol == 6 && packet.flags & 0x80 != 0 ? 0x80 : 0
    let type: UInt8 = packet.ipProtocol == 17 ? 5 : packet.isVersion6 ? 4 : 1
    let header = virtioHeader(
        type: type | ecn,
        size: UInt16(size),
        start: UInt16(start),
        offset: packet.ipProtocol == 17 ? 6 : 16
    )
    return header + packet.bytes(checksum: packet.partialChecksum)
}

private func stream(_ length: Int, _ change: (inout StreamPacket) -> Void = { _ in }) -> StreamPacket {
    var packet = StreamPacket()
    packet.payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    change(&packet)
    return packet
}

private func makeVersion6(_ packet: inout StreamPacket) {
    packet.source = address("fd00:99::7")
    packet.destination = address("2001:db8:20::3")
}

@Test func tcpIsCutAsASenderWithoutOffloadsSendsIt() throws {
    for change in [{ _ in }, makeVersion6] {
        for flags: UInt8 in [0x10, 0x18, 0x11, 0x19, 0xD0, 0x90] {
            let packet = stream(5000) {
                change(&$0)
                $0.flags = flags
                $0.sequence = .max - 1500
                $0.identification = .max - 1
            }
            let expected = packet.segments(1300).map(\.bytes)
            #expect(try cut(superPacket(packet, size: 1300)) == expected, "flags \(flags)")
            #expect(expected.count == 4)
        }
    }
}

@Test func udpIsCutIntoDatagrams() throws {
    for change in [{ _ in }, makeVersion6] {
        for length in [1, 1200, 1201, 4800, 4801] {
            let packet = stream(length) {
                change(&$0)
                $0.ipProtocol = 17
            }
            #expect(try cut(superPacket(packet, size: 1200)) == packet.segments(1200).map(\.bytes))
        }
    }
}

@Test func optionsAndExtensionHeadersAreKept() throws {
    let options = stream(3000) {
        $0.extras = [7, 7, 4, 0, 0, 0, 0, 1]
        $0.options = [UInt8](repeating: 1, count: 40)
    }
    #expect(try cut(superPacket(options, size: 1000)) == options.segments(1000).map(\.bytes))
    let extensions = stream(3000) {
        makeVersion6(&$0)
        $0.extras = [60, 0, 1, 4, 0, 0, 0, 0] + [6, 0, 1, 4, 0, 0, 0, 0]
        $0.firstHeader = 0
    }
    #expect(try cut(superPacket(extensions, size: 1000)) == extensions.segments(1000).map(\.bytes))
}

@Test func aPartialChecksumOfOnePacketIsCompleted() throws {
    for ipProtocol: UInt8 in [6, 17] {
        for length in [0, 1, 2, 15, 16, 17, 1339] {
            let packet = stream(length) { $0.ipProtocol = ipProtocol }
            let header = virtioHeader(type: 0, size: 0, start: 20, offset: ipProtocol == 17 ? 6 : 16)
            #expect(try cut(header + packet.bytes(checksum: packet.partialChecksum)) == [packet.bytes])
        }
    }
}

@Test func aChecksumThatComesToZeroIsWrittenAsOnes() throws {
    var packet = stream(2) { $0.ipProtocol = 17 }
    packet.payload = [0, 0]
    // What makes the sum of the rest all ones.
    let rest = reference(packet.pseudoHeader(10) + Array(packet.bytes(checksum: 0).suffix(10)))
    packet.payload = [UInt8(rest >> 8), UInt8(rest & 0xFF)]
    let header = virtioHeader(type: 0, size: 0, start: 20, offset: 6)
    let written = try cut(header + packet.bytes(checksum: packet.partialChecksum))
    #expect(written == [packet.bytes])
    #expect(Array(written[0][26..<28]) == [0xFF, 0xFF])
}

@Test func wholePacketsAndStrangersPassUnchanged() throws {
    let contents: [[UInt8]] = [stream(1300).bytes, [UInt8](repeating: 0x99, count: 30), [1]]
    for content in contents {
        #expect(try cut(virtioHeader(flags: 0, type: 0, size: 0, start: 0, offset: 0) + content) == [content])
        // VIRTIO_NET_HDR_F_DATA_VALID: nothing to do.
        #expect(try cut(virtioHeader(flags: 2, type: 0, size: 0, start: 0, offset: 0) + content) == [content])
    }
}

@Test func headersThatLieAreRefused() throws {
    let packet = stream(4000)
    let content = packet.bytes(checksum: packet.partialChecksum)
    let udp = stream(4000) { $0.ipProtocol = 17 }.bytes
    let fragment = stream(4000) { $0.fragmentField = 0x2000 }.bytes
    var short = content
    short[32] = 0x40
    let version6 = stream(4000, makeVersion6).bytes
    let cases: [(String, [UInt8], OffloadFault)] = [
        ("kind", virtioHeader(type: 3, size: 1000, start: 20, offset: 16) + content, .unknownKind),
        ("kind", virtioHeader(type: 77, size: 1000, start: 20, offset: 16) + content, .unknownKind),
        ("size", virtioHeader(type: 1, size: 0, start: 20, offset: 16) + content, .segmentSize),
        ("size", virtioHeader(type: 1, size: 2, start: 20, offset: 16) + content, .segmentSize),
        ("start", virtioHeader(type: 0, size: 0, start: .max, offset: .max) + content, .checksumOutside),
        ("start", virtioHeader(type: 0, size: 0, start: UInt16(content.count), offset: 0) + content, .checksumOutside),
        (
            "offset", virtioHeader(type: 0, size: 0, start: 20, offset: UInt16(content.count - 21)) + content,
            .checksumOutside
        ),
        ("udp", virtioHeader(type: 1, size: 1000, start: 20, offset: 16) + udp, .notOfKind),
        ("tcp", virtioHeader(type: 5, size: 1000, start: 20, offset: 6) + content, .notOfKind),
        ("fragment", virtioHeader(type: 1, size: 1000, start: 20, offset: 16) + fragment, .notOfKind),
        ("family", virtioHeader(type: 4, size: 1000, start: 20, offset: 16) + content, .notOfKind),
        ("family", virtioHeader(type: 1, size: 1000, start: 40, offset: 16) + version6, .notOfKind),
        ("data offset", virtioHeader(type: 1, size: 1000, start: 20, offset: 16) + short, .notOfKind),
        ("cut", virtioHeader(type: 1, size: 1000, start: 20, offset: 16) + [UInt8](content[..<2000]), .notOfKind),
        ("headers", virtioHeader(type: 1, size: 1000, start: 20, offset: 16) + [UInt8](content[..<25]), .notOfKind),
        ("nothing", virtioHeader(type: 1, size: 1000, start: 20, offset: 16), .notOfKind),
    ]
    for (name, content, fault) in cases {
        #expect(throws: fault, "\(name)") { try cut(content) }
    }
    // What the header says of its own length, of the checksum's place and of CWR is not relied on.
    let lies = virtioHeader(flags: 0, type: 0x81, size: 1000, start: 9999, offset: 9999, headers: 60000)
    #expect(try cut(lies + content) == packet.segments(1000).map(\.bytes))
}

@Test func aSegmentWithoutRoomIsRefused() throws {
    let packet = stream(3000)
    try withPacket(superPacket(packet, size: 1000)) { bytes in
        let header = try #require(VirtioNetHeader(bytes))
        let body = try #require(bytes.slice(10, count: bytes.count - 10))
        let whole = try SuperPacket(header, body)
        let target = Frame([UInt8](repeating: 0, count: 1051))
        #expect(throws: OffloadFault.noRoom) { try whole.write(0, to: target.window(Frame.headroom, 1051)) }
        for index in [-1, 3, 4, .max / 2000] {
            #expect(throws: OffloadFault.noRoom) { try whole.write(index, to: target.bytes) }
        }
    }
}

@Test func everyByteOfASuperPacketMayLie() {
    var generator = SeededGenerator(seed: 11)
    for seed in [stream(3000), stream(3000, makeVersion6), stream(3000) { $0.ipProtocol = 17 }] {
        let content = superPacket(seed, size: 700)
        for _ in 0..<1000 {
            var changed = content
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<(Bool.random(using: &generator) ? 70 : changed.count), using: &generator)
                changed[place] = UInt8.random(in: 0...255, using: &generator)
            }
            if Int.random(in: 0..<4, using: &generator) == 0 {
                changed = Array(changed.prefix(Int.random(in: 0...changed.count, using: &generator)))
            }
            #expect(ESPProperties.violation(offload: changed) == nil, "\(changed)")
        }
    }
}
