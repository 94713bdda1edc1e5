import Glibc
import IPsecTypes
import Netlink
import Testing

private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Test func theLoopbackIsListedWithoutPrivilege() throws {
    let netlink = try RouteNetlink()
    let loopback = try #require(try netlink.link(named: "lo"))
    #expect(loopback.isLoopback && loopback.index == 1)
    #expect(try netlink.links().contains(loopback))
    #expect(try netlink.link(named: "no-such-link") == nil)
    #expect(try netlink.link(named: "not a name") == nil)
    _ = try netlink.addresses()
    _ = try netlink.routes()
    _ = try netlink.rules()
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func linksAreMadeChangedAndDeleted() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        try netlink.createLink(name: "cvt0", kind: "bridge")
        let made = try #require(try netlink.link(named: "cvt0"))
        #expect(!made.isUp && made.kind == "bridge" && made.mtu == 1500)
        try netlink.setLink(made.index, isUp: true)
        try netlink.setLink(made.index, mtu: 1380)
        let changed = try #require(try netlink.link(named: "cvt0"))
        #expect(changed.isUp && changed.mtu == 1380)
        let twice = #expect(throws: IOFailure.self) { try netlink.createLink(name: "cvt0", kind: "bridge") }
        #expect(twice?.code == EEXIST && twice?.call == "create bridge interface cvt0")
        let unknown = #expect(throws: IOFailure.self) { try netlink.createLink(name: "cvt1", kind: "nonesuch") }
        #expect(unknown?.hint.contains("modprobe nonesuch") == true)
        try netlink.deleteLink(made.index)
        #expect(try netlink.link(named: "cvt0") == nil)
        #expect(throws: IOFailure.self) { try netlink.setLink(made.index, isUp: true) }
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func addressesOfBothFamiliesAreUsableAtOnceAndListed() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        try netlink.createLink(name: "cvt0", kind: "bridge")
        let link = try #require(try netlink.link(named: "cvt0"))
        try netlink.setLink(link.index, isUp: true)
        for (text, length) in [("10.99.0.1", 32), ("10.98.0.1", 16), ("fd00:99::1", 128), ("fd00:98::1", 64)] {
            try netlink.addAddress(address(text), prefixLength: length, interfaceIndex: link.index)
            let found = try #require(try netlink.addresses().first { $0.address == IPAddress(text) })
            #expect(found.prefixLength == length && found.interfaceIndex == link.index)
            #expect(!found.isTentative && found.scope == .global && found.peer == nil)
            try netlink.addAddress(address(text), prefixLength: length, interfaceIndex: link.index)
            try netlink.removeAddress(address(text), prefixLength: length, interfaceIndex: link.index)
            #expect(try !netlink.addresses().contains { $0.address == IPAddress(text) })
            let gone = #expect(throws: IOFailure.self) {
                try netlink.removeAddress(address(text), prefixLength: length, interfaceIndex: link.index)
            }
            #expect(gone?.code == EADDRNOTAVAIL)
        }
    }
}

@Test(
    .enabled(if: Privilege.canMakeNamespaces, Privilege.reason),
    arguments: [("10.20.0.0/16", "10.99.0.1", "10.20.1.1"), ("fd00:20::/32", "fd00:99::1", "fd00:20::7")]
)
func routesAreAddedReplacedListedAndDeleted(_ networkText: String, _ ownText: String, _ insideText: String) throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        try netlink.createLink(name: "cvt0", kind: "bridge")
        let link = try #require(try netlink.link(named: "cvt0"))
        try netlink.setLink(link.index, isUp: true)
        let own = try address(ownText)
        try netlink.addAddress(own, prefixLength: own.family.bits, interfaceIndex: link.index)
        let network = try prefix(networkText)
        var route = Route(
            to: network,
            interfaceIndex: link.index,
            preferredSource: own,
            table: 777,
            metric: 50,
            mtu: 1380
        )
        try netlink.addRoute(route)
        #expect(try netlink.routes().contains(route))
        let twice = #expect(throws: IOFailure.self) { try netlink.addRoute(route) }
        #expect(twice?.code == EEXIST)
        route.mtu = 1300
        try netlink.replaceRoute(route)
        #expect(try netlink.routes().filter { $0.destination == network } == [route])
        try netlink.deleteRoute(route)
        let gone = #expect(throws: IOFailure.self) { try netlink.deleteRoute(route) }
        #expect(gone?.code == ESRCH && gone?.call == "delete route to \(network)")

        // A route in the main table decides where packets go; a shut one says so.
        let inside = try address(insideText)
        #expect(try netlink.route(to: inside) == nil)
        try netlink.addRoute(Route(to: network, interfaceIndex: link.index, preferredSource: own))
        let chosen = try #require(try netlink.route(to: inside))
        #expect(chosen.interfaceIndex == link.index && chosen.preferredSource == own)
        let shut = Route(
            to: try #require(IPPrefix(inside, length: own.family.bits)),
            interfaceIndex: nil,
            kind: .prohibit
        )
        try netlink.addRoute(shut)
        #expect(try netlink.routes().contains { $0.destination == shut.destination && $0.kind == .prohibit })
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func routesVanishWithTheirInterface() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        try netlink.createLink(name: "cvt0", kind: "bridge")
        let link = try #require(try netlink.link(named: "cvt0"))
        try netlink.setLink(link.index, isUp: true)
        let network = try prefix("10.20.0.0/16")
        try netlink.addRoute(Route(to: network, interfaceIndex: link.index))
        try netlink.deleteLink(link.index)
        #expect(try !netlink.routes().contains { $0.destination == network })
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func rulesAreAddedListedAndDeleted() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        var first = RoutingRule(family: .v4, priority: 900, table: 777)
        first.source = try prefix("10.99.0.0/16")
        first.isInverted = true
        first.mark = 0x51
        var second = RoutingRule(family: .v6, priority: 901, table: 70_000)
        second.destination = try prefix("fd00::/8")
        second.inputInterface = "lo"
        second.suppressedPrefixLength = 0
        var third = RoutingRule(family: .v4, priority: 909, table: 0)
        third.action = .nothing
        try netlink.addRule(third)
        var fourth = RoutingRule(family: .v4, priority: 902, table: 0)
        fourth.ipProtocol = 17
        fourth.sourcePorts = PortRange(4500)
        fourth.destinationPorts = PortRange(1, 1000)
        fourth.action = .goTo(909)
        for rule in [first, second, fourth] {
            try netlink.addRule(rule)
            #expect(try netlink.rules().contains(rule))
            #expect(throws: IOFailure.self) { try netlink.addRule(rule) }
            try netlink.deleteRule(rule)
            #expect(try !netlink.rules().contains(rule))
        }
        #expect(try netlink.rules().contains(third))
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func aPoolThatOverlapsALocalNetworkIsNamed() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        try shell(
            """
            ip link add cvt0 type bridge && ip link set cvt0 up && ip addr add 10.99.4.1/22 dev cvt0 &&
            ip route add 10.50.0.0/16 via 10.99.4.2 && ip route add default via 10.99.4.2 &&
            ip -6 addr add fd00:1::1/64 dev cvt0 nodad
            """
        )
        let networks = try LocalNetworks(netlink)
        let pool = try networks.overlaps(prefix("10.99.0.0/16"))
        #expect(pool.map(\.description) == ["10.99.0.0/16 overlaps 10.99.4.0/22, the network of cvt0"])
        let routed = try networks.overlaps(prefix("10.50.7.0/24"))
        #expect(routed.map(\.description) == ["10.50.7.0/24 overlaps 10.50.0.0/16, a route by cvt0"])
        #expect(try networks.overlaps(prefix("fd00:1::/48")).map(\.isAddress) == [true])
        #expect(try networks.overlaps(prefix("10.60.0.0/16")).isEmpty)
        #expect(try networks.overlaps(prefix("10.99.0.0/16"), ignoring: ["cvt0"]).isEmpty)
        #expect(networks.likelyAddresses == [try address("10.99.4.1"), try address("fd00:1::1")])
        let own = try #require(networks.interfaces.first { $0.link.name == "cvt0" })
        #expect(own.hasDefaultRoute && own.addresses.contains { $0.address == IPAddress("10.99.4.1") })
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func packetsOfAnInterfaceAreCounted() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        let before = try #require(try netlink.counters(of: "lo"))
        try shell("bash -c 'echo hello > /dev/udp/127.0.0.1/9'")
        let after = try #require(try netlink.counters(of: "lo"))
        #expect(after.sent > before.sent && after.sentBytes >= before.sentBytes + 34 && after.received == after.sent)
        #expect(after.sentDropped == 0 && after.receivedDropped == 0)
        #expect(try netlink.counters(of: "nonesuch") == nil)
    }
}

@Test func closingGivesEveryDescriptorBack() throws {
    let folder = try TestFolder()
    let before = openDescriptors()
    for number in 0..<300 {
        let netlink = try RouteNetlink()
        #expect(throws: IOFailure.self) { try netlink.setLink(1 << 30, isUp: true) }
        _ = try CleanupJournal(path: "\(folder.path)/\(number)")
        #expect(throws: IOFailure.self) { try CleanupJournal(path: "/dev/null") }
        #expect(throws: IOFailure.self) { try Guardian(executable: "/nonexistent", journalPath: "/nonexistent") }
    }
    // Tests that run beside this one hold some of their own.
    #expect(openDescriptors() < before + 100)
}

private func openDescriptors() -> Int {
    (0..<4096).count { fcntl(CInt($0), F_GETFD) >= 0 }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func changesOfAddressesAndRoutesAreHeard() throws {
    try TestNamespace().inside {
        let netlink = try RouteNetlink()
        try netlink.createLink(name: "cvt0", kind: "bridge")
        let link = try #require(try netlink.link(named: "cvt0"))
        let monitor = try NetworkMonitor()
        #expect(!monitor.drain(), "nothing has changed")
        try netlink.setLink(link.index, isUp: true)
        #expect(monitor.drain())
        for text in ["10.99.0.1", "fd00:99::1"] {
            let address = try address(text)
            let length = address.family.bits
            try netlink.addAddress(address, prefixLength: length, interfaceIndex: link.index)
            #expect(monitor.drain(), "\(text) came")
            try netlink.removeAddress(address, prefixLength: length, interfaceIndex: link.index)
            #expect(monitor.drain(), "\(text) went")
        }
        try netlink.addRoute(Route(to: prefix("192.0.2.0/24"), interfaceIndex: link.index))
        #expect(monitor.drain())
        #expect(!monitor.drain())
    }
}
