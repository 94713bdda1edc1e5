import ConfigFile
import IKEMessage
import IKEv2
import IPsecTypes
import RuntimeDoubles
import Synchronization
import Testing

@testable import Gateway
@testable import Runtime

/// Peers that policy allows transport mode.
@Suite(.serialized) struct TransportTests {
    private func gateway(_ mode: String) async throws -> GatewayFixture {
        let policy = """
            version: 1
            resources:
              here: {address: \(gatewayAddress), ports: [tcp/443]}
            peers:
              - name: branch
                id: fqdn:branch.example.com
                psk_file: branch.psk
                allow: [here]
                \(mode)
            """
        let (directory, configuration) = try await GatewayFixture.files(TestAuthority(), policy: policy)
        try directory.write(sharedKey + "\n", to: "branch.psk")
        return try GatewayFixture(TestAuthority(), directory, configuration)
    }

    @Test func itsPacketsAreLedIntoTheTunnelAsFarAsPolicyGoes() async throws {
        let gateway = try await gateway("mode: transport")
        let client = try gateway.client(.fqdn("branch.example.com"), key: sharedKey)
        var connection = client.connection
        connection.requestedAddresses = []
        connection.children[0].localSelectors = []
        connection.children[0].remoteSelectors = []
        connection.children[0].mode = .transport
        client.node.initiate(connection, to: gatewayAddress)
        #expect(try await eventually { client.node.reports.contains { $0.child?.mode == .transport } })
        #expect(try await eventually { gateway.site.flows.withLock { $0.count } == 1 })
        let flow = try #require(gateway.site.flows.withLock { $0.first })
        #expect(flow.local == gatewayAddress && flow.ipProtocol == 6 && flow.localPorts == PortRange(443))
        #expect(gateway.site.routes.withLock { $0.isEmpty }, "no route of the main table")
        try await client.stop()
        #expect(try await eventually { gateway.site.flows.withLock { $0.isEmpty } })
        try await gateway.stop()
    }
}
