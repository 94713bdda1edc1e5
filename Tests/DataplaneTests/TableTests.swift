import ESP
import IPsecTypes
import PacketIO
import Testing

@testable import Dataplane

@Test func flatTableAgreesWithADictionary() {
    var generator = SeededGenerator(seed: 3)
    for keys in [8, 40, 3000] as [UInt32] {
        var table = FlatTable<UInt32, Int>(fillingWith: 0, 0)
        var model: [UInt32: Int] = [:]
        for step in 0..<20_000 {
            let key = UInt32.random(in: 1...keys, using: &generator)
            if Bool.random(using: &generator) {
                table.set(key, step)
                model[key] = step
            } else {
                let removed = table.remove(key)
                #expect(removed == model.removeValue(forKey: key))
            }
            let probe = UInt32.random(in: 1...keys, using: &generator)
            let found = table.value(probe)
            guard found == model[probe] else {
                Issue.record("step \(step): \(String(describing: found))")
                return
            }
        }
        let count = table.count
        #expect(count == model.count)
    }
}

private func parsed(_ bytes: [UInt8]) throws -> IPPacket {
    var copy = bytes
    return try copy.withUnsafeMutableBytes { try IPPacket.parse(PacketBytes($0)) }
}

private func number(_ spi: Int) -> SPI { SPI(UInt32(0x1000 + spi)) }

@Test func lookUpAgreesWithASearchOfAllSAs() throws {
    var generator = SeededGenerator(seed: 5)
    let bench = try Bench()
    var table = OutboundTable()
    var live: [(handle: SAHandle, selectors: [TrafficSelector])] = []
    for step in 0..<400 {
        if Int.random(in: 0..<3, using: &generator) > 0 || live.isEmpty {
            let low = UInt32.random(in: 0..<200, using: &generator)
            let high = low + UInt32.random(in: 0..<40, using: &generator)
            let range = IPRange(.v4(0x0A00_0000 + low), .v4(0x0A00_0000 + high)) ?? .all(.v4)
            let ipProtocol: UInt8 = Bool.random(using: &generator) ? 0 : 17
            var child = ChildPair()
            child.gatewaySPI = number(step)
            child.agentSelectors = [TrafficSelector(ipProtocol: ipProtocol, addresses: range)]
            child.gatewaySelectors = [selector("0.0.0.0/0")]
            let handle = try bench.makeHandle(child.gateway)
            table.insert(handle)
            live.append((handle, child.agentSelectors))
        } else {
            let victim = live.remove(at: Int.random(in: 0..<live.count, using: &generator))
            table.remove(victim.handle)
        }
        for _ in 0..<20 {
            let destination = IPAddress.v4(0x0A00_0000 + UInt32.random(in: 0..<250, using: &generator))
            let packet = try parsed(ipPacket("10.20.0.3", destination.description, payload: udp(1, 2)))
            // The longest prefix that covers the destination, then the newest SA under it.
            var best: (length: Int, place: Int)?
            for (place, entry) in live.enumerated() {
                for prefix in entry.selectors[0].addresses.prefixes where prefix.contains(destination) {
                    if (best?.length ?? -1, best?.place ?? -1) < (prefix.length, place) {
                        best = (prefix.length, place)
                    }
                }
            }
            switch table.find(packet) {
            case .slot(let slot, _): #expect(slot == best.map { live[$0.place].handle.slot })
            case .selectorsDiffer, .none: #expect(best == nil)
            }
        }
    }
}

@Test func thousandsOfHostsAreFoundByTheirAddress() throws {
    let bench = try Bench()
    var table = OutboundTable()
    var handles: [SAHandle] = []
    for host in 0..<3000 as Range<UInt32> {
        var child = ChildPair()
        child.gatewaySPI = SPI(0x4000 + host)
        child.agentSelectors = [
            TrafficSelector(addresses: IPRange(.v4(0x0A63_0000 + host), .v4(0x0A63_0000 + host)) ?? .all(.v4)),
            TrafficSelector(addresses: IPRange(.v6(0xFD00, UInt64(host)), .v6(0xFD00, UInt64(host))) ?? .all(.v6)),
        ]
        child.gatewaySelectors = [selector("10.20.0.0/16"), selector("2001:db8:20::/48")]
        let handle = try bench.makeHandle(child.gateway)
        handles.append(handle)
        table.insert(handle)
    }
    for (host, handle) in handles.enumerated() {
        for (from, to) in [
            ("10.20.0.3", IPAddress.v4(0x0A63_0000 + UInt32(host))), ("2001:db8:20::3", .v6(0xFD00, UInt64(host))),
        ] {
            guard case .slot(let slot, _) = table.find(try parsed(ipPacket(from, to.description))) else {
                Issue.record("\(to) not found")
                continue
            }
            #expect(slot == handle.slot)
        }
    }
}

@Test func prefixKeysMaskLikePrefixes() {
    var generator = SeededGenerator(seed: 9)
    for _ in 0..<2000 {
        let four = IPAddress.v4(UInt32.random(in: 0 ... .max, using: &generator))
        let six = IPAddress.v6(
            UInt64.random(in: 0 ... .max, using: &generator),
            UInt64.random(in: 0 ... .max, using: &generator)
        )
        for address in [four, six] {
            let length = Int.random(in: 0...address.family.bits, using: &generator)
            guard let prefix = IPPrefix(address, length: length) else { continue }
            #expect(PrefixKey(address, length: UInt8(length)) == PrefixKey(prefix))
        }
    }
}

@Test func socketsAreChosenByAddressThenFamily() {
    let places = [
        SocketPlace(role: .nat, address: address("0.0.0.0"), port: 4500),
        SocketPlace(role: .nat, address: address("203.0.113.9"), port: 4500),
        SocketPlace(role: .nat, address: address("2001:db8::9"), port: 4500),
    ]
    let remote = PacketAddress(address("198.51.100.7"), port: 4500)
    let own = PacketAddress(address("203.0.113.9"), port: 4500)
    #expect(places.best(role: .nat, local: own, remote: remote) == 1)
    #expect(places.best(role: .nat, local: PacketAddress(address("203.0.113.10"), port: 0), remote: remote) == 0)
    #expect(places.best(role: .rawESP, local: own, remote: remote) == -1)
    let six = PacketAddress(address("2001:db8::7"), port: 4500)
    #expect(places.best(role: .nat, local: PacketAddress(address("2001:db8::a"), port: 0), remote: six) == -1)
    #expect(places.best(role: .nat, local: PacketAddress(address("::"), port: 0), remote: six) == 2)
}
