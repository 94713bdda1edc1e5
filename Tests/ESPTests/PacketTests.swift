import ESP
import IPsecTypes
import Testing

private let jobs = address("10.99.0.7")
private let registry = address("10.20.0.3")
private let jobs6 = address("fd00:99::7")
private let registry6 = address("2001:db8:20::3")

private func parsed(_ bytes: [UInt8]) throws -> IPPacket { try withPacket(bytes) { try IPPacket.parse($0) } }

@Test func portsOfBothFamiliesAreRead() throws {
    for (from, to) in [(jobs, registry), (jobs6, registry6)] {
        let packet = try parsed(ipPacket(from, to, ipProtocol: 17, payload: udp(4000, 443), trafficClass: 0xB9))
        #expect(packet.source == from && packet.destination == to)
        #expect(packet.ipProtocol == 17)
        #expect(packet.sourcePort == .value(4000) && packet.destinationPort == .value(443))
        #expect(packet.trafficClass == 0xB9)
        #expect(!packet.isFragment)
    }
}

@Test func typeAndCodeBelongToTheSourcesEnd() throws {
    let echo = try parsed(ipPacket(jobs, registry, ipProtocol: 1, payload: [8, 0, 0, 0, 0, 0, 0, 0]))
    #expect(echo.sourcePort == .value(0x0800) && echo.destinationPort == .unused)
    #expect(!echo.isICMPError)
    let unreachable = try parsed(ipPacket(jobs6, registry6, ipProtocol: 58, payload: [1, 4, 0, 0, 0, 0, 0, 0]))
    #expect(unreachable.sourcePort == .value(0x0104))
    #expect(unreachable.isICMPError)
}

@Test func laterFragmentsShowNoPorts() throws {
    let later = try parsed(ipPacket(jobs, registry, ipProtocol: 17, payload: udp(1, 2), fragmentField: 0x2001))
    #expect(later.isLaterFragment && later.isFragment && later.sourcePort == .hidden)
    let first = try parsed(ipPacket(jobs, registry, ipProtocol: 17, payload: udp(1, 2), fragmentField: 0x2000))
    #expect(!first.isLaterFragment && first.isFragment && first.sourcePort == .value(1))
    let version6 = try parsed(
        ipPacket(jobs6, registry6, ipProtocol: 44, payload: [17, 0, 0x05, 0xA9, 0, 0, 0, 1] + udp(1, 2))
    )
    #expect(version6.isLaterFragment && version6.ipProtocol == 17 && version6.sourcePort == .hidden)
    let first6 = try parsed(
        ipPacket(jobs6, registry6, ipProtocol: 44, payload: [17, 0, 0, 1, 0, 0, 0, 1] + udp(1, 2))
    )
    #expect(!first6.isLaterFragment && first6.isFragment && first6.sourcePort == .value(1))
}

@Test func extensionHeadersArePassedOver() throws {
    let chain: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0] + [17, 1] + [UInt8](repeating: 0, count: 14)
    let packet = try parsed(ipPacket(jobs6, registry6, ipProtocol: 0, payload: chain + udp(7, 8)))
    #expect(packet.ipProtocol == 17 && packet.destinationPort == .value(8) && packet.transportOffset == 64)
    let long = (0..<9).flatMap { _ in [60, 0, 1, 4, 0, 0, 0, 0] as [UInt8] }
    #expect(throws: PacketFault.badHeader) { try parsed(ipPacket(jobs6, registry6, ipProtocol: 60, payload: long)) }
}

@Test func sourceRoutesAreRefused() throws {
    var loose = ipPacket(jobs, registry, ipProtocol: 17, payload: [1, 131, 7, 4, 10, 30, 0, 10] + udp(1, 2))
    loose[0] = 0x47
    #expect(throws: PacketFault.sourceRouted) { try parsed(loose) }
    var timestamp = loose
    timestamp[21] = 68
    #expect(try parsed(timestamp).destinationPort == .value(2))
    let routing: [UInt8] = [17, 2, 0, 1] + [UInt8](repeating: 0, count: 20)
    #expect(throws: PacketFault.sourceRouted) {
        try parsed(ipPacket(jobs6, registry6, ipProtocol: 43, payload: routing + udp(1, 2)))
    }
}

@Test func impossibleAddressesAreRefused() throws {
    for bad in ["224.0.0.5", "127.0.0.1", "0.0.0.0", "255.255.255.255"] {
        let packet = try parsed(ipPacket(address(bad), registry, ipProtocol: 17, payload: udp(1, 2)))
        #expect(throws: PacketFault.martian) { try packet.checkAddresses() }
    }
    for bad in ["ff02::1", "::1", "::"] {
        let packet = try parsed(ipPacket(address(bad), registry6, ipProtocol: 17, payload: udp(1, 2)))
        #expect(throws: PacketFault.martian) { try packet.checkAddresses() }
    }
    let inward = try parsed(ipPacket(jobs, address("127.0.0.1"), ipProtocol: 17, payload: udp(1, 2)))
    #expect(throws: PacketFault.martian) { try inward.checkAddresses() }
    try parsed(ipPacket(jobs, registry, ipProtocol: 17, payload: udp(1, 2))).checkAddresses()
}

@Test func everyPrefixAndRandomChangeOfAPacketIsReadWithoutTrapping() {
    var generator = SeededGenerator(seed: 7)
    let chain: [UInt8] = [44, 0, 1, 4, 0, 0, 0, 0] + [60, 0, 0, 1, 0, 0, 0, 1] + [17, 0, 1, 4, 0, 0, 0, 0]
    let seeds = [
        ipPacket(jobs, registry, ipProtocol: 6, payload: [UInt8](repeating: 2, count: 40)),
        ipPacket(jobs6, registry6, ipProtocol: 0, payload: chain + udp(1, 2)),
    ]
    for seed in seeds {
        for length in 0..<seed.count { #expect(throws: PacketFault.self) { try parsed(Array(seed.prefix(length))) } }
        for _ in 0..<5000 {
            var changed = seed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<changed.count, using: &generator)
                changed[place] = UInt8.random(in: 0...255, using: &generator)
            }
            withPacket(changed) { bytes in
                guard let packet = try? IPPacket.parse(bytes) else { return }
                #expect(packet.totalLength <= bytes.count)
                MSSClamp.apply(to: bytes, packet, mtu: 1280)
            }
        }
    }
}

@Test func congestionMarksFollowFigure4OfRFC6040() {
    // Rows: inner; columns: outer Not-ECT, ECT(0), ECT(1), CE.
    let order: [ECN] = [.notECT, .ect0, .ect1, .ce]
    let figure: [[ECN?]] = [
        [.notECT, .notECT, .notECT, nil],
        [.ect0, .ect0, .ect1, .ce],
        [.ect1, .ect1, .ect1, .ce],
        [.ce, .ce, .ce, .ce],
    ]
    for (row, inner) in order.enumerated() {
        for (column, outer) in order.enumerated() {
            #expect(ECN.decapsulated(inner: inner, outer: outer) == figure[row][column], "\(inner) in \(outer)")
        }
        #expect(inner.encapsulated == inner)
    }
}

@Test func storingAMarkKeepsTheRestAndTheChecksum() {
    for dscp in [0, 46] as [UInt8] {
        for old in ECN.allCases {
            for new in ECN.allCases {
                for (from, to) in [(jobs, registry), (jobs6, registry6)] {
                    let traffic = dscp << 2 | old.rawValue
                    let bytes = ipPacket(from, to, ipProtocol: 17, payload: udp(1, 2), trafficClass: traffic)
                    let expected = ipPacket(
                        from,
                        to,
                        ipProtocol: 17,
                        payload: udp(1, 2),
                        trafficClass: dscp << 2 | new.rawValue
                    )
                    let frame = Frame(bytes)
                    new.store(in: frame.window(Frame.headroom, bytes.count))
                    let stored = frame.read(Frame.headroom, bytes.count)
                    #expect(stored == expected)
                }
            }
        }
    }
}

@Test func outerHeaderCopiesDSCPAndFollowsTheDFPolicy() {
    #expect(OuterHeader.trafficClass(inner: 0xB9) == 0xB9)
    #expect(!OuterHeader.dontFragment(inner: true, policy: .clear))
    #expect(OuterHeader.dontFragment(inner: true, policy: .copy))
    #expect(!OuterHeader.dontFragment(inner: false, policy: .copy))
    #expect(OuterHeader.dontFragment(inner: false, policy: .set))
}
