import IPsecTypes
import Policy
import Testing

/// A small deterministic generator, so that a failing case can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// Selectors over a handful of addresses and ports, so that hits and misses are both common.
func randomSelector(_ random: inout SplitMix) -> TrafficSelector {
    let v4 = Bool.random(using: &random)
    func address(_ low: UInt64) -> IPAddress { v4 ? .v4(0x0a00_0000 + UInt32(low)) : .v6(0xfd00 << 48, low) }
    let first = UInt64.random(in: 0..<12, using: &random)
    let last = UInt64.random(in: first..<13, using: &random)
    let portFirst = UInt16.random(in: 0..<6, using: &random)
    let portLast = UInt16.random(in: portFirst..<7, using: &random)
    let ports: [PortRange] = [.any, .opaque, PortRange(portFirst), PortRange(portFirst, portLast) ?? .any]
    return TrafficSelector(
        ipProtocol: [0, 6, 17].randomElement(using: &random) ?? 0,
        ports: ports.randomElement(using: &random) ?? .any,
        addresses: IPRange(address(first), address(last)) ?? IPRange(address(first))
    )
}

func randomPacket(_ random: inout SplitMix) -> PolicyTarget {
    let low = UInt64.random(in: 0..<14, using: &random)
    let address: IPAddress =
        Bool.random(using: &random) ? .v4(0x0a00_0000 + UInt32(low)) : .v6(0xfd00 << 48, low)
    return PolicyTarget(
        address: address,
        ipProtocol: [6, 17, 1].randomElement(using: &random) ?? 6,
        port: Bool.random(using: &random) ? UInt16.random(in: 0..<8, using: &random) : nil
    )
}

@Test func theRuleTableAgreesWithTheSelectorsItWasCompiledFrom() {
    for seed in 0..<300 {
        var random = SplitMix(state: UInt64(seed))
        let rules = (0..<5).map { index in
            PacketRule(
                index: UInt32(index),
                name: "r\(index)",
                line: index,
                destinations: (0..<Int.random(in: 0..<4, using: &random)).map { _ in randomSelector(&random) }
            )
        }
        let table = RuleTable(rules)
        for _ in 0..<60 {
            let packet = randomPacket(&random)
            let asked = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                UInt32.random(in: 0..<7, using: &random)
            }
            let expected = asked.first { index in
                index < 5
                    && rules[Int(index)].destinations.contains {
                        $0.matches(address: packet.address, ipProtocol: packet.ipProtocol, port: packet.port)
                    }
            }
            let answer = table.check(
                rules: asked,
                address: packet.address,
                ipProtocol: packet.ipProtocol,
                port: packet.port
            )
            #expect(answer == expected.map { Int32($0) } ?? RuleTable.denied, "seed \(seed)")
        }
    }
}

@Test func anEmptyTableAndAnEmptyListOfRulesAllowNothing() {
    let everything = PacketRule(index: 0, name: "all", line: 1, destinations: [.everything(.v4), .everything(.v6)])
    #expect(RuleTable.empty.check(rules: [0], address: .v4(1), ipProtocol: 6, port: 1) == RuleTable.denied)
    #expect(RuleTable([everything]).check(rules: [], address: .v4(1), ipProtocol: 6, port: 1) == RuleTable.denied)
    #expect(RuleTable([everything]).check(rules: [1], address: .v4(1), ipProtocol: 6, port: 1) == RuleTable.denied)
    #expect(RuleTable([everything]).check(rules: [0], address: .v4(1), ipProtocol: 6, port: 1) == 0)
    #expect(RuleTable([everything]).rule(at: 0)?.name == "all")
    #expect(RuleTable([everything]).rule(at: -1) == nil)
}

@Test func aLaterFragmentPassesOnlyWhereEveryPortIsAllowed() {
    let one = PacketRule(
        index: 0,
        name: "web",
        line: 1,
        destinations: [TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: IPRange(.v4(7)))]
    )
    let every = PacketRule(
        index: 1,
        name: "tcp",
        line: 2,
        destinations: [TrafficSelector(ipProtocol: 6, addresses: IPRange(.v4(7)))]
    )
    let table = RuleTable([one, every])
    #expect(table.check(rules: [0], address: .v4(7), ipProtocol: 6, port: nil) == RuleTable.denied)
    #expect(table.check(rules: [0, 1], address: .v4(7), ipProtocol: 6, port: nil) == 1)
}
