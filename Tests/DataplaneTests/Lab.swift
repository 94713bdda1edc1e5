import CLinux
import Foundation
import Glibc
import IPsecTypes
import PacketIO
import Synchronization
import Testing

@testable import Dataplane

/// Whether tests may make network namespaces.
enum Privilege {
    static let canMakeNamespaces =
        geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0
        && ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].contains { (path: String) in access(path, X_OK) == 0 }
    static let reason: Comment = "needs root, /dev/net/tun and iproute2"
}

struct LabFailure: Error, CustomStringConvertible {
    var description: String
}

/// Runs a command; its output, or a failure when it ends with another code than 0.
@discardableResult
func shell(_ command: String, mayFail: Bool = false) throws -> String {
    guard let pipe = popen("(\(command)) 2>&1", "r") else { throw LabFailure(description: "popen") }
    var output = ""
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, CInt(line.count), pipe) != nil {
        output += String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    guard pclose(pipe) == 0 || mayFail else { throw LabFailure(description: "\(command): \(output)") }
    return output
}

/// Two network namespaces joined by a link, an agent's data plane in one and a gateway's in the other.
final class Lab {
    private static let serial = Atomic(0)

    let agentSpace: String
    let gatewaySpace: String
    let agent: UserspaceDataplane
    let gateway: UserspaceDataplane

    static let agent4 = address("192.0.2.1")
    static let gateway4 = address("192.0.2.2")
    static let agent6 = address("2001:db8:f::1")
    static let gateway6 = address("2001:db8:f::2")

    init(_ change: (inout DataplaneConfiguration) -> Void = { _ in }) throws {
        let number = Self.serial.wrappingAdd(1, ordering: .relaxed).newValue
        let (a, b) = ("cvd\(getpid())a\(number)", "cvd\(getpid())b\(number)")
        (agentSpace, gatewaySpace) = (a, b)
        var configuration = DataplaneConfiguration(tunName: "cvt0", rawESP: true)
        change(&configuration)
        agent = try UserspaceDataplane(configuration, rules: nil)
        gateway = try UserspaceDataplane(configuration, rules: nil)
        try shell("ip netns add \(a) && ip netns add \(b)")
        try shell("ip link add cvv0 netns \(a) type veth peer name cvv0 netns \(b)")
        for (space, four, six) in [(a, Self.agent4, Self.agent6), (b, Self.gateway4, Self.gateway6)] {
            try shell("ip -n \(space) link set lo up && ip -n \(space) link set cvv0 up")
            try shell("ip -n \(space) addr add \(four)/24 dev cvv0 && ip -n \(space) addr add \(six)/64 dev cvv0 nodad")
        }
        try Self.inside(a) { [agent] in try agent.start() }
        try Self.inside(b) { [gateway] in try gateway.start() }
        try shell("ip -n \(a) addr add 10.99.0.7/32 dev cvt0 && ip -n \(a) addr add fd00:99::7/128 dev cvt0 nodad")
        try shell("ip -n \(b) addr add 10.20.0.3/32 dev lo && ip -n \(b) addr add 2001:db8:20::3/128 dev lo nodad")
        for space in [a, b] { try shell("ip -n \(space) link set cvt0 up mtu \(configuration.mtu)") }
        try shell("ip -n \(a) route add 10.20.0.0/16 dev cvt0 src 10.99.0.7")
        try shell("ip -n \(a) route add 2001:db8:20::/48 dev cvt0 src fd00:99::7")
        try shell("ip -n \(b) route add 10.99.0.0/16 dev cvt0 src 10.20.0.3")
        try shell("ip -n \(b) route add fd00:99::/64 dev cvt0 src 2001:db8:20::3")
    }

    deinit {
        agent.stop()
        gateway.stop()
        for space in [agentSpace, gatewaySpace] { _ = try? shell("ip netns del \(space)", mayFail: true) }
    }

    /// Runs `body` on this thread inside a namespace; descriptors that it opens stay there.
    static func inside<Result>(_ space: String, _ body: () throws -> Result) throws -> Result {
        let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        let target = open("/run/netns/\(space)", O_RDONLY | O_CLOEXEC)
        defer { for descriptor in [home, target] where descriptor >= 0 { close(descriptor) } }
        guard home >= 0, target >= 0, culvert_enter_namespace(target) == 0 else {
            throw LabFailure(description: "cannot enter \(space)")
        }
        defer { if culvert_enter_namespace(home) != 0 { fatalError("cannot come back from \(space)") } }
        return try body()
    }

    func inAgent(_ command: String, mayFail: Bool = false) throws -> String {
        try shell("ip netns exec \(agentSpace) \(command)", mayFail: mayFail)
    }

    /// The parameters of a child over IPv4 or IPv6, in UDP or not.
    func child(_ number: UInt32, outer: IPAddress.Family = .v4, encapsulation: Bool = true) -> ChildPair {
        var child = ChildPair()
        child.agentSPI = SPI(0x1000_0000 + number)
        child.gatewaySPI = SPI(0x2000_0000 + number)
        child.seed = UInt8(truncatingIfNeeded: number &* 7)
        child.agentEnd = Endpoint(outer == .v4 ? Self.agent4 : Self.agent6, port: 4500)
        child.gatewayEnd = Endpoint(outer == .v4 ? Self.gateway4 : Self.gateway6, port: 4500)
        child.encapsulation = encapsulation
        return child
    }

    /// Waits for items in an inbox until `count` have come or a second is over.
    static func items(_ dataplane: UserspaceDataplane, count: Int) -> [InboxItem] {
        var items: [InboxItem] = []
        for _ in 0..<100 where items.count < count {
            var wait = pollfd(fd: dataplane.controlDescriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&wait, 1, 10)
            dataplane.drainInbox(into: &items)
        }
        return items
    }
}
