import AdminAPI
import ConfigFile
import IKEv2
import IPsecTypes
import RuntimeDoubles
import Synchronization
import Testing

@testable import Agent
@testable import Runtime

/// Renewed files are read at reauthentication and when asked to.
@Suite(.serialized) struct CredentialTests {
    private static let source = AgentConnection(
        name: "branch",
        gateway: nil,
        credentials: .presharedKey(path: "/nowhere")
    )

    /// A fixture whose files are what `files` gives at the time.
    private func fixture(
        _ files: @escaping @Sendable () -> Result<LoadedConnection, CulvertError>
    ) throws -> AgentFixture {
        let slot = ShardSlot()
        let agent = try AgentFixture(reload: { _, done in
            slot.value?.post { core, delegate in
                if let controller = delegate as? AgentController { done(controller, core, files()) }
            }
        })
        slot.set(agent.shard)
        return agent
    }

    private func connection(_ agent: AgentFixture) -> LoadedConnection {
        var connection = agent.connection()
        connection.source = Self.source
        return connection
    }

    @Test func aReauthenticationTakesTheFilesAsTheyAreNow() async throws {
        let reads = Mutex(0)
        let fresh = Mutex<LoadedConnection?>(nil)
        let agent = try fixture {
            reads.withLock { $0 += 1 }
            return fresh.withLock { $0 }.map { .success($0) } ?? .failure(CulvertError(.missingFile))
        }
        var next = connection(agent)
        next.gateway = "renewed.example.com"
        fresh.withLock { [next] in $0 = next }
        #expect(try await agent.up(connection(agent))?.state == .up)
        let first = try #require(agent.current)
        _ = try await agent.controller { controller, core in controller.reauthenticate(first, core) }
        #expect(try await eventually { agent.current.map { $0 != first } ?? false })
        #expect(reads.withLock { $0 } == 1)
        let gateway = try await agent.controller { controller, _ in controller.tunnels["branch"]?.connection.gateway }
        #expect(gateway == "renewed.example.com")
        try await agent.stop()
    }

    @Test func filesThatCannotBeUsedChangeNothing() async throws {
        let agent = try fixture { .failure(CulvertError(.keyUnusable, "half renewed")) }
        #expect(try await agent.up(connection(agent))?.state == .up)
        let first = try #require(agent.current)
        _ = try await agent.controller { controller, core in controller.reloadCredentials(core) }
        _ = try await agent.controller { _, _ in }
        #expect(agent.current == first)
        // The authentication is repeated all the same.
        _ = try await agent.controller { controller, core in controller.reauthenticate(first, core) }
        #expect(try await eventually { agent.current.map { $0 != first } ?? false })
        try await agent.stop()
    }

    @Test func aReloadAuthenticatesAnewOnlyWhatChanged() async throws {
        let fresh = Mutex<LoadedConnection?>(nil)
        let agent = try fixture { fresh.withLock { $0 }.map { .success($0) } ?? .failure(CulvertError(.missingFile)) }
        let same = connection(agent)
        fresh.withLock { $0 = same }
        #expect(try await agent.up(same)?.state == .up)
        let first = try #require(agent.current)
        _ = try await agent.controller { controller, core in controller.reloadCredentials(core) }
        _ = try await agent.controller { _, _ in }
        #expect(agent.current == first)
        // Other credentials: here the gateway must prove itself otherwise, which it cannot, so that the old tunnel goes on.
        var other = same
        other.configuration.remoteAuthentication = .certificate(authorityKeyHashes: [])
        fresh.withLock { [other] in $0 = other }
        // A refused attempt is soon forgotten; that it was made shows in what was sent.
        let before = try #require(try await agent.controller { _, core in core.statistics.sent })
        _ = try await agent.controller { controller, core in controller.reloadCredentials(core) }
        #expect(
            try await eventually { agent.shard.call { core, _ in core.statistics.sent }.map { $0 > before } ?? false }
        )
        #expect(agent.current == first)
        try await agent.stop()
    }
}

extension AgentFixture {
    /// The IKE SA that carries traffic.
    fileprivate var current: IKESAID? {
        shard.call { _, delegate in (delegate as? AgentController)?.ikeSA(nil)?.1 } ?? nil
    }
}
