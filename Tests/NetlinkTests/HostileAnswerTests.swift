import Glibc
import IPsecTypes
import Testing

@testable import Netlink

@Test func mutilatedAnswersAreRefusedNeverFatal() throws {
    let socket = try NetlinkSocket(netlinkProtocol: 0)
    var bodies: [[UInt8]] = []
    for (type, size) in [(UInt16(18), 16), (22, 8), (26, 12), (34, 12)] {
        bodies += try socket.dump("list", type: type, body: [UInt8](repeating: 0, count: size)).prefix(20).map(\.body)
    }
    try #require(!bodies.isEmpty)
    var generator = SplitMix64(state: 11)
    for round in 0..<20_000 {
        var body = bodies[round % bodies.count]
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let index = Int.random(in: 0..<body.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: body[index] = UInt8.random(in: 0...255, using: &generator)
            case 1: body[index] = [0, 1, 3, 4, 0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
            case 2: body = Array(body.prefix(index + 1))
            default: body.insert(UInt8.random(in: 0...255, using: &generator), at: index)
            }
        }
        NetlinkProperties.decodeAll(NetlinkMessage(type: 0, flags: 0, sequence: 0, body: body))
        _ = try? NetlinkMessage.split(body.span)
    }
}

@Test func lengthsThatRunPastTheEndAreRefused() {
    // A message whose length says 15, 17 of 16 bytes, and the maximum.
    for length in [UInt32(0), 15, 17, .max] {
        var writer = NetlinkWriter()
        writer.writeUInt32(length)
        writer.writeBytes([UInt8](repeating: 0, count: 12))
        let bytes = writer.bytes
        #expect(throws: ParseError.self) { try NetlinkMessage.split(bytes.span) }
    }
    #expect(throws: ParseError.self) { try NetlinkAttributes([3, 0, 1, 0]) }
    #expect(throws: ParseError.self) { try NetlinkAttributes([9, 0, 1, 0, 1, 2, 3, 4]) }
    #expect(throws: ParseError.self) { try NetlinkAttributes([1, 2, 3]) }
}

@Test func whatTheKernelSaysInWordsReachesTheReader() throws {
    var writer = NetlinkWriter()
    writer.writeInt32(-EINVAL)
    writer.writeBytes(NetlinkWriter.message(type: 24, flags: 0, sequence: 9, body: [1, 2, 3, 4, 5]))
    writer.attribute(1, text: "Nexthop has invalid gateway")
    let answer = NetlinkMessage(type: NetlinkCode.error, flags: 0x200, sequence: 9, body: writer.bytes)
    let failure = #expect(throws: IOFailure.self) { try NetlinkSocket.checkError(answer, "add route") }
    #expect(failure?.description == "add route: Invalid argument (Nexthop has invalid gateway)")
    let fine = NetlinkMessage(type: NetlinkCode.error, flags: 0, sequence: 9, body: [UInt8](repeating: 0, count: 20))
    try NetlinkSocket.checkError(fine, "add route")
}

@Test func messagesSurviveSplitting() throws {
    let bytes =
        NetlinkWriter.message(type: 16, flags: 2, sequence: 7, body: [1, 2, 3])
        + NetlinkWriter.message(type: 20, flags: 0, sequence: 8, body: [])
    let messages = try NetlinkMessage.split(bytes.span)
    #expect(
        messages == [
            NetlinkMessage(type: 16, flags: 2, sequence: 7, body: [1, 2, 3]),
            NetlinkMessage(type: 20, flags: 0, sequence: 8, body: []),
        ]
    )
}
