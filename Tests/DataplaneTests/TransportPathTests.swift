import ESP
import IPsecTypes
import PacketIO
import Testing

@testable import Dataplane

private let clientHost = "198.51.100.7"
private let serverHost = "203.0.113.9"

/// Two hosts in transport mode; with `nat`, the server sees the client at another address than its own.
private func hosts(
    nat: Bool = false,
    _ suite: ESPSuite? = nil
) -> (client: ChildSAParameters, server: ChildSAParameters) {
    var child = ChildPair()
    if let suite { child.suite = suite }
    child.agentSelectors = [selector("\(clientHost)/32")]
    child.gatewaySelectors = [selector("\(serverHost)/32")]
    var (client, server) = (child.agent, child.gateway)
    client.mode = .transport
    server.mode = .transport
    client.originalAddresses = OriginalAddresses(local: address(clientHost), remote: address(serverHost))
    server.originalAddresses = OriginalAddresses(local: address(serverHost), remote: address(clientHost))
    if nat {
        let inside = address("10.1.0.7")
        client.path.local.address = inside
        client.localSelectors = [TrafficSelector(addresses: IPRange(inside))]
        server.originalAddresses = OriginalAddresses(local: address(serverHost), remote: inside)
    }
    return (client, server)
}

private func checksummed(_ source: String, _ destination: String, _ data: [UInt8]) -> [UInt8] {
    var payload = udp(4000, 443, data)
    let pseudo = address(source).bytes + address(destination).bytes + [0, 17, 0, UInt8(payload.count)]
    let sum = internetChecksum(pseudo + payload)
    payload[6] = UInt8(sum >> 8)
    payload[7] = UInt8(sum & 0xFF)
    return payload
}

/// A packet as it comes out: identification 0, DF, hop limit 64.
private func restored(_ source: String, _ destination: String, _ payload: [UInt8]) -> [UInt8] {
    var packet = ipPacket(source, destination, payload: payload, fragmentField: 0x4000)
    packet[4] = 0
    packet[5] = 0
    packet[10] = 0
    packet[11] = 0
    let sum = internetChecksum(Array(packet.prefix(20)))
    packet[10] = UInt8(sum >> 8)
    packet[11] = UInt8(sum & 0xFF)
    return packet
}

@Suite struct TransportPathTests {
    @Test(arguments: [
        ESPSuite(encryption: .aesGCM16, keyBits: 256),
        ESPSuite(encryption: .aesCBC, keyBits: 256, integrity: .hmacSHA256_128),
    ]) func onlyWhatFollowsTheHeaderIsSealed(suite: ESPSuite) throws {
        let (client, server) = hosts(nat: false, suite)
        var a = try Bench()
        var b = try Bench()
        try a.install(client)
        try b.install(server)
        let payload = checksummed(clientHost, serverHost, [1, 2, 3])
        let wire = a.fromTUN([ipPacket(clientHost, serverHost, payload: payload)])
        #expect(wire.count == 1)
        let arrived = b.fromNetwork(wire)
        #expect(arrived == [restored(clientHost, serverHost, payload)])
        let reply = checksummed(serverHost, clientHost, [4])
        let back = a.fromNetwork(b.fromTUN([ipPacket(serverHost, clientHost, payload: reply)]))
        #expect(back == [restored(serverHost, clientHost, reply)])
        let drops = a.allDrops.merging(b.allDrops) { $0 + $1 }
        #expect(drops.isEmpty)
    }

    @Test func behindANATTheChecksumFitsTheAddressesSeen() throws {
        let (client, server) = hosts(nat: true)
        var a = try Bench()
        var b = try Bench()
        try a.install(client)
        try b.install(server)
        let wire = a.fromTUN([ipPacket("10.1.0.7", serverHost, payload: checksummed("10.1.0.7", serverHost, [9, 9]))])
        // The NAT: the datagram comes from its address.
        let translated = wire.map { Wire($0.bytes, from: clientHost) }
        let arrived = b.fromNetwork(translated)
        #expect(arrived == [restored(clientHost, serverHost, checksummed(clientHost, serverHost, [9, 9]))])
    }

    @Test func fragmentsAndOptionsAreRefusedAndToldSo() throws {
        let (client, _) = hosts()
        var a = try Bench()
        try a.install(client)
        let first = a.fromTUN([ipPacket(clientHost, serverHost, fragmentField: 0x2000)])
        let answers = a.answered.count
        #expect(first.isEmpty && answers == 1)
        let later = a.fromTUN([ipPacket(clientHost, serverHost, fragmentField: 0x0010)])
        #expect(later.isEmpty)
        var options = ipPacket(clientHost, serverHost, payload: [1, 1, 1, 0] + udp(1, 2))
        options[0] = 0x46
        let optional = a.fromTUN([options])
        #expect(optional.isEmpty)
        let (fragments, refused) = (a.drops(.transportFragment), a.drops(.transportOptions))
        #expect(fragments == 2 && refused == 1)
    }

    /// What a peer with the keys may not make us believe.
    @Test(arguments: [(0, 8), (43, 8), (44, 8), (60, 8)] as [(UInt8, Int)])
    func headersThatStandInFrontOfESPDoNotComeOutOfIt(nextHeader: UInt8, length: Int) throws {
        let (client, server) = hosts()
        var b = try Bench()
        try b.install(server)
        var sender = try OutboundSA(
            spi: client.outboundSPI,
            suite: client.suite,
            keys: client.outboundKeys,
            ivEpoch: 0
        )
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 256)
        let frame = PacketBytes(memory, count: 256)
        let sealed = try sender.seal(frame, at: 64, length: length, nextHeader: nextHeader)
        let datagram = try #require(frame.slice(sealed.offset, count: sealed.length))
        let arrived = b.fromNetwork([Wire(Array(datagram.buffer))])
        // Destination options are a next layer like any other to IPv4.
        #expect(arrived.count == (nextHeader == 60 ? 1 : 0))
    }

    @Test func aTunnelModePacketIsNoTransportModePacket() throws {
        let (client, server) = hosts()
        var tunnelling = client
        tunnelling.mode = .tunnel
        var a = try Bench()
        var b = try Bench()
        try a.install(tunnelling)
        try b.install(server)
        let inner = ipPacket(clientHost, serverHost)
        let arrived = b.fromNetwork(a.fromTUN([inner]))
        // Next header 4: what comes out is an IP-in-IP packet between the two hosts, never the inner packet itself.
        #expect(arrived.count == 1 && arrived.first?[9] == 4)
        var other = server
        other.mode = .tunnel
        var c = try Bench()
        try c.install(other)
        var d = try Bench()
        try d.install(client)
        let refused = c.fromNetwork(d.fromTUN([inner]))
        let drops = c.drops(.notIP)
        #expect(refused.isEmpty && drops == 1)
    }

    @Test func packetsFromElsewhereAreNotThePeers() throws {
        let (client, server) = hosts()
        var a = try Bench()
        var b = try Bench()
        try a.install(client)
        try b.install(server)
        let wire = a.fromTUN([ipPacket(clientHost, serverHost)]).map { Wire($0.bytes, from: "192.0.2.99") }
        let arrived = b.fromNetwork(wire)
        let drops = b.drops(.inboundSelectors)
        #expect(arrived.isEmpty && drops == 1)
    }

    @Test func protocolsOutsideTheSelectorsAreRefused() throws {
        var (client, server) = hosts()
        server.localSelectors = [selector("\(serverHost)/32", 6, 443)]
        var a = try Bench()
        var b = try Bench()
        try a.install(client)
        try b.install(server)
        let arrived = b.fromNetwork(a.fromTUN([ipPacket(clientHost, serverHost)]))
        #expect(arrived.isEmpty)
        client.remoteSelectors = server.localSelectors
        var c = try Bench()
        try c.install(client)
        let sent = c.fromTUN([ipPacket(clientHost, serverHost)])
        #expect(sent.isEmpty)
    }

    @Test func theBackendWantsTwoHosts() throws {
        let (client, _) = hosts()
        let dataplane = try UserspaceDataplane(DataplaneConfiguration(), rules: nil)
        var wide = client
        wide.remoteSelectors = [selector("203.0.113.0/24")]
        #expect(throws: SABackendError.self) { try dataplane.install(wide, sendNow: true) }
        var elsewhere = client
        elsewhere.remoteSelectors = [selector("203.0.113.10/32")]
        #expect(throws: SABackendError.self) { try dataplane.install(elsewhere, sendNow: true) }
        var mixed = client
        mixed.originalAddresses = OriginalAddresses(local: address("fd00::1"), remote: address(serverHost))
        #expect(throws: SABackendError.self) { try dataplane.install(mixed, sendNow: true) }
        try dataplane.install(client, sendNow: true)
    }

    /// UDP_GRO: the next datagram's header comes to stand where this one's ICV was, and nowhere else.
    @Test(arguments: [false, true]) func mergedDatagramsDoNotWriteOverEachOther(version6: Bool) throws {
        let (near, far) = version6 ? ("2001:db8::7", "2001:db8::9") : (clientHost, serverHost)
        var child = ChildPair()
        child.agentSelectors = [selector(version6 ? "\(near)/128" : "\(near)/32")]
        child.gatewaySelectors = [selector(version6 ? "\(far)/128" : "\(far)/32")]
        child.agentEnd = Endpoint(address(near), port: 4500)
        child.gatewayEnd = Endpoint(address(far), port: 4500)
        var (client, server) = (child.agent, child.gateway)
        (client.mode, server.mode) = (.transport, .transport)
        for length in 1..<20 {
            var a = try Bench()
            var b = try Bench()
            try a.install(client)
            try b.install(server)
            let payloads = (0..<6).map { udp(1, 2, [UInt8](repeating: UInt8($0 + 1), count: length)) }
            let wires = a.fromTUN(payloads.map { ipPacket(near, far, payload: $0) })
            var frame = wires[0]
            frame.bytes = wires.flatMap(\.bytes)
            frame.frame.segmentSize = UInt16(wires[0].bytes.count)
            let arrived = b.fromNetwork([frame])
            #expect(arrived.map { Array($0.dropFirst(version6 ? 40 : 20)) } == payloads)
            #expect(arrived.allSatisfy { $0[0] >> 4 == (version6 ? 6 : 4) })
        }
    }
}
