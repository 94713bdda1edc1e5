import IKEv2
import IPsecTypes
import Testing

@testable import Simulation

/// Crash and restart of a gateway whose file of secrets survives.
struct ReturnTests {
    @Test func aGatewayThatRestartedCallsItsAgentBackByATicket() {
        let pair = ScriptedPair(seed: 11)
        pair.connect()
        pair.run(for: .seconds(1))
        #expect(pair.saCounts == (1, 1))
        pair.reconnect()
        pair.restartGateway(after: .seconds(2))
        #expect(pair.saCounts == (1, 0))
        // The next liveness check gets the crash token.
        pair.run(for: .seconds(20))
        #expect(pair.saCounts == (1, 1))
        #expect(pair.statistics.crashesDetected == 1)
        #expect(pair.gateway.endpoint.statistics.resumed == 1)
        #expect(pair.findings.isEmpty, "\(pair.findings)")
    }
}
