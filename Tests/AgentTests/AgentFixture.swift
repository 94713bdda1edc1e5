import AdminAPI
import Foundation
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import RuntimeDoubles
import Synchronization

@testable import Agent
@testable import Netlink
@testable import Runtime

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
let gatewayAddress = IPAddress.v4(0xc000_0201)
let agentAddress = IPAddress.v4(0xc633_6401)
private let key = KeyID("branch")
private let secret = SecretBytes("3b0d5e4a9c7f1628e4d09ab57c3f6e1d".utf8)

func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("not a prefix: \(text)") }
    return prefix
}

/// The agent's interface, remembered, on a host with networks of its own.
final class MemoryInterface: AgentInterface, Sendable {
    struct State {
        var addresses: [IPAddress] = []
        var routes: [IPPrefix] = []
        var flows: [ProtectedFlow] = []
        var local: [IPPrefix] = []
        var hasRoute = true
        var address = agentAddress
    }
    let state = Mutex(State())

    func source(towards remote: IPAddress) -> IPAddress? { state.withLock { $0.hasRoute ? $0.address : nil } }
    func localAddresses() -> [IPAddress] { state.withLock { $0.hasRoute ? [$0.address] : [] } }
    func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap? {
        state.withLock { $0.local }.first { $0.length <= prefix.length && $0.contains(prefix.address) }
            .map { LocalNetworks.Overlap(prefix: prefix, network: $0, interface: "eth9", isAddress: true) }
    }
    func add(_ address: IPAddress) throws(IOFailure) { state.withLock { $0.addresses.append(address) } }
    func remove(_ address: IPAddress) { state.withLock { $0.addresses.removeAll { $0 == address } } }
    func addRoute(_ prefix: IPPrefix, from source: IPAddress?) throws(IOFailure) {
        state.withLock { $0.routes.append(prefix) }
    }
    func removeRoute(_ prefix: IPPrefix) { state.withLock { $0.routes.removeAll { $0 == prefix } } }

    func protect(_ flow: ProtectedFlow) throws(IOFailure) { state.withLock { $0.flows.append(flow) } }
    func release(_ flow: ProtectedFlow) { state.withLock { $0.flows.removeAll { $0 == flow } } }
    func tearDown() {}

    var flows: [ProtectedFlow] { state.withLock { $0.flows } }
    var addresses: [IPAddress] { state.withLock { $0.addresses } }
    var routes: [IPPrefix] { state.withLock { $0.routes } }
    var isEmpty: Bool { state.withLock { $0.addresses.isEmpty && $0.routes.isEmpty } }
}

/// An agent and a gateway that grants what it is told, over a network in memory.
final class AgentFixture: Sendable {
    let interface = MemoryInterface()
    let network = MemoryNetwork()
    let gateway: TestShard
    let shard: ControlShard
    let dataplane: MemoryDataplane

    init(
        addresses: [IPAddress] = [.v4(0x0a63_0002)],
        grants: [String] = ["10.20.0.0/16"],
        refuses: Bool = false,
        mode: ChildSAParameters.Mode = .tunnel,
        reload: AgentController.Reload? = nil
    ) throws {
        let crypto = StandardCryptoProvider()
        let nobody = CertificateAuthenticator(crypto: crypto, trust: [:], registry: PeerRegistry())
        let everything = IPAddress.Family.allCases.map { TrafficSelector.everything($0) }
        var grant = AuthorizationGrant(
            owner: ChildSAOwner(),
            addresses: addresses,
            localSelectors: grants.map { TrafficSelector(prefix($0)) }
        )
        grant.mode = mode
        let granted = grant
        gateway = try TestShard(
            at: gatewayAddress,
            on: network,
            connections: [
                ConnectionConfiguration(
                    name: "agents",
                    localIdentity: .fqdn("vpn.example.com"),
                    remoteIdentity: .oneOf([.fqdn("agent.example.com")]),
                    localAuthentication: .preSharedKey(key),
                    remoteAuthentication: .preSharedKey(key),
                    children: [ChildConfiguration(name: "c", localSelectors: everything, remoteSelectors: everything)]
                )
            ],
            oracle: LocalKeyOracle(crypto: crypto, preSharedKeys: [key: secret]),
            authenticator: nobody
        ) { _ in refuses ? .deny(reason: "no", .authenticationFailed) : .allow(granted) }
        let dataplane = try MemoryDataplane()
        self.dataplane = dataplane
        network.attach(dataplane, at: agentAddress)
        let parts = AgentController.Parts(
            name: "agent",
            addsRoutes: true,
            localPort: 500,
            crypto: crypto,
            registry: PeerRegistry(),
            audit: nil,
            logger: silent,
            reload: reload
        )
        let interface = interface
        shard = try ControlShard(
            TestShard.parts(IKEConfiguration(connections: []), LocalKeyOracle(crypto: crypto), nobody),
            dataplane: dataplane
        ) { AgentController(parts, interface: interface) }
    }

    func connection(
        isKept: Bool = false,
        wantsEverything: Bool = false,
        giveUp: Duration = .seconds(20),
        remotes: [IPAddress] = [gatewayAddress]
    ) -> LoadedConnection {
        var timing = ConnectionTiming()
        timing.retransmitInitial = .milliseconds(50)
        timing.giveUp = giveUp
        let configuration = ConnectionConfiguration(
            name: "branch",
            localIdentity: .fqdn("agent.example.com"),
            remoteIdentity: .oneOf([.fqdn("vpn.example.com")]),
            localAuthentication: .preSharedKey(key),
            remoteAuthentication: .preSharedKey(key),
            children: [
                ChildConfiguration(
                    name: "default",
                    remoteSelectors: IPAddress.Family.allCases.map { TrafficSelector.everything($0) }
                )
            ],
            requestedAddresses: [.v4],
            timing: timing
        )
        return LoadedConnection(
            name: "branch",
            gateway: "vpn.example.com",
            remotes: remotes.map { Endpoint($0, port: 500) },
            configuration: configuration,
            preSharedKey: secret,
            isKept: isKept,
            wantsEverything: wantsEverything
        )
    }

    /// A connection in transport mode.
    func transport(blocks: Bool = true, isKept: Bool = false, giveUp: Duration = .seconds(20)) -> LoadedConnection {
        var loaded = connection(isKept: isKept, giveUp: giveUp)
        loaded.configuration.requestedAddresses = []
        loaded.configuration.children[0].remoteSelectors = []
        loaded.configuration.children[0].mode = .transport
        loaded.mode = .transport
        loaded.blocksWhenDown = blocks
        return loaded
    }

    /// Asks for the tunnel and waits for the answer.
    func up(_ connection: LoadedConnection, _ arguments: UpArguments = UpArguments()) async throws -> AgentTunnelStatus?
    {
        let box = Waiting<AgentTunnelStatus>()
        shard.post { core, delegate in
            (delegate as? AgentController)?.up(connection, arguments: arguments, shard: core) { box.finish($0) }
        }
        return try await blocking { box.wait(seconds: 10) }
    }

    func controller<Value: Sendable>(
        _ body: @escaping @Sendable (AgentController, ShardCore) -> Value
    ) async throws -> Value? {
        try await blocking { [shard] in
            shard.call { core, delegate in (delegate as? AgentController).map { body($0, core) } } ?? nil
        }
    }

    func state() async throws -> AgentTunnelStatus? {
        try await controller { controller, core in controller.statuses(core).first } ?? nil
    }

    func stop() async throws {
        try await blocking { [shard, gateway] in
            shard.shutDown(grace: 1)
            gateway.stop()
        }
    }
}
