import ESP
import IPsecTypes
import Testing

private func randomAddress(_ family: IPAddress.Family, _ generator: inout SeededGenerator) -> IPAddress {
    // Few distinct values, so that edges are hit often.
    let small = UInt64.random(in: 0...12, using: &generator)
    if family == .v4 { return .v4(UInt32(0x0A00_0000 + small)) }
    return Bool.random(using: &generator)
        ? .v6(0x2001_0DB8_0000_0000 + small, UInt64.random(in: 0...3, using: &generator))
        : .v6(0x2001_0DB8_0000_0000, small)
}

private func randomSelector(_ generator: inout SeededGenerator) -> TrafficSelector {
    let family: IPAddress.Family = Bool.random(using: &generator) ? .v4 : .v6
    let (a, b) = (randomAddress(family, &generator), randomAddress(family, &generator))
    let range = IPRange(min(a, b), max(a, b)) ?? .all(family)
    let low = UInt16.random(in: 0...8, using: &generator)
    let ports: [PortRange] = [
        .any, .opaque, PortRange(low), PortRange(low, low + 3) ?? .any, PortRange(65530, 65535) ?? .any,
    ]
    let protocols: [UInt8] = [0, 6, 17, 1]
    return TrafficSelector(
        ipProtocol: protocols[Int.random(in: 0..<4, using: &generator)],
        ports: ports[Int.random(in: 0..<ports.count, using: &generator)],
        addresses: range
    )
}

@Test func compiledSelectorsAgreeWithTrafficSelectors() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<300 {
        let selectors = (0..<Int.random(in: 0...6, using: &generator)).map { _ in randomSelector(&generator) }
        let compiled = SelectorSet(selectors)
        for _ in 0..<60 {
            let family: IPAddress.Family = Bool.random(using: &generator) ? .v4 : .v6
            let probe = randomAddress(family, &generator)
            let ipProtocol = [6, 17, 1, 50][Int.random(in: 0..<4, using: &generator)] as UInt8
            let port: UInt16? = Bool.random(using: &generator) ? UInt16.random(in: 0...13, using: &generator) : nil
            let expected = selectors.firstIndex {
                $0.matches(address: probe, ipProtocol: ipProtocol, port: port)
            }
            let view: PortView = port.map { .value($0) } ?? .hidden
            let found = compiled.firstMatch(address: probe, ipProtocol: ipProtocol, port: view)
            #expect(found == expected.map { Int32($0) } ?? SelectorSet.none)
            let held = compiled.holds(probe)
            #expect(held == selectors.contains { $0.addresses.contains(probe) })
            let unused = compiled.firstMatch(address: probe, ipProtocol: ipProtocol, port: .unused)
            let anyPort = selectors.firstIndex {
                $0.addresses.contains(probe) && ($0.ipProtocol == 0 || $0.ipProtocol == ipProtocol)
            }
            #expect(unused == anyPort.map { Int32($0) } ?? SelectorSet.none)
        }
    }
}

@Test func laterFragmentsPassOnlyWhereThePortsAreAnyOrOpaque() {
    let network = IPRange.all(.v4)
    let probe = address("10.0.0.1")
    let narrow = SelectorSet([TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: network)])
    let any = SelectorSet([TrafficSelector(ipProtocol: 6, addresses: network)])
    let opaque = SelectorSet([TrafficSelector(ipProtocol: 6, ports: .opaque, addresses: network)])
    #expect(narrow.firstMatch(address: probe, ipProtocol: 6, port: .hidden) == SelectorSet.none)
    #expect(any.firstMatch(address: probe, ipProtocol: 6, port: .hidden) == 0)
    #expect(opaque.firstMatch(address: probe, ipProtocol: 6, port: .hidden) == 0)
    #expect(opaque.firstMatch(address: probe, ipProtocol: 6, port: .value(443)) == SelectorSet.none)
}

@Test func tagsAreReturnedInOrder() {
    let tagged = SelectorSet(tagged: [
        (TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: .all(.v4)), 17),
        (TrafficSelector(addresses: .all(.v4)), 3),
    ])
    #expect(tagged.firstMatch(address: .v4(1), ipProtocol: 6, port: .value(443)) == 17)
    #expect(tagged.firstMatch(address: .v4(1), ipProtocol: 6, port: .value(80)) == 3)
    #expect(tagged.firstMatch(address: .v6(0, 5), ipProtocol: 6, port: .value(80)) == SelectorSet.none)
}
