import IKECrypto
import IKEv2
import IPsecTypes
import PacketIO
import Runtime
import Synchronization

/// A shard whose delegate remembers what is reported, allows what it is told to and is otherwise passive.
public final class TestShard: Sendable {
    /// What the delegate decides about peers.
    public typealias Decide = @Sendable (AuthorizationRequest) -> AuthorizationDecision

    /// The shard.
    public let shard: ControlShard
    /// Its data plane.
    public let dataplane: MemoryDataplane
    /// Where it is.
    public let address: IPAddress
    private let heard: Heard

    private final class Heard: Sendable {
        let reports = Mutex<[IKEReport]>([])
    }

    private final class Delegate: ShardDelegate {
        let heard: Heard
        let decide: Decide
        init(_ heard: Heard, _ decide: @escaping Decide) {
            self.heard = heard
            self.decide = decide
        }
        var nextDeadline: Instant? { nil }
        func authorize(_ request: AuthorizationRequest, now: Instant, wallClock: WallTime) -> AuthorizationDecision {
            decide(request)
        }
        func observe(_ report: IKEReport, shard: ShardCore) { heard.reports.withLock { $0.append(report) } }
        func handleTimeout(shard: ShardCore) {}
    }

    /// Starts a shard on a network.
    public init(
        at address: IPAddress,
        on network: MemoryNetwork,
        connections: [ConnectionConfiguration] = [],
        oracle: LocalKeyOracle,
        authenticator: CertificateAuthenticator,
        crypto: any CryptoProvider = StandardCryptoProvider(),
        decide: @escaping Decide = { _ in .deny(reason: "nobody", .noAdditionalSAs) }
    ) throws {
        let dataplane = try MemoryDataplane()
        network.attach(dataplane, at: address)
        let heard = Heard()
        self.address = address
        self.dataplane = dataplane
        self.heard = heard
        shard = try ControlShard(
            Self.parts(IKEConfiguration(connections: connections), oracle, authenticator, crypto: crypto),
            dataplane: dataplane
        ) { Delegate(heard, decide) }
    }

    /// What a shard is made of, with real cryptography.
    public static func parts(
        _ configuration: IKEConfiguration,
        _ oracle: any KeyOracle,
        _ authenticator: any PeerAuthenticator,
        crypto: any CryptoProvider = StandardCryptoProvider()
    ) -> ControlShard.Parts {
        var random = SystemRandom()
        return ControlShard.Parts(
            configuration: configuration,
            crypto: crypto,
            spis: SPIAllocator(node: 0, shard: 0, key: (random.next(), random.next()), start: random.next()),
            oracle: oracle,
            authenticator: authenticator,
            pool: BoundedPool(name: "test-work", threads: 1, limit: 256)
        )
    }

    /// Everything reported so far.
    public var reports: [IKEReport] { heard.reports.withLock { $0 } }

    /// The IKE SAs that stand.
    public var established: [IKESAStatus] {
        (shard.call { core, _ in core.statuses } ?? []).filter { $0.phase == .established }
    }

    /// Begins an IKE SA with a gateway.
    public func initiate(_ connection: ConnectionConfiguration, to gateway: IPAddress, asking: [IPAddress] = []) {
        let path = Path(transport: .udp500, local: Endpoint(address, port: 500), remote: Endpoint(gateway, port: 500))
        var initiation = Initiation(connection, path: path)
        initiation.formerAddresses = asking
        _ = shard.call { [initiation] core, _ in core.perform(.begin(initiation)) }
    }

    /// Ends everything.
    public func stop() { shard.shutDown(grace: 1) }
}
