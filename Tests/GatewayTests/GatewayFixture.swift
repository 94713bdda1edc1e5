import AuditLog
import CertificateAuthority
import ConfigFile
import Crypto
import CryptoDoubles
import Foundation
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import LegacyDigests
import Logging
import Netlink
import PKI
import PacketIO
import Policy
import RuntimeDoubles
import Store
import Synchronization

@testable import Gateway
@testable import Runtime

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
let gatewayAddress = IPAddress.v4(0xc000_0201)

/// Routes to sites, remembered.
final class MemorySiteNetwork: SiteNetwork, Sendable {
    let routes = Mutex<[IPPrefix]>([])
    func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap? { nil }
    func addRoute(_ prefix: IPPrefix) throws(IOFailure) { routes.withLock { $0.append(prefix) } }
    func removeRoute(_ prefix: IPPrefix) { routes.withLock { $0.removeAll { $0 == prefix } } }
    let flows = Mutex<[ProtectedFlow]>([])
    func protect(_ flow: ProtectedFlow) throws(IOFailure) { flows.withLock { $0.append(flow) } }
    func release(_ flow: ProtectedFlow) { flows.withLock { $0.removeAll { $0 == flow } } }
    func localAddresses() -> [IPAddress] { [] }
    func tearDown() {}
}

/// What is revoked, as the gateway sees it.
final class Revocations: Sendable {
    let serials = Mutex(RevokedSerials())
    var view: RevokedSerials { serials.withLock { $0 } }
}

/// A gateway in one process with clients, over a network in memory; certificates, keys and files are real.
final class GatewayFixture: Sendable {
    let directory: TestDirectory
    let authority: TestAuthority
    let network = MemoryNetwork()
    let site = MemorySiteNetwork()
    let dataplane: MemoryDataplane
    let shard: ControlShard
    let audit: AuditWriter
    let configuration: GatewayConfiguration
    let registry = PeerRegistry()
    let revoked = Revocations()
    private let nextClient = Atomic<UInt32>(1)

    static let registryPolicy = """
        version: 1
        resources:
          registry: {address: 10.20.0.0/28, ports: [tcp/443]}
          storage: {address: 10.30.0.0/24, ports: [tcp/9000]}
        rules:
          - name: builders
            when: {name: runner1}
            allow: [registry]
            lease: 60s
          - name: others
            when: {name: [runner3, runner4]}
            allow: [storage]
        """

    static func files(
        _ authority: TestAuthority,
        policy: String,
        experimental: ExperimentalLeafKey.Kind? = nil,
        adjust: (inout GatewayConfiguration) -> Void = { _ in }
    ) async throws -> (TestDirectory, GatewayConfiguration) {
        let directory = try TestDirectory()
        let credentials = try await authority.gateway(addresses: [gatewayAddress], experimental: experimental)
        var configuration = GatewayConfiguration()
        configuration.identity.certificate = try directory.write(credentials.certificatePEM, to: "gateway.crt")
        configuration.identity.key = try directory.write(credentials.keyPEM, to: "gateway.key")
        configuration.identity.authorities = try directory.write(authority.rootPEM, to: "ca.crt")
        configuration.files.policy = try directory.write(policy, to: "policy.yaml")
        configuration.files.audit = "\(directory.path)/audit.jsonl"
        adjust(&configuration)
        return (directory, configuration)
    }

    convenience init(
        policy: String = GatewayFixture.registryPolicy,
        authority: TestAuthority? = nil,
        leases: LeaseBook? = nil,
        experimental: ExperimentalLeafKey.Kind? = nil,
        adjust: (inout GatewayConfiguration) -> Void = { _ in }
    ) async throws {
        let authority = try authority ?? TestAuthority()
        let (directory, configuration) = try await Self.files(
            authority,
            policy: policy,
            experimental: experimental,
            adjust: adjust
        )
        try self.init(authority, directory, configuration, leases: leases)
    }

    init(
        _ authority: TestAuthority,
        _ directory: TestDirectory,
        _ configuration: GatewayConfiguration,
        leases: LeaseBook? = nil
    ) throws {
        self.authority = authority
        self.directory = directory
        self.configuration = configuration
        let loaded = try LoadedGateway.load(configuration, available: AlgorithmSelfTest.run())
        let dataplane = try MemoryDataplane()
        self.dataplane = dataplane
        network.attach(dataplane, at: gatewayAddress)
        audit = try AuditWriter(path: configuration.files.audit, gateway: "gw", logger: silent)
        let crypto = StandardCryptoProvider()
        let sessionNumber = Atomic<Int>(0)
        let parts = GatewayController.Parts(
            loaded: loaded,
            registry: registry,
            audit: audit,
            logger: silent,
            replaceRules: { _ in },
            makeSessionID: { "session-\(sessionNumber.add(1, ordering: .relaxed).newValue)" },
            revocation: { [revoked] in revoked.view },
            leases: leases
        )
        let site = site
        shard = try ControlShard(
            TestShard.parts(
                loaded.engine,
                loaded.oracle(crypto),
                loaded.authenticator(crypto, registry) { [revoked] in revoked.view }
            ),
            dataplane: dataplane
        ) { GatewayController(parts, network: site) }
    }

    func stop() async throws {
        try await blocking { [shard, audit] in
            shard.shutDown(grace: 1)
            audit.stop()
        }
    }

    /// Asks the controller something on the shard's thread.
    func controller<Value: Sendable>(
        _ body: @escaping @Sendable (GatewayController, ShardCore) -> Value
    ) async throws -> Value? {
        try await blocking { [shard] in
            shard.call { core, delegate in (delegate as? GatewayController).map { body($0, core) } } ?? nil
        }
    }

    /// A client with a certificate; `signatures` are what it makes and accepts.
    func client(
        _ credentials: TestCredentials,
        signatures: SignaturePolicy = SignaturePolicy()
    ) throws -> TestClient {
        let leaf = try ParsedCertificate(der: credentials.chain[0], allowsMLDSA: true)
        guard let name = leaf.names.dns.first else { throw ValidationFailure.noCertificate }
        let key = KeyID("client")
        let crypto = StandardCryptoProvider()
        let pem = Array(credentials.keyPEM.utf8)
        let signer = LocalKeyOracle.Signer(key: try SigningKey(pem: pem), policy: signatures)
        let anchors = try TrustAnchors(certificates: [authority.authority.rootDER], pins: [authority.pin])
        let trust = CertificateAuthenticator.Trust(anchors: anchors, purpose: .gateway, signatures: signatures)
        return try TestClient(
            fixture: self,
            signatures: signatures,
            identity: .fqdn(name),
            ours: .certificate(chain: credentials.chain, key: key),
            theirs: .certificate(
                authorityKeyHashes: anchors.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) }
            ),
            oracle: LocalKeyOracle(crypto: crypto, signers: [key: signer]),
            authenticator: CertificateAuthenticator(crypto: crypto, trust: ["gw": trust], registry: PeerRegistry())
        )
    }

    /// A client that claims an identity and proves it by certificate or pre-shared key, well or badly.
    func client(
        _ identity: Identity,
        _ credentials: TestCredentials?,
        _ psk: String?,
        _ recorder: RecordingCrypto
    ) throws -> TestClient {
        let key = KeyID("client")
        let crypto = StandardCryptoProvider()
        let signer = try credentials.map {
            LocalKeyOracle.Signer(key: try SigningKey(pem: Array($0.keyPEM.utf8)))
        }
        let anchors = try TrustAnchors(certificates: [authority.authority.rootDER], pins: [authority.pin])
        let trust = CertificateAuthenticator.Trust(anchors: anchors, purpose: .gateway)
        return try TestClient(
            fixture: self,
            identity: identity,
            ours: credentials.map { .certificate(chain: $0.chain, key: key) } ?? .preSharedKey(key),
            theirs: psk == nil
                ? .certificate(
                    authorityKeyHashes: anchors.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) }
                )
                : .preSharedKey(key),
            oracle: LocalKeyOracle(
                crypto: crypto,
                signers: signer.map { [key: $0] } ?? [:],
                preSharedKeys: psk.map { [key: SecretBytes($0.utf8)] } ?? [:]
            ),
            authenticator: CertificateAuthenticator(crypto: crypto, trust: ["gw": trust], registry: PeerRegistry()),
            crypto: recorder
        )
    }

    /// A client with a pre-shared key.
    func client(_ identity: Identity, key text: String) throws -> TestClient {
        let key = KeyID("client")
        let crypto = StandardCryptoProvider()
        return try TestClient(
            fixture: self,
            identity: identity,
            ours: .preSharedKey(key),
            theirs: .preSharedKey(key),
            oracle: LocalKeyOracle(crypto: crypto, preSharedKeys: [key: SecretBytes(text.utf8)]),
            authenticator: CertificateAuthenticator(crypto: crypto, trust: [:], registry: PeerRegistry())
        )
    }

    fileprivate func freshAddress() -> IPAddress {
        .v4(0xc633_6400 + nextClient.add(1, ordering: .relaxed).newValue)
    }

    /// The audit trail so far, checked.
    func auditRecords() throws -> [AuditRecord] {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: configuration.files.audit)))
        var reader = AuditReader { Array(SHA256.hash(data: $0)) }
        return try bytes.split(separator: 10).map { try reader.read($0) }
    }

    /// Waits for a record that fits.
    func record(
        _ event: AuditEvent,
        where fits: @escaping @Sendable (AuditRecord) -> Bool = { _ in true }
    ) async throws
        -> AuditRecord?
    {
        let find = { @Sendable [self] () -> AuditRecord? in
            (try? auditRecords())?.first { $0.event == event && fits($0) }
        }
        _ = try await eventually { find() != nil }
        return find()
    }
}

/// One peer of the gateway.
final class TestClient: Sendable {
    let node: TestShard
    let connection: ConnectionConfiguration

    init(
        fixture: GatewayFixture,
        signatures: SignaturePolicy = SignaturePolicy(),
        identity: Identity,
        ours: LocalAuthentication,
        theirs: RemoteAuthentication,
        oracle: LocalKeyOracle,
        authenticator: CertificateAuthenticator,
        crypto: any CryptoProvider = StandardCryptoProvider()
    ) throws {
        node = try TestShard(
            at: fixture.freshAddress(),
            on: fixture.network,
            oracle: oracle,
            authenticator: authenticator,
            crypto: crypto
        )
        var connection = ConnectionConfiguration(
            name: "gw",
            localIdentity: identity,
            remoteIdentity: .oneOf([.fqdn("vpn.example.com")]),
            localAuthentication: ours,
            remoteAuthentication: theirs,
            children: [
                ChildConfiguration(name: "default", remoteSelectors: [TrafficSelector.everything(.v4)])
            ],
            requestedAddresses: [.v4]
        )
        connection.signatures = signatures
        self.connection = connection
    }

    /// Connects and waits until a Child SA stands, or something is refused.
    func connect(asking: [IPAddress] = []) async throws -> IKEReport? {
        node.initiate(connection, to: gatewayAddress, asking: asking)
        _ = try await eventually { [node] in node.reports.contains { $0.isOutcome } }
        return node.reports.first { $0.isOutcome }
    }

    /// Waits until the IKE SA is closed and returns why.
    func closed() async throws -> CloseReason? {
        let find = { @Sendable [node] () -> CloseReason? in
            for case .closed(_, let reason) in node.reports { return reason }
            return nil
        }
        _ = try await eventually { find() != nil }
        return find()
    }

    func stop() async throws { try await blocking { [node] in node.stop() } }
}

extension IKEReport {
    var isOutcome: Bool {
        switch self {
        case .childEstablished, .failed, .childFailed: true
        default: false
        }
    }

    var child: ChildSAStatus? {
        if case .childEstablished(_, let child) = self { return child }
        return nil
    }

    var refusal: FailureReport.Cause? {
        switch self {
        case .failed(_, let failure), .childFailed(_, let failure): failure.cause
        default: nil
        }
    }
}
