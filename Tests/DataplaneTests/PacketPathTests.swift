import ESP
import IPsecTypes
import PacketIO
import Testing

@testable import Dataplane

private struct Tunnel: ~Copyable {
    var agent: Bench
    var gateway: Bench
}

private func tunnel(_ child: ChildPair = ChildPair()) throws -> Tunnel {
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    try gateway.install(child.gateway)
    return Tunnel(agent: agent, gateway: gateway)
}

private let request4 = ipPacket("10.99.0.7", "10.20.0.3")
private let reply4 = ipPacket("10.20.0.3", "10.99.0.7", payload: udp(443, 4000))
private let request6 = ipPacket("fd00:99::7", "2001:db8:20::3")

@Test func packetsOfBothFamiliesCrossTheTunnelBothWays() throws {
    var tunnel = try tunnel()
    let wire = tunnel.agent.fromTUN([request4, request6])
    #expect(wire.count == 2)
    #expect(wire[0].frame.remote == PacketAddress(address("203.0.113.9"), port: 4500))
    #expect(wire[0].frame.local == PacketAddress(address("198.51.100.7"), port: 4500))
    #expect(wire[0].frame.mark == 1)
    let arrived = tunnel.gateway.fromNetwork(wire)
    #expect(arrived == [request4, request6])
    let back = tunnel.agent.fromNetwork(tunnel.gateway.fromTUN([reply4]))
    #expect(back == [reply4])
    let (agentDrops, gatewayDrops) = (tunnel.agent.allDrops, tunnel.gateway.allDrops)
    #expect(agentDrops.isEmpty && gatewayDrops.isEmpty)
}

@Test func socketFitsTheOuterFamilyAndEncapsulation() throws {
    var child = ChildPair()
    child.agentEnd = Endpoint(address("2001:db8::7"), port: 4500)
    child.gatewayEnd = Endpoint(address("2001:db8::9"), port: 4500)
    var six = try tunnel(child)
    let over6 = six.agent.fromTUN([request4])
    #expect(over6.map(\.frame.mark) == [2])
    var raw = ChildPair()
    raw.encapsulation = false
    var plain = try tunnel(raw)
    let wire = plain.agent.fromTUN([request4])
    #expect(wire.map(\.frame.mark) == [3])
    let arrived = plain.gateway.fromNetwork(wire, on: .rawESP)
    #expect(arrived == [request4])
}

@Test func countersOfSAAndWorkerAddUp() throws {
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    let sender = try agent.install(child.agent)
    let receiver = try gateway.install(child.gateway)
    gateway.path.now = Instant(nanoseconds: 5_000)
    for _ in 0..<10 { _ = gateway.fromNetwork(agent.fromTUN([request4, request6])) }
    #expect(sender.snapshot.outboundPackets == 20)
    #expect(receiver.snapshot.inboundPackets == 20)
    #expect(receiver.snapshot.inboundBytes == UInt64(10 * (request4.count + request6.count)))
    #expect(receiver.snapshot.inboundBytes == sender.snapshot.outboundBytes)
    #expect(receiver.snapshot.lastInbound == Instant(nanoseconds: 5_000))
    let traffic = gateway.counters.read(WorkerCounterPlace.inboundPackets)
    #expect(traffic == 20)
}

@Test func decryptedPacketsOutsideTheSelectorsAreDropped() throws {
    // The agent believes in wider selectors than the gateway granted.
    var child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    let receiver = try gateway.install(child.gateway)
    child.agentSelectors = [selector("0.0.0.0/0")]
    child.gatewaySelectors = [selector("0.0.0.0/0")]
    try agent.install(child.agent)
    let spoofed = ipPacket("10.99.0.8", "10.20.0.3")
    let elsewhere = ipPacket("10.99.0.7", "10.30.0.3")
    let arrived = gateway.fromNetwork(agent.fromTUN([spoofed, elsewhere, request4]))
    #expect(arrived == [request4])
    let drops = gateway.allDrops
    #expect(drops == [.inboundSelectors: 2])
    #expect(receiver.snapshot.policyDrops == 2)
}

@Test func replaysForgeriesAndStrangersAreCountedApart() throws {
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    let receiver = try gateway.install(child.gateway)
    let wire = agent.fromTUN([request4])
    var forged = wire
    forged[0].bytes[30] ^= 1
    var stranger = wire
    stranger[0].bytes[0] ^= 0x80
    let passed = gateway.fromNetwork(forged + stranger + wire + wire)
    #expect(passed == [request4])
    let drops = gateway.allDrops
    #expect(drops == [.notAuthentic: 1, .unknownSPI: 1, .replayed: 1])
    #expect(receiver.snapshot.replayDrops == 1 && receiver.snapshot.integrityDrops == 1)
}

@Test func whatArrivesOnPort4500IsTakenApart() throws {
    var gateway = try Bench()
    let ike = (0..<40).map { UInt8($0 + 1) }
    let datagrams = [
        Wire([0xFF]), Wire([0xFE]), Wire([]), Wire([0, 0, 0]), Wire([0, 0, 0, 0] + ike.prefix(27)),
        Wire([0, 0, 0, 0] + ike), Wire([0, 0, 1, 0, 0]), Wire([UInt8](repeating: 0xFF, count: 60)),
    ]
    let passed = gateway.fromNetwork(datagrams)
    #expect(passed.isEmpty)
    let keepalives = gateway.counters.read(WorkerCounterPlace.keepalivesReceived)
    #expect(keepalives == 1)
    let drops = gateway.allDrops
    #expect(drops == [.runt: 5, .unknownSPI: 1])
    let path = Path(
        transport: .udp4500,
        local: Endpoint(address("203.0.113.9"), port: 4500),
        remote: Endpoint(address("198.51.100.7"), port: 4500)
    )
    let items = gateway.items()
    #expect(items == [.event(.unknownSPI(SPI(0xFFFF_FFFF), path: path)), .ike(bytes: ike, path: path)])
}

@Test func port500CarriesIKEAlone() throws {
    var gateway = try Bench()
    let esp = [UInt8](repeating: 9, count: 60)
    let passed = gateway.fromNetwork([Wire(esp, port: 500), Wire([0xFF]), Wire([UInt8](esp.prefix(27)))], on: .ike)
    #expect(passed.isEmpty)
    let items = gateway.items()
    guard case .ike(let bytes, let path) = items.first, items.count == 1 else {
        Issue.record("one message expected, not \(items)")
        return
    }
    #expect(bytes == esp && path.transport == .udp500 && path.remote.port == 500)
    let drops = gateway.allDrops
    #expect(drops == [.runt: 2])
}

@Test func unknownSPIsAreReportedAtALimitedRate() throws {
    var gateway = try Bench()
    for _ in 0..<5 {
        _ = gateway.fromNetwork((0..<50).map { Wire([9, 9, 9, $0] + [UInt8](repeating: 0, count: 40)) })
    }
    #expect(gateway.drops(.unknownSPI) == 250)
    #expect(gateway.events.count == PacketPath.unknownSPIRate)
    gateway.path.now = Instant(nanoseconds: 10_000_000_000)
    _ = gateway.fromNetwork([Wire([9, 9, 9, 1] + [UInt8](repeating: 0, count: 40))])
    #expect(gateway.events.count == 1)
}

@Test func fullInboxDropsMessagesAndKeepsEvents() throws {
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    try gateway.install(child.gateway)
    let flood = (0..<60).map { _ in Wire([0, 0, 0, 0] + [UInt8](repeating: 7, count: 3000)) }
    for _ in 0..<20 { _ = gateway.fromNetwork(flood) }
    #expect(gateway.drops(.inboxFull) > 0)
    _ = gateway.fromNetwork(agent.fromTUN([request4]))
    #expect(gateway.events == [.firstInbound(inboundSPI: child.gatewaySPI)])
}

@Test func firstInboundIsToldOnce() throws {
    var tunnel = try tunnel()
    _ = tunnel.gateway.fromNetwork(tunnel.agent.fromTUN([request4, request4]))
    _ = tunnel.gateway.fromNetwork(tunnel.agent.fromTUN([request4]))
    #expect(tunnel.gateway.events == [.firstInbound(inboundSPI: ChildPair().gatewaySPI)])
}

@Test func newAddressOfThePeerIsToldForTheNewestPacketOnly() throws {
    var tunnel = try tunnel()
    let child = ChildPair()
    var wire = tunnel.agent.fromTUN([request4, request4, request4, request4])
    let moved = PacketAddress(address("198.51.100.99"), port: 1027)
    wire[1].frame.local = moved
    wire[3].frame.local = moved
    _ = tunnel.gateway.fromNetwork([wire[0], wire[2], wire[1]])
    #expect(tunnel.gateway.events == [.firstInbound(inboundSPI: child.gatewaySPI)])
    _ = tunnel.gateway.fromNetwork([wire[3]])
    let expected = Endpoint(address("198.51.100.99"), port: 1027)
    #expect(tunnel.gateway.events == [.mappingChanged(inboundSPI: child.gatewaySPI, remote: expected)])
    // Again only after a while, until the control plane moves the SA.
    var more = tunnel.agent.fromTUN([request4])
    more[0].frame.local = moved
    _ = tunnel.gateway.fromNetwork(more)
    #expect(tunnel.gateway.events.isEmpty)
}

/// N02: authentic packets from a forged source are told to the control plane, and that is all: nothing is sent there, and
/// they are no sign of life of whoever is at the address that we send to.
@Test func authenticPacketsFromAForgedSourceMoveNothing() throws {
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    let handle = try gateway.install(child.gateway)
    var wire = agent.fromTUN([request4, request4, request4])
    let victim = PacketAddress(address("198.51.100.99"), port: 53)
    for index in wire.indices { wire[index].frame.local = victim }
    #expect(gateway.fromNetwork(wire).count == 3)
    #expect(handle.snapshot.inboundPackets == 3 && handle.snapshot.lastInbound == nil)
    let answers = gateway.fromTUN([reply4])
    #expect(answers.map(\.frame.remote) == [PacketAddress(child.agentEnd)])
}

@Test func movedSASendsToItsNewAddress() throws {
    let child = ChildPair()
    var gateway = try Bench()
    let handle = try gateway.install(child.gateway)
    let remote = PacketAddress(address("198.51.100.99"), port: 1027)
    gateway.path.apply(.move(handle, local: PacketAddress(child.gatewayEnd), remote: remote, isEncapsulated: true))
    let wire = gateway.fromTUN([reply4])
    #expect(wire.map(\.frame.remote) == [remote])
}

@Test func limitsAreToldAndEnforced() throws {
    var child = ChildPair()
    child.lifetime = SALifetime(softPackets: 3, hardPackets: 5)
    var tunnel = try tunnel(child)
    let sent = tunnel.agent.fromTUN([[UInt8]](repeating: request4, count: 8))
    #expect(sent.count == 5)
    #expect(tunnel.agent.drops(.lifetime) == 3)
    #expect(
        tunnel.agent.events == [
            .expired(inboundSPI: child.agentSPI, hard: false), .expired(inboundSPI: child.agentSPI, hard: true),
        ]
    )
    let arrived = tunnel.gateway.fromNetwork(sent)
    #expect(arrived.count == 5)
    #expect(tunnel.gateway.events.contains(.expired(inboundSPI: child.gatewaySPI, hard: false)))
}

@Test func packetsWithoutAnSAAreAnsweredAndCounted() throws {
    var tunnel = try tunnel()
    let stray = ipPacket("10.99.0.7", "192.0.2.1")
    let foreign = ipPacket("10.99.0.8", "10.20.0.3")
    let wire = tunnel.agent.fromTUN([stray, foreign])
    #expect(wire.isEmpty)
    let drops = tunnel.agent.allDrops
    #expect(drops == [.noSA: 1, .outboundSelectors: 1])
    #expect(tunnel.agent.answered.map { Array($0[20..<22]) } == [[3, 13], [3, 13]])
    var silent = try Bench { $0.answersProhibited = false }
    _ = silent.fromTUN([stray])
    #expect(silent.answered.isEmpty)
}

@Test func longPacketsAreAnsweredUnlessTheyMayBeFragmented() throws {
    var tunnel = try tunnel()
    let data = [UInt8](repeating: 1, count: 1400)
    let whole = ipPacket("10.99.0.7", "10.20.0.3", payload: udp(1, 2, data), fragmentField: 0x4000)
    let loose = ipPacket("10.99.0.7", "10.20.0.3", payload: udp(1, 2, data))
    let long6 = ipPacket("fd00:99::7", "2001:db8:20::3", payload: udp(1, 2, data))
    let wire = tunnel.agent.fromTUN([whole, loose, long6])
    #expect(wire.count == 1)
    let answers = tunnel.agent.answered
    #expect(answers.map(\.count) == [576, 1280])
    #expect(Array(answers[0][20..<22]) == [3, 4] && Array(answers[0][26..<28]) == [0x05, 0x64])
    #expect(Array(answers[0][16..<20]) == [10, 99, 0, 7])
    #expect(Array(answers[1][40..<42]) == [2, 0])
    #expect(tunnel.agent.drops(.tooBig) == 2)
    let arrived = tunnel.gateway.fromNetwork(wire)
    #expect(arrived == [loose])
}

@Test func answersAreRateLimited() throws {
    var agent = try Bench()
    for _ in 0..<10 { _ = agent.fromTUN([[UInt8]](repeating: request4, count: 60)) }
    #expect(agent.drops(.noSA) == 600)
    agent.path.now = Instant(nanoseconds: 1)
    _ = agent.fromTUN([request4])
    #expect(agent.answered.isEmpty)
}

@Test func congestionAndServiceClassCrossTheTunnel() throws {
    var tunnel = try tunnel()
    let capable = ipPacket("10.99.0.7", "10.20.0.3", trafficClass: 0xBA)
    let plain = ipPacket("10.99.0.7", "10.20.0.3", trafficClass: 0xB8)
    var wire = tunnel.agent.fromTUN([capable, plain, plain])
    #expect(wire.map(\.frame.tos) == [0xBA, 0xB8, 0xB8])
    for place in 0..<2 { wire[place].frame.tos |= 3 }
    let arrived = tunnel.gateway.fromNetwork(wire)
    #expect(arrived == [ipPacket("10.99.0.7", "10.20.0.3", trafficClass: 0xBB), plain])
    #expect(tunnel.gateway.drops(.ecn) == 1)
}

@Test func outerDontFragmentFollowsThePolicy() throws {
    let child = ChildPair()
    var agent = try Bench { $0.outerDontFragment = .copy }
    try agent.install(child.agent)
    let whole = ipPacket("10.99.0.7", "10.20.0.3", fragmentField: 0x4000)
    let wire = agent.fromTUN([whole, request4])
    #expect(wire.map { $0.frame.mark & FrameMark.dontFragment != 0 } == [true, false])
}

@Test func dummiesAndForeignPayloadsStayInside() throws {
    let child = ChildPair()
    var gateway = try Bench()
    try gateway.install(child.gateway)
    var outbound = try OutboundSA(
        spi: child.gatewaySPI,
        suite: child.suite,
        keys: child.agent.outboundKeys,
        ivEpoch: 0
    )
    for (nextHeader, content) in [(UInt8(59), request4), (41, request4), (4, request6), (6, request4), (4, [])] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 16)
        defer { memory.deallocate() }
        memory[64..<(64 + content.count)].copyBytes(from: content)
        let sealed = try outbound.seal(PacketBytes(memory), at: 64, length: content.count, nextHeader: nextHeader)
        let bytes = Array(memory[sealed.offset..<(sealed.offset + sealed.length)])
        let passed = gateway.fromNetwork([Wire(bytes)])
        #expect(passed.isEmpty)
    }
    let drops = gateway.allDrops
    #expect(drops == [.dummy: 1, .notIP: 4])
}

@Test func anyDatagramIsCountedOnceAndCostsNothing() throws {
    var generator = SeededGenerator(seed: 21)
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    try gateway.install(child.gateway)
    let spi = [0x20, 0, 0, 1] as [UInt8]
    var sent: UInt64 = 0
    var good: UInt64 = 0
    for _ in 0..<200 {
        var datagrams: [Wire] = []
        for _ in 0..<50 {
            var bytes = (0..<Int.random(in: 0...90, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes = spi + bytes
            case 1: bytes = [0, 0, 0, 0] + bytes
            case 2:
                let wire = agent.fromTUN([request4])[0]
                bytes = wire.bytes
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1
            default: break
            }
            datagrams.append(Wire(bytes))
        }
        let role: SocketRole = [.nat, .ike, .rawESP][Int.random(in: 0..<3, using: &generator)]
        good += UInt64(gateway.fromNetwork(datagrams, on: role).count)
        sent += 50
        _ = gateway.items()
    }
    #expect(good == 0)
    let messages = gateway.counters.read(WorkerCounterPlace.ikeReceived)
    let keepalives = gateway.counters.read(WorkerCounterPlace.keepalivesReceived)
    let drops = gateway.allDrops.values.reduce(0, +)
    #expect(messages + keepalives + drops == sent)
    let arrived = gateway.fromNetwork(agent.fromTUN([request4]))
    #expect(arrived == [request4])
}

@Test func anyPacketFromTheTUNIsSealedAnsweredOrCounted() throws {
    var generator = SeededGenerator(seed: 22)
    var tunnel = try tunnel()
    var sealed = 0
    var sent = 0
    for _ in 0..<200 {
        var packets: [[UInt8]] = []
        for _ in 0..<50 {
            var bytes = Bool.random(using: &generator) ? request4 : request6
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = UInt8.random(in: 0...255, using: &generator)
            }
            packets.append(bytes)
        }
        let wire = tunnel.agent.fromTUN(packets)
        sealed += wire.count
        sent += packets.count
        // The far end has the same selectors, so it takes all of them.
        let arrived = tunnel.gateway.fromNetwork(wire)
        #expect(arrived.count == wire.count)
    }
    let drops = tunnel.agent.allDrops.values.reduce(0, +)
    #expect(UInt64(sealed) + drops == UInt64(sent))
    #expect(sealed > 1000)
}
