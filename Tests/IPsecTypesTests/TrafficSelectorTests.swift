import IPsecTypes
import Testing

private func selector(_ network: String, _ ipProtocol: UInt8 = 0, _ ports: PortRange = .any) throws -> TrafficSelector {
    TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: try #require(IPPrefix(network)).range)
}

extension SeededGenerator {
    /// Small worlds, so that selectors often meet.
    mutating func selector() -> TrafficSelector {
        let (a, b) = (UInt32(int(0...15)), UInt32(int(0...15)))
        let (p, q) = (UInt16(int(0...6)), UInt16(int(0...6)))
        let ports: [PortRange] = [.any, .opaque, PortRange(min(p, q), max(p, q)) ?? .any]
        return TrafficSelector(
            ipProtocol: [0, 6, 17][int(0...2)],
            ports: ports[int(0...2)],
            addresses: IPRange(.v4(min(a, b)), .v4(max(a, b))) ?? IPRange(.v4(a))
        )
    }
}

/// Every packet end of the small world: address, protocol, port or none.
private let world: [(IPAddress, UInt8, UInt16?)] = (0..<16).flatMap { address in
    [6, 17].flatMap { ipProtocol in
        ([nil] + (0...6).map { UInt16($0) }).map { (IPAddress.v4(UInt32(address)), ipProtocol, $0) }
    }
}

@Test func anIntersectionSelectsNothingThatOneSideDoesNot() {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<400 {
        let (a, b) = (generator.selector(), generator.selector())
        let shared = a.intersection(b)
        #expect(shared == b.intersection(a))
        if let shared { #expect(a.contains(shared) && b.contains(shared)) }
        for (address, ipProtocol, port) in world {
            let both =
                a.matches(address: address, ipProtocol: ipProtocol, port: port)
                && b.matches(address: address, ipProtocol: ipProtocol, port: port)
            #expect(both == (shared?.matches(address: address, ipProtocol: ipProtocol, port: port) ?? false))
        }
    }
}

@Test func narrowingNeverWidensAndLosesNothingThatBothAllow() {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<150 {
        let wanted = (0..<generator.int(0...4)).map { _ in generator.selector() }
        let allowed = (0..<generator.int(0...4)).map { _ in generator.selector() }
        let narrowed = wanted.narrowed(to: allowed)
        for (address, ipProtocol, port) in world {
            func matches(_ selectors: [TrafficSelector]) -> Bool {
                selectors.contains { $0.matches(address: address, ipProtocol: ipProtocol, port: port) }
            }
            #expect(matches(narrowed) == (matches(wanted) && matches(allowed)))
        }
    }
}

@Test func narrowingKeepsThePeersOrderAndTheLimit() throws {
    let wanted = [try selector("10.2.0.0/16"), try selector("10.1.0.0/16"), try selector("10.2.0.0/16")]
    let narrowed = wanted.narrowed(to: [try selector("10.0.0.0/8")])
    #expect(narrowed.map(\.description) == ["10.2.0.0/16", "10.1.0.0/16"])
    #expect(wanted.narrowed(to: [try selector("10.0.0.0/8")], limit: 1).count == 1)
    #expect(wanted.narrowed(to: []).isEmpty)
    #expect(wanted.narrowed(to: [try selector("192.0.2.0/24")]).isEmpty)
}

@Test func opaqueIsNeverAnOrdinaryPort() {
    #expect(PortRange.any.contains(.opaque))
    #expect(!PortRange.opaque.contains(.any))
    #expect(!PortRange.opaque.contains(65_535))
    #expect(PortRange(1, 5)?.intersection(.opaque) == nil)
    #expect(PortRange.any.intersection(.opaque) == .opaque)
    #expect(PortRange(5, 1) == nil)
    #expect(PortRange(65_535, 0) == .opaque)
}

@Test func selectorsPrintWhatTheySelect() throws {
    #expect(try selector("10.20.0.0/28", 6, PortRange(443)).description == "10.20.0.0/28[tcp/443]")
    #expect(try selector("10.20.0.0/28", 17).description == "10.20.0.0/28[udp]")
    #expect(try selector("10.20.0.0/28").description == "10.20.0.0/28")
    #expect(try selector("::/0", 58, .opaque).description == "::/0[icmpv6/opaque]")
}
