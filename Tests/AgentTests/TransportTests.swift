import AdminAPI
import IKEv2
import IPsecTypes
import RuntimeDoubles
import Testing

@testable import Agent
@testable import Runtime

/// What transport mode leads into the tunnel interface, and when it lets go of it.
@Suite(.serialized) struct TransportTests {
    private let flow = ProtectedFlow(local: agentAddress, remote: gatewayAddress)

    @Test func whatGoesToTheGatewayIsLedIntoTheTunnelAndReleasedWithIt() async throws {
        let agent = try AgentFixture(addresses: [], grants: ["192.0.2.1/32"], mode: .transport)
        let status = try #require(try await agent.up(agent.transport()))
        #expect(status.state == .up && status.tunnel?.children.first?.mode == "transport")
        #expect(agent.interface.flows == [flow] && agent.interface.isEmpty, "neither address nor route")
        _ = try await agent.controller { controller, core in controller.down(nil, shard: core) }
        #expect(agent.interface.flows.isEmpty)
        try await agent.stop()
    }

    @Test func nothingLeavesInClearWhileTheGatewayIsAway() async throws {
        let agent = try AgentFixture(addresses: [], grants: ["192.0.2.1/32"], refuses: true, mode: .transport)
        let status = try #require(try await agent.up(agent.transport(isKept: true)))
        #expect(status.state == .waiting)
        #expect(agent.interface.flows == [flow], "still held, while it is tried again")
        _ = try await agent.controller { controller, core in controller.down(nil, shard: core) }
        #expect(agent.interface.flows.isEmpty, "let go of, because the user said so")
        try await agent.stop()
    }

    @Test func whoLetsItLeaveInClearIsNotHeld() async throws {
        let agent = try AgentFixture(addresses: [], grants: ["192.0.2.1/32"], refuses: true, mode: .transport)
        let refused = try #require(try await agent.up(agent.transport(blocks: false)))
        #expect(refused.state == .failed && agent.interface.flows.isEmpty)
        let other = try AgentFixture(addresses: [], grants: ["192.0.2.1/32"], mode: .transport)
        #expect(try await other.up(other.transport(blocks: false))?.state == .up)
        #expect(other.interface.flows == [flow], "as long as the SA carries it")
        try await agent.stop()
        try await other.stop()
    }

    @Test func aGatewayThatGrantsNoTransportModeIsNamed() async throws {
        let agent = try AgentFixture(addresses: [], grants: ["192.0.2.1/32"])
        let status = try #require(try await agent.up(agent.transport()))
        #expect(status.state == .failed && status.lastError?.code == .selectorsRefused)
        try await agent.stop()
    }

    @Test func flowsAreWhatBothSelectorsHold() {
        let everything = TrafficSelector(addresses: IPRange(agentAddress))
        let web = TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: IPRange(gatewayAddress))
        var expected = flow
        expected.ipProtocol = 6
        expected.remotePorts = PortRange(443)
        #expect(ProtectedFlow.flows(local: [everything], remote: [web]) == [expected])
        let udp = TrafficSelector(ipProtocol: 17, addresses: IPRange(agentAddress))
        #expect(ProtectedFlow.flows(local: [udp], remote: [web]).isEmpty)
        // The kernel's rules name ports 1 to 65534; more is led into the tunnel rather than less.
        let high = TrafficSelector(
            ipProtocol: 6,
            ports: PortRange(1024, 65535) ?? .any,
            addresses: IPRange(gatewayAddress)
        )
        #expect(ProtectedFlow.flows(local: [everything], remote: [high]).first?.remotePorts == .any)
    }
}
