import ESP
import IPsecTypes
import Testing

private let from4 = address("10.99.0.7")
private let to4 = address("10.20.0.3")
private let from6 = address("fd00:99::7")
private let to6 = address("2001:db8:20::3")

private func answer(_ error: ICMPError, to bytes: [UInt8]) throws -> [UInt8]? {
    try withPacket(bytes) { original in
        let packet = try IPPacket.parse(original)
        let target = Frame([UInt8](repeating: 0, count: 1400))
        guard let length = error.write(about: packet, original, to: target.window(Frame.headroom, 1400)) else {
            return nil
        }
        return target.read(Frame.headroom, length)
    }
}

@Test func fragmentationNeededHasTheBytesOfRFC1191() throws {
    let original = ipPacket(
        from4,
        to4,
        ipProtocol: 17,
        payload: udp(1, 2, [UInt8](repeating: 5, count: 1400)),
        fragmentField: 0x4000
    )
    let bytes = try #require(try answer(.tooBig(mtu: 1380), to: original))
    #expect(bytes.count == 576)
    #expect(Array(bytes[0..<10]) == [0x45, 0xC0, 0x02, 0x40, 0, 0, 0x40, 0, 64, 1])
    #expect(reference(Array(bytes[0..<20])) == 0)
    #expect(Array(bytes[12..<16]) == to4.bytes && Array(bytes[16..<20]) == from4.bytes)
    #expect(Array(bytes[20..<22]) == [3, 4])
    #expect(Array(bytes[24..<28]) == [0, 0, 0x05, 0x64])
    #expect(reference(Array(bytes[20...])) == 0)
    #expect(Array(bytes[28...]) == Array(original.prefix(548)))
}

@Test func packetTooBigHasTheBytesOfRFC4443() throws {
    let original = ipPacket(from6, to6, ipProtocol: 17, payload: udp(1, 2, [UInt8](repeating: 5, count: 1400)))
    let bytes = try #require(try answer(.tooBig(mtu: 1380), to: original))
    #expect(bytes.count == 1280)
    #expect(Array(bytes[0..<8]) == [0x60, 0, 0, 0, 0x04, 0xD8, 58, 64])
    #expect(Array(bytes[8..<24]) == to6.bytes && Array(bytes[24..<40]) == from6.bytes)
    #expect(Array(bytes[40..<42]) == [2, 0])
    #expect(Array(bytes[44..<48]) == [0, 0, 0x05, 0x64])
    #expect(Array(bytes[48...]) == Array(original.prefix(1232)))
    let length = bytes.count - 40
    let pseudo = to6.bytes + from6.bytes + [0, 0, UInt8(length >> 8), UInt8(length & 255), 0, 0, 0, 58]
    #expect(reference(pseudo + bytes[40...]) == 0)
}

@Test func noLinkOfIPv6IsSmallerThan1280() throws {
    let original = ipPacket(from6, to6, ipProtocol: 17, payload: udp(1, 2))
    let bytes = try #require(try answer(.tooBig(mtu: 600), to: original))
    #expect(Array(bytes[44..<48]) == [0, 0, 0x05, 0x00])
}

@Test func refusalIsAdministrativelyProhibited() throws {
    let four = try #require(try answer(.prohibited, to: ipPacket(from4, to4, ipProtocol: 17, payload: udp(1, 2))))
    #expect(Array(four[20..<22]) == [3, 13] && four.count == 56)
    #expect(reference(Array(four[20...])) == 0)
    let six = try #require(try answer(.prohibited, to: ipPacket(from6, to6, ipProtocol: 17, payload: udp(1, 2))))
    #expect(Array(six[40..<42]) == [1, 1])
}

@Test func errorsFragmentsAndGroupsGetNoAnswer() throws {
    let error = ipPacket(from4, to4, ipProtocol: 1, payload: [3, 1, 0, 0, 0, 0, 0, 0])
    #expect(try answer(.prohibited, to: error) == nil)
    let later = ipPacket(from4, to4, ipProtocol: 17, payload: udp(1, 2), fragmentField: 7)
    #expect(try answer(.prohibited, to: later) == nil)
    let group = ipPacket(from4, address("224.0.0.9"), ipProtocol: 17, payload: udp(1, 2))
    #expect(try answer(.prohibited, to: group) == nil)
    let nobody = ipPacket(address("0.0.0.0"), to4, ipProtocol: 17, payload: udp(1, 2))
    #expect(try answer(.prohibited, to: nobody) == nil)
    let echo = ipPacket(from4, to4, ipProtocol: 1, payload: [8, 0, 0, 0, 0, 0, 0, 0])
    #expect(try answer(.prohibited, to: echo) != nil)
}

private func syn(_ from: IPAddress, _ to: IPAddress, options: [UInt8], flags: UInt8 = 2) -> [UInt8] {
    var header = WireWriter()
    header.writeUInt16(4000)
    header.writeUInt16(443)
    header.writeUInt32(1)
    header.writeUInt32(0)
    header.writeUInt8(UInt8((20 + options.count) / 4) << 4)
    header.writeUInt8(flags)
    header.writeUInt16(65535)
    header.writeUInt32(0)
    header.writeBytes(options)
    let length = header.count
    let pseudo = from.bytes + to.bytes + [0, 6, UInt8(length >> 8), UInt8(length & 255)]
    header.patchUInt16(reference(pseudo + header.bytes), at: 16)
    return ipPacket(from, to, ipProtocol: 6, payload: header.bytes)
}

@Test(
    arguments: [[2, 4, 5, 180], [1, 2, 4, 5, 180, 1, 1, 0], [4, 2, 2, 4, 5, 180, 1, 1], [3, 3, 7, 2, 4, 5, 180, 0]]
        as [[UInt8]]
)
func segmentSizeIsLoweredWithARightChecksum(options: [UInt8]) throws {
    for (from, to, expected) in [(from4, to4, UInt16(1340)), (from6, to6, 1320)] {
        let bytes = syn(from, to, options: options)
        let frame = Frame(bytes)
        let window = frame.window(Frame.headroom, bytes.count)
        let packet = try IPPacket.parse(window)
        #expect(MSSClamp.apply(to: window, packet, mtu: 1380))
        var lowered = options
        let place = (0..<options.count).first { options[$0...].starts(with: [2, 4, 5, 180]) } ?? 0
        lowered[place + 2] = UInt8(expected >> 8)
        lowered[place + 3] = UInt8(expected & 255)
        let clamped = frame.read(Frame.headroom, bytes.count)
        #expect(clamped == syn(from, to, options: lowered))
        #expect(!MSSClamp.apply(to: window, packet, mtu: 1380))
    }
}

@Test func otherSegmentsStayAsTheyAre() throws {
    for (options, flags) in [
        ([2, 4, 5, 180], 16), ([2, 4, 2, 0], 2), ([1, 1, 1, 0], 2), ([2, 3, 5, 180], 2), ([2, 9, 5, 180], 2),
    ]
        as [([UInt8], UInt8)]
    {
        let bytes = syn(from4, to4, options: options, flags: flags)
        try withPacket(bytes) { window in
            let packet = try IPPacket.parse(window)
            #expect(!MSSClamp.apply(to: window, packet, mtu: 1380))
        }
    }
}
