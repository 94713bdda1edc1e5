import AuditLog
import ConfigFile
import Foundation
import IKECrypto
import IKEv2
import IPsecTypes
import PKI
import RuntimeDoubles
import Sessions
import Testing

@testable import Gateway
@testable import Runtime

@Suite(.serialized) struct ReloadTests {
    private func reload(_ gateway: GatewayFixture, policy: String) async throws {
        try gateway.directory.write(policy, to: "policy.yaml")
        let configuration = gateway.configuration
        let crypto = StandardCryptoProvider()
        let registry = gateway.registry
        _ = try await gateway.controller { controller, core in
            guard
                let loaded = try? LoadedGateway.load(
                    configuration,
                    previous: controller.loaded.policy,
                    available: AlgorithmSelfTest.run()
                )
            else {
                Issue.record("the new policy is not accepted")
                return
            }
            controller.apply(
                loaded,
                shard: core,
                oracle: loaded.oracle(crypto),
                authenticator: loaded.authenticator(crypto, registry) { RevokedSerials() }
            )
        }
    }

    @Test func unchangedTunnelsStayChangedAndDeniedOnesEnd() async throws {
        let gateway = try await GatewayFixture()
        let names = ["runner1", "runner3", "runner4"]
        var clients: [TestClient] = []
        for name in names {
            let client = try gateway.client(try await gateway.authority.agent(name))
            #expect(try await client.connect()?.child != nil)
            clients.append(client)
        }
        let before = clients[0].node.established.first?.children.map(\.inboundSPI)
        // runner1 as before, though the file around it changed; runner3 gets more; runner4 nothing.
        let policy = GatewayFixture.registryPolicy
            .replacingOccurrences(of: "[runner3, runner4]", with: "runner3")
            .replacingOccurrences(of: "allow: [storage]", with: "allow: [storage, registry]")
        try await reload(gateway, policy: "# A comment.\n" + policy)
        #expect(try await clients[1].closed() == .deletedByPeer)
        #expect(try await clients[2].closed() == .deletedByPeer)
        // The trail is written by a thread of its own.
        let ended = { @Sendable in (try? gateway.auditRecords().filter { $0.event == .sessionEnd }) ?? [] }
        _ = try await eventually { ended().count == 2 }
        let ends = ended()
        #expect(Set(ends.compactMap(\.reason)) == [SessionEnd.policyChanged.rawValue])
        #expect(Set(ends.compactMap(\.name)) == ["runner3", "runner4"])
        #expect(clients[0].node.established.first?.children.map(\.inboundSPI) == before)
        #expect(try await gateway.record(.policyReload) != nil)
        // It comes back and gets the new grant.
        let again = try gateway.client(try await gateway.authority.agent("runner3"))
        #expect(try await again.connect()?.child?.remoteSelectors.count == 2)
        for client in clients + [again] { try await client.stop() }
        try await gateway.stop()
    }

    @Test func whatOnlyARestartCanChangeIsNamed() {
        let old = GatewayConfiguration()
        var new = old
        new.listen.ikePort = 1500
        new.network.mtu = 1400
        new.files.ca = "/elsewhere"
        new.logLevel = .debug
        new.limits.sessions = 7
        #expect(GatewayDaemon.restartOnly(old, new) == ["listen", "network.mtu", "files.ca", "log_level"])
        #expect(GatewayDaemon.restartOnly(old, old).isEmpty)
    }
}

@Suite struct LoadedGatewayTests {
    private func load(
        policy: String = GatewayFixture.registryPolicy,
        _ spoil: (TestDirectory, inout GatewayConfiguration) throws -> Void
    ) async throws -> CulvertError? {
        let (directory, made) = try await GatewayFixture.files(TestAuthority(), policy: policy)
        var configuration = made
        try spoil(directory, &configuration)
        do throws(CulvertError) {
            _ = try LoadedGateway.load(configuration, available: AlgorithmSelfTest.run())
            return nil
        } catch {
            return error
        }
    }

    @Test func aWholeConfigurationLoads() async throws {
        #expect(try await load { _, _ in } == nil)
    }

    @Test func everyMissingFileIsNamed() async throws {
        let spoilt: [(inout GatewayConfiguration) -> Void] = [
            { $0.identity.certificate = "/nonexistent/x" }, { $0.identity.key = "/nonexistent/x" },
            { $0.identity.authorities = "/nonexistent/x" }, { $0.files.policy = "/nonexistent/x" },
        ]
        for spoil in spoilt {
            let error = try await load { _, configuration in spoil(&configuration) }
            #expect(error?.code == .missingFile && error?.message.contains("/nonexistent/x") == true)
        }
    }

    @Test func everyBadFileIsNamedWithWhatIsWrong() async throws {
        let garbage = "no PEM at all"
        var error = try await load { directory, _ in try directory.write(garbage, to: "gateway.crt") }
        #expect(error?.code == .badCertificateFile && error?.message.contains("gateway.crt") == true)
        error = try await load { directory, _ in try directory.write(garbage, to: "ca.crt") }
        #expect(error?.code == .badCertificateFile && error?.message.contains("ca.crt") == true)
        error = try await load { directory, _ in try directory.write(garbage, to: "gateway.key") }
        #expect(error?.code == .keyUnusable && error?.message.contains("gateway.key") == true)
        let other = try await TestAuthority().gateway()
        error = try await load { directory, _ in try directory.write(other.keyPEM, to: "gateway.key") }
        #expect(error?.code == .keyUnusable && error?.message.contains("is not the key of") == true)
        error = try await load { directory, _ in try directory.write(other.certificatePEM, to: "ca.crt") }
        #expect(error?.code == .badCertificateFile)
    }

    @Test func keysThatOthersMayReadAreRefused() async throws {
        for mode in [0o640, 0o604, 0o620] {
            let error = try await load { directory, configuration in
                let text = try String(contentsOfFile: configuration.identity.key, encoding: .utf8)
                try directory.write(text, to: "gateway.key", mode: mode)
            }
            #expect(error?.code == .filePermissions && error?.message.contains("chmod 600") == true)
        }
        let link = try await load { directory, configuration in
            try FileManager.default.moveItem(atPath: configuration.identity.key, toPath: "\(directory.path)/real")
            try FileManager.default.createSymbolicLink(
                atPath: configuration.identity.key,
                withDestinationPath: "\(directory.path)/real"
            )
        }
        #expect(link?.code == .filePermissions)
    }

    @Test func problemsOfThePolicyHaveTheirPlace() async throws {
        var error = try await load(policy: "version: 1\nruels: []\n") { _, _ in }
        #expect(error?.code == .unknownKey && error?.message.contains("policy.yaml:2:1") == true)
        error = try await load(policy: "version: 1\nrules: [\n") { _, _ in }
        #expect(error?.code == .invalidYAML && error?.message.contains("policy.yaml:") == true)
        error = try await load(policy: "") { _, _ in }
        #expect(error?.code == .emptyFile)
        let tested = GatewayFixture.registryPolicy + "\ntests:\n  - as: {name: runner1}\n    deny: [registry]\n"
        error = try await load(policy: tested) { _, _ in }
        #expect(error?.code == .policyTestFailed && error?.message.contains("policy.yaml:") == true)
    }

    @Test func secretsAndAuthoritiesOfPeersAreChecked() async throws {
        func policy(_ proof: String) -> String {
            """
            version: 1
            resources:
              registry: {address: 10.20.0.0/28, ports: [any]}
            peers:
              - name: branch
                id: fqdn:branch.example.com
                \(proof)
                allow: [registry]
            """
        }
        var error = try await load(policy: policy("psk_file: branch.psk")) { _, _ in }
        #expect(error?.code == .missingFile && error?.message.contains("branch.psk") == true)
        error = try await load(policy: policy("psk_file: branch.psk")) { directory, _ in
            try directory.write("password", to: "branch.psk")
        }
        #expect(error?.code == .weakPSK && error?.message.contains("branch.psk") == true)
        error = try await load(policy: policy("psk_file: branch.psk")) { directory, _ in
            try directory.write("3b0d5e4a9c7f1628e4d09ab57c3f6e1d", to: "branch.psk", mode: 0o644)
        }
        #expect(error?.code == .filePermissions)
        error = try await load(policy: policy("authority: other.crt")) { _, _ in }
        #expect(error?.code == .missingFile && error?.message.contains("other.crt") == true)
        let two = try TestAuthority("a.example").rootPEM + TestAuthority("b.example").rootPEM
        error = try await load(policy: policy("authority: other.crt")) { directory, _ in
            try directory.write(two, to: "other.crt")
        }
        #expect(error?.code == .badCertificateFile && error?.message.contains("2 certificates") == true)
    }
}
