import ESP
import IPsecTypes
import Testing

private func segment(_ length: Int, _ change: (inout StreamPacket) -> Void = { _ in }) -> StreamPacket {
    var packet = StreamPacket()
    packet.payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    change(&packet)
    return packet
}

/// A stream of `count` segments.
private func stream(_ count: Int, size: Int = 1000, _ change: (inout StreamPacket) -> Void = { _ in }) -> [StreamPacket]
{
    segment(count * size, change).segments(size)
}

private func alone(_ packet: StreamPacket) -> [UInt8] { [UInt8](repeating: 0, count: 10) + packet.bytes }

/// Cuts all that was written again.
private func cutAgain(_ written: [[UInt8]]) throws -> [[UInt8]] { try written.flatMap { try cut($0) } }

/// Merges and checks that cutting again gives the same; returns how many packets each write holds.
private func runs(_ packets: [StreamPacket]) throws -> [Int] {
    let written = merge(packets.map(\.bytes))
    let back = try written.map { try cut($0) }
    #expect(back.flatMap(\.self) == packets.map(\.bytes))
    return back.map(\.count)
}

@Test func aStreamBecomesOnePacketWithPartialChecksum() throws {
    for version6 in [false, true] {
        for ipProtocol: UInt8 in [6, 17] {
            let whole = segment(4500) {
                $0.ipProtocol = ipProtocol
                $0.flags = 0x18
                if version6 { ($0.source, $0.destination) = (address("fd00:99::7"), address("2001:db8:20::3")) }
            }
            let written = merge(whole.segments(1000).map(\.bytes))
            let start = version6 ? 40 : 20
            let header = virtioHeader(
                type: ipProtocol == 17 ? 5 : version6 ? 4 : 1,
                size: 1000,
                start: UInt16(start),
                offset: ipProtocol == 17 ? 6 : 16,
                headers: UInt16(whole.headerLength)
            )
            #expect(written == [header + whole.bytes(checksum: whole.partialChecksum)])
        }
    }
}

@Test func whatDiffersInAnythingStaysAlone() throws {
    let changes: [(String, (inout StreamPacket) -> Void)] = [
        ("sequence", { $0.sequence &+= 1 }), ("acknowledgement", { $0.acknowledgement += 1 }),
        ("window", { $0.window += 1 }), ("timestamp", { $0.options[7] += 1 }), ("options", { $0.options = [] }),
        ("urgent", { $0.urgent = 1 }), ("ece", { $0.flags |= 0x40 }), ("cwr", { $0.flags |= 0x80 }),
        ("urg", { $0.flags |= 0x20 }), ("syn", { $0.flags |= 2 }), ("rst", { $0.flags |= 4 }),
        ("no ack", { $0.flags &= ~0x10 }), ("ecn", { $0.trafficClass = 3 }), ("dscp", { $0.trafficClass |= 0x28 }),
        ("ttl", { $0.timeToLive = 63 }), ("identification", { $0.identification &+= 1 }),
        ("df", { $0.fragmentField = 0x4000 }), ("fragment", { $0.fragmentField = 0x2000 }),
        ("longer", { $0.payload.append(1) }), ("source port", { $0.ports.0 += 1 }),
        ("destination port", { $0.ports.1 += 1 }), ("source", { $0.source = address("10.99.0.8") }),
        ("destination", { $0.destination = address("10.20.0.4") }), ("options of IPv4", { $0.extras = [1, 1, 1, 0] }),
        ("data", { $0.payload = [] }),
    ]
    for (name, change) in changes {
        var packets = stream(3)
        change(&packets[1])
        let counts = try runs(Array(packets[0...1]))
        #expect(counts == [1, 1], "\(name)")
        _ = try runs(packets)
    }
}

@Test func whatDiffersInTheHeaderOfVersion6StaysAlone() throws {
    let changes: [(String, (inout StreamPacket) -> Void)] = [
        ("flow label", { $0.flowLabel += 1 }), ("class", { $0.trafficClass = 3 }), ("hops", { $0.timeToLive = 63 }),
        (
            "extension",
            {
                $0.extras = [6, 0, 1, 4, 0, 0, 0, 0]
                $0.firstHeader = 60
            }
        ),
    ]
    let base = stream(2) { ($0.source, $0.destination) = (address("fd00:99::7"), address("2001:db8:20::3")) }
    #expect(try runs(base) == [2])
    for (name, change) in changes {
        var packets = base
        change(&packets[1])
        #expect(try runs(packets) == [1, 1], "\(name)")
        change(&packets[0])
        #expect(try runs(packets) == (name == "extension" ? [1, 1] : [2]), "\(name) in both")
    }
}

@Test func pushAndFinEndARunAndCWRBeginsOne() throws {
    var packets = stream(6)
    packets[2].flags |= 0x08
    #expect(try runs(packets) == [3, 3])
    packets[2].flags |= 0x01
    #expect(try runs(packets) == [3, 3])
    packets[2].flags = 0x90
    #expect(try runs(packets) == [2, 4])
    let header = try #require(merge(packets.map(\.bytes)).last)
    #expect(header[1] == 0x81, "the run begins with CWR")
}

@Test func aShorterSegmentEndsARunAndALongerOneBeginsOne() throws {
    let whole = segment(5000)
    var packets = whole.segments(1000)
    packets[2] = packets[2].segments(400)[0]
    #expect(try runs(packets) == [3, 2])
    let mixed =
        [segment(300)]
        + stream(2).map {
            var later = $0
            later.sequence &+= 300
            later.identification += 1
            return later
        }
    #expect(try runs(mixed) == [1, 2])
}

@Test func lossReorderingAndRepetitionKeepTheirOrder() throws {
    let packets = stream(8)
    #expect(try runs([0, 1, 3, 2, 4, 5, 5, 6].map { packets[$0] }) == [2, 1, 1, 2, 2])
}

@Test func acknowledgementsPassInOrder() throws {
    var packets = stream(4)
    var pure = packets[2]
    pure.payload = []
    packets.insert(pure, at: 2)
    #expect(try runs(packets) == [2, 1, 2])
}

@Test func flowsAreMergedApartAndEachKeepsItsOrder() throws {
    let flows = (0..<12).map { number in stream(5) { $0.ports.0 = UInt16(2000 + number) } }
    let mixed = (0..<5).flatMap { place in flows.prefix(6).map { $0[place] } }
    let written = merge(mixed.map(\.bytes))
    #expect(written.count == 6)
    #expect(Set(try cutAgain(written)) == Set(mixed.map(\.bytes)))
    // More flows than can grow at a time: nothing is lost and nothing overtakes.
    let many = (0..<5).flatMap { place in flows.map { $0[place] } }
    let back = try cutAgain(merge(many.map(\.bytes)))
    #expect(back.count == many.count)
    for flow in flows {
        let own = Set(flow.map(\.bytes))
        #expect(back.filter { own.contains($0) } == flow.map(\.bytes))
    }
}

@Test func wrongChecksumsAreNeitherMergedNorCorrected() throws {
    for place in 0..<3 {
        let packets = stream(3)
        var content = packets.map(\.bytes)
        content[place][content[place].count - 1] ^= 1
        let written = merge(content)
        #expect(try cutAgain(written) == content, "\(place)")
        #expect(written.contains([UInt8](repeating: 0, count: 10) + content[place]))
    }
    var header = stream(2).map(\.bytes)
    header[1][10] ^= 1
    #expect(merge(header).count == 2)
}

@Test func datagramsWithoutChecksumStayAlone() {
    let packets = stream(3) { $0.ipProtocol = 17 }.map { $0.bytes(checksum: 0) }
    #expect(merge(packets).count == 3)
}

@Test func theIdentificationOfPacketsThatAreNeverFragmentedMeansNothing() throws {
    var packets = stream(3) { $0.fragmentField = 0x4000 }
    for place in packets.indices { packets[place].identification = 0 }
    let written = merge(packets.map(\.bytes))
    #expect(written.count == 1)
    let back = try cut(written[0])
    #expect(back.map { Array($0[12...]) } == packets.map { Array($0.bytes[12...]) })
}

@Test func runsEndWhereOnePacketEnds() throws {
    #expect(try runs(stream(70, size: 100)) == [64, 6])
    #expect(try runs(stream(60, size: 1340)) == [48, 12])
    #expect(try runs(stream(200, size: 1) { $0.ipProtocol = 17 }) == [64, 64, 64, 8])
}

@Test func onlyTheKindsAskedForAreMerged() {
    let tcp = stream(3).map(\.bytes)
    let udp = stream(3) { $0.ipProtocol = 17 }.map(\.bytes)
    #expect(merge(tcp + udp, kinds: [.tcp4]).count == 4)
    #expect(merge(tcp + udp, kinds: [.tcp6, .udp]).count == 4)
    #expect(merge(tcp + udp, kinds: []).count == 6)
    #expect(merge(tcp, kinds: []) == stream(3).map(alone))
}

/// Random flows, cut by the reference, shuffled together with losses, repetitions and strangers, merged and cut again.
@Test(arguments: 1...60 as ClosedRange<UInt64>)
func mergingAndCuttingAgainIsTheIdentity(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var queues = (0..<Int.random(in: 1...10, using: &generator)).map { number in
        randomFlow(UInt16(number), &generator)
    }
    var mixed: [(flow: Int, bytes: [UInt8])] = []
    while queues.contains(where: { !$0.isEmpty }) {
        let flow = Int.random(in: 0..<queues.count, using: &generator)
        for _ in 0..<Int.random(in: 1...9, using: &generator) where !queues[flow].isEmpty {
            mixed.append((flow, queues[flow].removeFirst().bytes))
        }
    }
    let back = try cutAgain(merge(mixed.map(\.bytes)))
    #expect(back.count == mixed.count)
    for flow in queues.indices {
        let expected = mixed.filter { $0.flow == flow }.map(\.bytes)
        let own = Set(expected)
        #expect(back.filter { own.contains($0) } == expected, "flow \(flow)")
    }
}

private func randomFlow(_ number: UInt16, _ generator: inout SeededGenerator) -> [StreamPacket] {
    var packets: [StreamPacket] = []
    var next = StreamPacket()
    next.ports = (number, 443)
    next.ipProtocol = Int.random(in: 0..<4, using: &generator) == 0 ? 17 : 6
    if Bool.random(using: &generator) {
        (next.source, next.destination) = (address("fd00:99::7"), address("2001:db8:20::3"))
    }
    next.sequence = UInt32.random(in: 0 ... .max, using: &generator)
    next.options = Bool.random(using: &generator) ? [] : next.options
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let length = Int.random(in: 0...6000, using: &generator)
        next.payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
        next.flags = [0x10, 0x18, 0x11, 0x50, 0x90, 0x12].randomElement(using: &generator) ?? 0x10
        let size = [1, 500, 1000, 1340].randomElement(using: &generator) ?? 1000
        var segments = length == 0 ? [next] : Array(next.segments(size).prefix(100))
        if Bool.random(using: &generator), segments.count > 2 {
            segments.swapAt(1, Int.random(in: 0..<segments.count, using: &generator))
        }
        packets += segments
        next.sequence &+= UInt32(length)
        next.identification &+= UInt16(segments.count)
        if Int.random(in: 0..<3, using: &generator) == 0 { next.acknowledgement &+= 1 }
    }
    return packets
}
