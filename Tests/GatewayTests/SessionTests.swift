import AdminAPI
import AuditLog
import ConfigFile
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import PacketIO
import Policy
import RuntimeDoubles
import Sessions
import Synchronization
import Testing

@testable import Gateway
@testable import Runtime

let sharedKey = "3b0d5e4a9c7f1628e4d09ab57c3f6e1d"

@Suite(.serialized) struct SessionTests {
    @Test func anAgentOfOurOwnAuthorityGetsWhatItsNameIsGranted() async throws {
        let gateway = try await GatewayFixture()
        let client = try gateway.client(try await gateway.authority.agent("runner1"))
        let child = try #require(try await client.connect()?.child)
        #expect(child.remoteSelectors.map(\.description) == ["10.20.0.0/28[tcp/443]"])
        #expect(child.localSelectors.map(\.description) == ["10.99.0.2/32"])
        let start = try #require(try await gateway.record(.sessionStart))
        #expect(start.name == "runner1" && start.claimedID == nil)
        #expect(start.peerID?.hasSuffix(".jobs.example.com") == true || start.peerID != nil)
        #expect(start.rule == "builders (policy.yaml:6)" && start.resources == ["registry"])
        #expect(start.serial != nil && start.session == "session-1")
        let installed = try #require(gateway.dataplane.installed.values.first)
        #expect(installed.parameters.owner.session == "session-1" && installed.sends)
        // What it was carried is told when it ends.
        let spi = installed.parameters.inboundSPI
        var counters = SACounters()
        (counters.inboundBytes, counters.outboundBytes) = (1234, 5678)
        gateway.dataplane.set(counters, of: spi)
        try await client.stop()
        let end = try #require(try await gateway.record(.sessionEnd))
        #expect(end.bytesIn == 1234 && end.bytesOut == 5678 && end.reason == CloseReason.deletedByPeer.word)
        #expect(try await gateway.record(.childDown)?.bytesIn == 1234)
        #expect(gateway.dataplane.installed.isEmpty)
        try await gateway.stop()
    }

    @Test func anUnknownAgentIsRefusedWithTheClosestRuleOnOurSideOnly() async throws {
        let gateway = try await GatewayFixture()
        let client = try gateway.client(try await gateway.authority.agent("runner2"))
        #expect(try await client.connect()?.refusal == .peerRefused(.authenticationFailed))
        let record = try #require(try await gateway.record(.sessionRefused))
        #expect(record.code == .noRuleMatches && record.reason?.contains("builders") == true)
        #expect(record.peerID != nil && record.serial != nil)
        let failures = try await gateway.controller { controller, _ in controller.failures }
        #expect(failures?.first?.error.details.contains { $0.label == "closest" } == true)
        #expect(try await gateway.controller { controller, _ in controller.sessions.count } == 0)
        try await client.stop()
        try await gateway.stop()
    }

    @Test func aForeignAuthoritysCertificateIsRefusedAsClaimedNotProved() async throws {
        let gateway = try await GatewayFixture()
        let client = try gateway.client(try await TestAuthority().agent("runner1"))
        #expect(try await client.connect()?.refusal == .peerRefused(.authenticationFailed))
        let record = try #require(try await gateway.record(.authenticationFailed))
        #expect(record.code == .untrustedIssuer && record.claimedID != nil && record.peerID == nil)
        try await client.stop()
        try await gateway.stop()
    }

    @Test func aPeerWithAPreSharedKeyGetsItsEntry() async throws {
        let policy = """
            version: 1
            resources:
              registry: {address: 10.20.0.0/28, ports: [tcp/443]}
            peers:
              - name: branch
                id: fqdn:branch.example.com
                psk_file: branch.psk
                allow: [registry]
                remote: [10.77.0.0/16]
            """
        let (directory, configuration) = try await GatewayFixture.files(TestAuthority(), policy: policy)
        try directory.write(sharedKey + "\n", to: "branch.psk")
        let gateway = try GatewayFixture(TestAuthority(), directory, configuration)
        let wrong = try gateway.client(.fqdn("branch.example.com"), key: String(sharedKey.reversed()))
        #expect(try await wrong.connect()?.refusal == .peerRefused(.authenticationFailed))
        #expect(try await gateway.record(.authenticationFailed)?.code == .pskMismatch)
        let right = try gateway.client(.fqdn("branch.example.com"), key: sharedKey)
        // It asks for an address, and its entry gives it none: the IKE SA stands without a child.
        #expect(try await right.connect()?.refusal != nil)
        var connection = right.connection
        connection.requestedAddresses = []
        connection.children[0].localSelectors = [TrafficSelector(try #require(IPPrefix("10.77.0.0/16")))]
        let site = try gateway.client(.fqdn("branch.example.com"), key: sharedKey)
        site.node.initiate(connection, to: gatewayAddress)
        #expect(try await eventually { site.node.reports.contains { $0.child != nil } })
        #expect(try await eventually { gateway.site.routes.withLock { $0 }.map(\.description) == ["10.77.0.0/16"] })
        let start = try await gateway.record(.sessionStart) { $0.rule?.hasPrefix("peer branch") == true }
        #expect(start?.peerID?.contains("branch.example.com") == true)
        try await site.stop()
        #expect(try await eventually { gateway.site.routes.withLock { $0 }.isEmpty })
        for client in [wrong, right] { try await client.stop() }
        try await gateway.stop()
    }

    @Test func anEntryRefusesItsIdentityWhenItIsProvedInAnotherWay() async throws {
        let authority = try TestAuthority()
        let credentials = try await authority.agent("runner1")
        let name = try #require(try ParsedCertificate(der: credentials.chain[0]).names.dns.first)
        let policy =
            GatewayFixture.registryPolicy + """

                peers:
                  - name: branch
                    id: fqdn:\(name)
                    psk_file: branch.psk
                    allow: [registry]
                """
        let (directory, configuration) = try await GatewayFixture.files(authority, policy: policy)
        try directory.write(sharedKey, to: "branch.psk")
        let gateway = try GatewayFixture(authority, directory, configuration)
        let client = try gateway.client(credentials)
        #expect(try await client.connect()?.refusal == .peerRefused(.authenticationFailed))
        #expect(try await gateway.record(.sessionRefused)?.code == .peerAuthentication)
        try await client.stop()
        try await gateway.stop()
    }

    @Test func apeerKnownByItsSubjectDoesNotStandInTheWayOfAgents() async throws {
        let other = try TestAuthority("other.example")
        let authority = try TestAuthority()
        let policy =
            GatewayFixture.registryPolicy + """

                peers:
                  - name: router
                    id: "dn:CN=router"
                    authority: other.crt
                    allow: [registry]
                  - name: switch
                    id: "dn:CN=switch"
                    authority: own
                    allow: [registry]
                """
        let (directory, configuration) = try await GatewayFixture.files(authority, policy: policy)
        try directory.write(other.rootPEM, to: "other.crt")
        let gateway = try GatewayFixture(authority, directory, configuration)
        let client = try gateway.client(try await authority.agent("runner1"))
        #expect(try await client.connect()?.child != nil)
        try await client.stop()
        try await gateway.stop()
    }

    @Test func aSignatureSchemeThatAnEntryDoesNotListIsRefused() async throws {
        let authority = try TestAuthority()
        let credentials = try await authority.agent("runner1")
        let name = try #require(try ParsedCertificate(der: credentials.chain[0]).names.dns.first)
        let policy = """
            version: 1
            resources:
              registry: {address: 10.20.0.0/28, ports: [any]}
            peers:
              - name: old
                id: fqdn:\(name)
                authority: own
                signatures: [rsa-pss]
                allow: [registry]
            """
        let gateway = try await GatewayFixture(policy: policy, authority: authority)
        let client = try gateway.client(credentials)
        #expect(try await client.connect()?.refusal == .peerRefused(.authenticationFailed))
        let record = try #require(try await gateway.record(.authenticationFailed))
        #expect(record.code == .methodRefused && record.reason?.contains("ecdsa") == true)
        try await client.stop()
        try await gateway.stop()
    }

    @Test func anExhaustedPoolCostsTheChildAndThenTheIdleIKESA() async throws {
        let gateway = try await GatewayFixture {
            $0.network.pools = [IPPrefix("10.99.0.0/30")].compactMap { $0 }
            $0.ike.halfOpenLife = .seconds(2)
        }
        let first = try gateway.client(try await gateway.authority.agent("runner1"))
        #expect(try await first.connect()?.child != nil)
        let second = try gateway.client(try await gateway.authority.agent("runner3"))
        #expect(try await second.connect()?.refusal == .peerRefused(.internalAddressFailure))
        let record = try #require(try await gateway.record(.sessionRefused))
        #expect(record.code == .poolExhausted)
        #expect(try await second.closed() == .deletedByPeer, "nothing came of it")
        #expect(try await gateway.controller { controller, _ in controller.withoutSession.isEmpty } == true)
        #expect(try gateway.auditRecords().count { $0.event == .sessionStart } == 1)
        #expect(try gateway.auditRecords().count { $0.event == .childRefused } == 0, "one refusal, one record")
        for client in [first, second] { try await client.stop() }
        try await gateway.stop()
    }

    @Test func theNewerSessionOfAnIdentityReplacesTheOlder() async throws {
        let gateway = try await GatewayFixture()
        let credentials = try await gateway.authority.agent("runner1")
        let older = try gateway.client(credentials)
        #expect(try await older.connect()?.child != nil)
        let newer = try gateway.client(credentials)
        #expect(try await newer.connect()?.child != nil)
        // The newer one says that it has no other (INITIAL_CONTACT), so nobody is told of the older one's end.
        let end = try await gateway.record(.sessionEnd)
        #expect(end?.session == "session-1" && end?.reason == SessionEnd.replaced.rawValue)
        let sessions = try await gateway.controller { controller, _ in controller.sessions.all.map(\.id) }
        #expect(sessions == ["session-2"])
        #expect(gateway.dataplane.installed.values.map(\.parameters.owner.session) == ["session-2"])
        #expect(try await gateway.controller { controller, _ in controller.ended.isEmpty } == true)
        for client in [older, newer] { try await client.stop() }
        try await gateway.stop()
    }

    @Test func aRevokedCertificateLosesItsTunnelAndOthersKeepTheirs() async throws {
        let gateway = try await GatewayFixture()
        let revoked = try gateway.client(try await gateway.authority.agent("runner1"))
        let other = try gateway.client(try await gateway.authority.agent("runner3"))
        #expect(try await revoked.connect()?.child != nil)
        #expect(try await other.connect()?.child != nil)
        let serial = try #require(try await gateway.record(.sessionStart) { $0.name == "runner1" }?.serial)
        _ = try await gateway.controller { controller, core in controller.revoke([serial], shard: core) }
        #expect(try await revoked.closed() == .deletedByPeer)
        #expect(try await gateway.record(.sessionEnd)?.reason == SessionEnd.revoked.rawValue)
        #expect(other.node.established.count == 1)
        for client in [revoked, other] { try await client.stop() }
        try await gateway.stop()
    }

    @Test func aLeaseIsRenewedWhileThePeerIsThereAndEndsWithItOtherwise() async throws {
        let gateway = try await GatewayFixture()
        let client = try gateway.client(try await gateway.authority.agent("runner1"))
        #expect(try await client.connect()?.child != nil)
        // Forty seconds pass: the lease of sixty has less than half left.
        let renewed = try await gateway.controller { controller, core -> Duration? in
            guard let id = controller.sessions.all.first?.id else { return nil }
            _ = controller.sessions.renew(id, now: core.now - .seconds(40))
            controller.nextRenewal = core.now
            controller.handleTimeout(shard: core)
            return controller.sessions[id]?.leaseEnds.map { $0 - core.now }
        }
        #expect(try #require(renewed ?? nil) > .seconds(55))
        #expect(try await gateway.record(.leaseRenewed)?.name == "runner1")
        _ = try await gateway.controller { controller, core in
            guard let id = controller.sessions.all.first?.id else { return }
            _ = controller.sessions.renew(id, now: core.now - .seconds(61))
            controller.handleTimeout(shard: core)
        }
        #expect(try await client.closed() == .deletedByPeer)
        #expect(try await gateway.record(.sessionEnd)?.reason == SessionEnd.leaseEnded.rawValue)
        try await client.stop()
        try await gateway.stop()
    }

    @Test func stoppingDeletesEveryTunnelWithinTheGrace() async throws {
        let gateway = try await GatewayFixture()
        let client = try gateway.client(try await gateway.authority.agent("runner1"))
        #expect(try await client.connect()?.child != nil)
        let begun = SystemClock.now
        try await gateway.stop()
        #expect(SystemClock.now - begun < .milliseconds(900), "an answered Delete is not waited for longer")
        #expect(try await client.closed() == .deletedByPeer)
        try await client.stop()
    }
}

@Suite struct FailureBudgetTests {
    @Test func failuresBeyondTheRateAreCountedAndToldOnce() {
        var budget = FailureBudget()
        let start = Instant(nanoseconds: 0)
        let taken = (0..<1000).count { _ in budget.takes(now: start) }
        #expect(taken == FailureBudget.burst)
        #expect(budget.summary(now: start) == nil)
        let due = start + FailureBudget.summaryInterval
        #expect(budget.nextSummary == due)
        #expect(budget.summary(now: due) == UInt64(1000 - FailureBudget.burst))
        #expect(budget.nextSummary == nil && budget.summary(now: due) == nil)
        #expect((0..<1000).count { _ in budget.takes(now: due) } == 10 * FailureBudget.perSecond)
    }
}
