import ESP
import IPsecTypes
import PacketIO
import Policy
import Testing

@testable import Dataplane

private let rules = RuleTable([
    PacketRule(index: 0, name: "registry", line: 1, destinations: [selector("10.20.0.0/28", 6, 443)]),
    PacketRule(index: 1, name: "names", line: 2, destinations: [selector("10.20.0.53/32", 17, 53)]),
    PacketRule(index: 2, name: "other", line: 3, destinations: [selector("10.20.0.99/32")]),
])

private func tcp(_ source: UInt16, _ destination: UInt16) -> [UInt8] {
    var writer = WireWriter()
    writer.writeUInt16(source)
    writer.writeUInt16(destination)
    writer.writeZeros(8)
    writer.writeUInt16(0x5010)
    writer.writeZeros(6)
    return writer.bytes
}

private struct Enforced: ~Copyable {
    var agent: Bench
    var gateway: Bench
    var handle: SAHandle
}

private func enforced(_ indices: [UInt32], _ table: RuleTable = rules) throws -> Enforced {
    var child = ChildPair()
    child.rules = indices
    var agent = try Bench()
    var gateway = try Bench(rules: table)
    try agent.install(child.agent)
    let handle = try gateway.install(child.gateway)
    return Enforced(agent: agent, gateway: gateway, handle: handle)
}

private let pull = ipPacket("10.99.0.7", "10.20.0.3", ipProtocol: 6, payload: tcp(4000, 443))
private let lookUp = ipPacket("10.99.0.7", "10.20.0.53", payload: udp(4000, 53))
private let login = ipPacket("10.99.0.7", "10.20.0.3", ipProtocol: 6, payload: tcp(4000, 22))

@Test func onlyWhatTheSessionsRulesAllowComesThrough() throws {
    var pair = try enforced([0, 1])
    let other = ipPacket("10.99.0.7", "10.20.0.99")
    let passed = pair.gateway.fromNetwork(pair.agent.fromTUN([pull, lookUp, login, other, pull]))
    #expect(passed == [pull, lookUp, pull])
    #expect(pair.gateway.drops(.inboundRules) == 2)
    #expect(pair.handle.snapshot.policyDrops == 2)
    let counts = (0..<3).map { pair.gateway.ruleCounters.read($0 * 4) }
    #expect(counts == [2, 1, 0])
    #expect(pair.gateway.ruleCounters.read(1) == UInt64(2 * pull.count))
}

@Test func repliesPassByTheRuleOfTheirResource() throws {
    var pair = try enforced([0])
    let reply = ipPacket("10.20.0.3", "10.99.0.7", ipProtocol: 6, payload: tcp(443, 4000))
    let intrusion = ipPacket("10.20.0.3", "10.99.0.7", ipProtocol: 6, payload: tcp(22, 4000))
    let wire = pair.gateway.fromTUN([reply, intrusion])
    let arrived = pair.agent.fromNetwork(wire)
    #expect(arrived == [reply])
    #expect(pair.gateway.drops(.outboundRules) == 1)
    #expect(pair.gateway.ruleCounters.read(2) == 1)
}

@Test func sessionWithoutRulesPassesNothing() throws {
    var pair = try enforced([])
    let passed = pair.gateway.fromNetwork(pair.agent.fromTUN([pull, lookUp]))
    #expect(passed.isEmpty)
    #expect(pair.gateway.drops(.inboundRules) == 2)
}

@Test func laterFragmentsPassOnlyUnderRulesWithoutPorts() throws {
    var pair = try enforced([0, 2])
    let narrow = ipPacket("10.99.0.7", "10.20.0.3", ipProtocol: 6, payload: tcp(4000, 443), fragmentField: 3)
    let wide = ipPacket("10.99.0.7", "10.20.0.99", ipProtocol: 6, payload: tcp(4000, 443), fragmentField: 3)
    let passed = pair.gateway.fromNetwork(pair.agent.fromTUN([narrow, wide]))
    #expect(passed == [wide])
    #expect(pair.gateway.drops(.fragmentPorts) == 1)
}

@Test func replacedRulesApplyToLivingSAsAndKeepTheirCounters() throws {
    var pair = try enforced([0])
    _ = pair.gateway.fromNetwork(pair.agent.fromTUN([pull]))
    let table = RuleTable([
        PacketRule(index: 0, name: "registry", line: 1, destinations: [selector("10.20.0.0/28", 6, 22)])
    ])
    let compiled = RuleBox(UserspaceDataplane.compile([0], table))
    pair.gateway.path.apply(.setRules([(handle: pair.handle, rules: compiled)]))
    let passed = pair.gateway.fromNetwork(pair.agent.fromTUN([pull, login]))
    #expect(passed == [login])
    #expect(pair.gateway.ruleCounters.read(0) == 2)
}

@Test func errorsAboutAllowedPacketsPassBothWays() throws {
    var pair = try enforced([0])
    // A router behind the gateway says that a reply's segment is too long: about `pull`, to its sender.
    let about = [3, 4, 0, 0, 0, 0, 5, 0] + pull.prefix(28)
    let toAgent = ipPacket("10.1.1.1", "10.99.0.7", ipProtocol: 1, payload: about)
    let unrelated = ipPacket(
        "10.1.1.1",
        "10.99.0.7",
        ipProtocol: 1,
        payload: [3, 4, 0, 0, 0, 0, 5, 0] + login.prefix(28)
    )
    let wire = pair.gateway.fromTUN([toAgent, unrelated])
    #expect(wire.count == 1)
    // The agent's own selectors do not hold 10.1.1.1 as a source, but it is inside the tunnel's far side only by address.
    let reply = ipPacket("10.20.0.3", "10.99.0.7", ipProtocol: 6, payload: tcp(443, 4000))
    let refusal = ipPacket(
        "10.99.0.7",
        "10.20.0.3",
        ipProtocol: 1,
        payload: [3, 3, 0, 0, 0, 0, 0, 0] + reply.prefix(28)
    )
    let passed = pair.gateway.fromNetwork(pair.agent.fromTUN([refusal]))
    #expect(passed == [refusal])
    let forged = ipPacket(
        "10.99.0.7",
        "10.20.0.99",
        ipProtocol: 1,
        payload: [3, 3, 0, 0, 0, 0, 0, 0] + reply.prefix(28)
    )
    let refused = pair.gateway.fromNetwork(pair.agent.fromTUN([forged]))
    #expect(refused.isEmpty)
}
