import CLinux
import Glibc
import IPsecTypes
import Testing

@testable import Netlink

private func rules(_ nat: NftablesRules.SourceNAT = .masquerade) throws -> NftablesRules {
    NftablesRules(
        tunnel: "culvert0",
        pools: [try #require(IPPrefix("10.99.0.0/20")), try #require(IPPrefix("fd00:99::/64"))],
        sourceNAT: nat,
        closedInterfaces: ["eth7"]
    )
}

/// The table as nft(8) reads it, without counters and blanks.
private func listing(_ name: String = "culvert") throws -> [String] {
    try output("nft list table inet \(name) 2>&1").split(separator: "\n").map {
        String($0).replacing("\t", with: "").replacing("counter packets 0 bytes 0", with: "counter")
    }
}

private let expected = [
    "chain spoofed {", "type filter hook prerouting priority raw; policy accept;",
    "iifname != \"culvert0\" iifname != \"lo\" ip saddr 10.99.0.0/20 counter drop",
    "iifname != \"culvert0\" iifname != \"lo\" ip6 saddr fd00:99::/64 counter drop", "}",
    "chain forward {", "type filter hook forward priority filter; policy accept;",
    "oifname != \"culvert0\" ip daddr 10.99.0.0/20 counter drop",
    "oifname != \"culvert0\" ip6 daddr fd00:99::/64 counter drop",
    "iifname \"eth7\" oifname != \"culvert0\" counter drop", "}",
    "chain translate {", "type nat hook postrouting priority srcnat; policy accept;",
    "oifname != \"culvert0\" ip saddr 10.99.0.0/20 meta l4proto tcp counter masquerade to :10240-65535",
    "oifname != \"culvert0\" ip saddr 10.99.0.0/20 meta l4proto udp counter masquerade to :10240-65535",
    "oifname != \"culvert0\" ip saddr 10.99.0.0/20 counter masquerade",
    "oifname != \"culvert0\" ip6 saddr fd00:99::/64 meta l4proto tcp counter masquerade to :10240-65535",
    "oifname != \"culvert0\" ip6 saddr fd00:99::/64 meta l4proto udp counter masquerade to :10240-65535",
    "oifname != \"culvert0\" ip6 saddr fd00:99::/64 counter masquerade", "}", "}",
]

@Test(.enabled(if: Privilege.canUseNftables, Privilege.reason), arguments: [true, false])
func theTableSaysWhatNftReads(_ triesOwner: Bool) throws {
    let folder = try TestFolder()
    try TestNamespace().inside {
        let journal = try CleanupJournal(path: folder.path + "/journal")
        try shell("nft add table inet culvert")  // a left-over
        let table = try NftablesTable(name: "culvert", rules: rules(), journal: journal, triesOwner: triesOwner)
        #expect(Array(try listing().suffix(expected.count)) == expected)
        #expect(journal.openSteps == (table.isOwned ? [] : [.nftables(table: "culvert")]))

        let fixed = [try #require(IPAddress("192.0.2.1")), try #require(IPAddress("2001:db8::1"))]
        try table.replace(rules(.addresses(fixed)))
        let changed = try listing()
        #expect(
            changed.contains(
                "oifname != \"culvert0\" ip saddr 10.99.0.0/20 meta l4proto udp counter snat ip to 192.0.2.1:10240-65535"
            )
        )
        #expect(
            changed.contains("oifname != \"culvert0\" ip6 saddr fd00:99::/64 counter snat ip6 to 2001:db8::1")
        )
        try table.replace(rules(.off))
        #expect(try !listing().contains { $0.contains("masquerade") || $0.contains("snat") })
        try table.remove()
        #expect(journal.openSteps.isEmpty)
        #expect(try output("nft list tables") == "")
    }
}

@Test(.enabled(if: Privilege.canUseNftables, Privilege.reason))
func anOwnedTableVanishesWithItsProcessKilled() async throws {
    let folder = try TestFolder()
    let namespace = try TestNamespace()
    let (path, place) = (folder.path, namespace.path)
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, place = place as String] in
        TestNamespace.enter(place)
        let journal = try CleanupJournal(path: path + "/journal")
        let table = try NftablesTable(name: "culvert", rules: rules(), journal: journal)
        try shell("nft list tables > \(path)/before")
        if table.isOwned { try shell("touch \(path)/owned") }
        kill(getpid(), SIGKILL)
        _ = table.name
    }
    #expect(try output("cat \(path)/before") == "table inet culvert\n")
    if access(path + "/owned", F_OK) == 0 {
        #expect(try namespace.inside { try output("nft list tables") } == "")
    } else {
        try namespace.inside {
            let journal = try CleanupJournal(path: path + "/journal")
            #expect(try journal.undoAll().map(\.step) == [.nftables(table: "culvert")])
            #expect(try output("nft list tables") == "")
        }
    }
}

@Test(.enabled(if: Privilege.canUseNftables, Privilege.reason))
func aTableOfAnotherProcessIsNotTouched() throws {
    let folder = try TestFolder()
    try TestNamespace().inside {
        let journal = try CleanupJournal(path: folder.path + "/journal")
        let table = try NftablesTable(name: "culvert", rules: rules(), journal: journal)
        guard table.isOwned else { return }
        let failure = #expect(throws: IOFailure.self) {
            try NftablesTable(name: "culvert", rules: rules(), journal: journal)
        }
        #expect(failure?.code == EPERM && failure?.hint.contains("another process owns the table") == true)
        #expect(try !listing().isEmpty && journal.openSteps.isEmpty)
    }
}

/// A UDP socket of a test, by the shim alone.
private final class TestSocket {
    let descriptor: CInt
    let port: UInt16

    init(_ address: UInt32, port: UInt16 = 0) throws {
        descriptor = culvert_socket(4, CInt(SOCK_DGRAM.rawValue), 0)
        var name = culvert_address(family: 4, reserved: 0, port: port, scope: 0, high: 0, low: UInt64(address))
        guard culvert_bind(descriptor, &name) == 0, culvert_local_address(descriptor, &name) == 0 else {
            throw TestFailure(text: "bind")
        }
        self.port = name.port
    }

    deinit { close(descriptor) }

    func send(to address: UInt32, _ port: UInt16) throws {
        var name = culvert_address(family: 4, reserved: 0, port: port, scope: 0, high: 0, low: UInt64(address))
        let byte: [UInt8] = [1]
        guard culvert_connect(descriptor, &name) == 0, write(descriptor, byte, 1) == 1 else {
            throw TestFailure(text: "send")
        }
    }

    /// The sender of the next datagram; nil when none comes within the time.
    func sender(within milliseconds: CInt) -> (address: UInt32, port: UInt16)? {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) == 1, let vector = culvert_vector_create(1) else { return nil }
        defer { culvert_vector_destroy(vector) }
        var storage = [UInt8](repeating: 0, count: 64)
        var frame = culvert_frame()
        return storage.withUnsafeMutableBufferPointer { bytes in
            withUnsafeMutablePointer(to: &frame) { frame in
                var layout = culvert_layout(
                    storage: bytes.baseAddress,
                    frames: frame,
                    stride: 64,
                    headroom: 0,
                    room: 64
                )
                guard culvert_receive(descriptor, vector, &layout, 0, 1, 0, false) == 1 else { return nil }
                return (UInt32(frame.pointee.remote.low), frame.pointee.remote.port)
            }
        }
    }
}

@Test(.enabled(if: Privilege.canUseNftables, Privilege.reason))
func poolAddressesLeaveTranslatedAndDoNotComeInFromOutside() throws {
    let folder = try TestFolder()
    let outside = try TestNamespace()
    let gateway = try TestNamespace()
    try gateway.inside {
        try shell(
            """
            ip link add cvt0 type veth peer name cvt1 && ip link set cvt1 netns \(outside.path) &&
            ip addr add 192.0.2.1/24 dev cvt0 && ip link set cvt0 up && ip addr add 10.99.0.5/32 dev lo
            """
        )
    }
    // The other side claims an address of the pool, and knows the way back.
    let (there, server) = try outside.inside {
        try shell("ip addr add 192.0.2.2/24 dev cvt1 && ip link set cvt1 up && ip addr add 10.99.0.9/32 dev lo")
        return (try TestSocket(0xc000_0202), try TestSocket(0x0a63_0009))
    }
    try gateway.inside {
        let journal = try CleanupJournal(path: folder.path + "/journal")
        let table = try NftablesTable(name: "culvert", rules: rules(), journal: journal)
        // A client inside the tunnel sends from port 4500: neither its address nor its port shows outside.
        let client = try TestSocket(0x0a63_0005, port: 4500)
        try client.send(to: 0xc000_0202, there.port)
        let seen = try #require(there.sender(within: 2000))
        #expect(seen.address == 0xc000_0201 && (10_240...65_535).contains(seen.port))

        let listener = try TestSocket(0xc000_0201)
        try server.send(to: 0xc000_0201, listener.port)
        #expect(listener.sender(within: 200) == nil)
        #expect(try output("nft list table inet culvert").contains("10.99.0.0/20 counter packets 1 bytes 29 drop"))
        try table.remove()
        try server.send(to: 0xc000_0201, listener.port)
        #expect(listener.sender(within: 2000)?.address == 0x0a63_0009)
    }
}
