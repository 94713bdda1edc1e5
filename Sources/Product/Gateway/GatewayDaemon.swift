import AdminAPI
import AuditLog
import CertificateAuthority
import ConfigFile
import Dataplane
import Foundation
import Glibc
import IKECrypto
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Policy
import Runtime
import Store
import Synchronization

/// `culvert gateway run`.
public final class GatewayDaemon: Sendable {
    let configurationPath: String
    let available: AvailableAlgorithms
    let crypto: StandardCryptoProvider
    let registry: PeerRegistry
    let dataplane: UserspaceDataplane
    let shard: ControlShard
    /// The gateway's own EAP server.
    let eap: LocalEAPDesk
    let radius: GatewayRADIUS
    let audit: AuditWriter
    let revocation: RevocationWatcher
    /// Which identity had which address; nil when the file cannot be used.
    let leases: LeaseBook?
    let current: Mutex<LoadedGateway>
    /// Held while a reload is under way: two at once would leave daemon and shard with different files.
    let reloading = Mutex<Bool>(false)
    let logger: Logger
    let started = SystemClock.now
    /// What lets agents return quickly; renewed every hour.
    let returnSecrets: Mutex<ReturnSecretsFile>
    let stopRequested = DispatchSemaphore(value: 0)

    /// How long the peers have to answer our Deletes when we stop.
    private static let deleteGrace = 3.0

    /// Runs until SIGTERM, SIGINT or a stop request. An error at start changes nothing on the host.
    public static func run(
        _ configuration: GatewayConfiguration,
        configurationPath: String,
        logger: Logger
    ) throws(CulvertError) {
        ProcessHardening.apply()
        let available = AvailableAlgorithms.tested()
        for name in available.failed {
            logger.error("an algorithm fails its self-test and is not offered", metadata: ["algorithm": "\(name)"])
        }
        guard !available.keyExchanges.isEmpty, !available.ciphers.isEmpty, !available.prfs.isEmpty else {
            throw CulvertError(.selfTestFailed)
        }
        let loaded = try LoadedGateway.load(configuration, available: available)
        let signals: DaemonSignals
        do throws(IOFailure) { signals = try DaemonSignals() } catch { throw error.culvertError() }
        for directory in [configuration.files.state, configuration.files.control.parentDirectory] {
            try ProcessHardening.makeDirectory(directory)
        }
        let daemon = try GatewayDaemon(loaded, configurationPath, available, logger)
        defer { daemon.shutDown() }
        try daemon.serve(signals)
    }

    private init(
        _ loaded: LoadedGateway,
        _ configurationPath: String,
        _ available: AvailableAlgorithms,
        _ logger: Logger
    ) throws(CulvertError) {
        let configuration = loaded.configuration
        self.configurationPath = configurationPath
        self.available = available
        self.logger = logger
        let crypto = StandardCryptoProvider()
        let registry = PeerRegistry()
        self.crypto = crypto
        self.registry = registry
        current = Mutex(loaded)
        let secretsFile = try ReturnSecretsFile(
            path: "\(configuration.files.state)/return.secrets",
            ticketLifetime: configuration.ike.ticketLifetime,
            wallClock: SystemClock.wall
        )
        returnSecrets = Mutex(secretsFile)
        let dataplane = try Self.startDataplane(loaded)
        self.dataplane = dataplane
        let later = ShardSlot()
        let leases = Self.openLeases(configuration, logger)
        self.leases = leases
        do throws(CulvertError) {
            audit = try AuditWriter(path: configuration.files.audit, gateway: configuration.name, logger: logger)
            revocation = try RevocationWatcher(database: configuration.files.caDatabase, logger: logger) { serials in
                later.value?.post { core, delegate in
                    (delegate as? GatewayController)?.revoke(serials, shard: core)
                }
            }
        } catch {
            dataplane.stop()
            throw error
        }
        do throws(CulvertError) {
            let pool = BoundedPool(name: "culvert-work", threads: 2, limit: 4096)
            let view = revocation
            eap = LocalEAPDesk(servers: loaded.eapServers { view.view }, pool: pool)
            radius = try GatewayRADIUS(loaded, audit: audit, logger: logger, run: Self.makeULID()) { later.value }
            let desks = EAPRouter(["local": eap, "radius": radius.desk])
            shard = try Self.startShard(
                loaded,
                dataplane,
                crypto,
                registry,
                revocation,
                audit,
                secretsFile.secrets,
                logger,
                pool,
                desks,
                radius.service,
                leases
            )
        } catch {
            revocation.stop()
            dataplane.stop()
            audit.stop()
            throw error
        }
        later.set(shard)
    }

    private static func makeULID() -> String {
        ULID(
            milliseconds: UInt64(max(0, SystemClock.wallNanoseconds / 1_000_000)),
            random: SystemRandom.bytes(ULID.randomByteCount)
        ).description
    }

    private static func startShard(
        _ loaded: LoadedGateway,
        _ dataplane: UserspaceDataplane,
        _ crypto: StandardCryptoProvider,
        _ registry: PeerRegistry,
        _ revocation: RevocationWatcher,
        _ audit: AuditWriter,
        _ secrets: ReturnSecrets,
        _ logger: Logger,
        _ pool: BoundedPool,
        _ eap: EAPRouter,
        _ radius: RADIUSSwitch?,
        _ leases: LeaseBook?
    ) throws(CulvertError) -> ControlShard {
        let configuration = loaded.configuration
        let controller = GatewayController.Parts(
            loaded: loaded,
            registry: registry,
            audit: audit,
            logger: logger,
            replaceRules: { dataplane.replaceRules($0) },
            makeSessionID: { makeULID() },
            revocation: { revocation.view },
            radius: radius,
            leases: leases
        )
        var random = SystemRandom()
        var parts = ControlShard.Parts(
            configuration: loaded.engine,
            crypto: crypto,
            spis: SPIAllocator(node: 0, shard: 0, key: (random.next(), random.next()), start: random.next()),
            oracle: loaded.oracle(crypto),
            authenticator: loaded.authenticator(crypto, registry) { revocation.view },
            pool: pool,
            eap: eap
        )
        parts.secrets = secrets
        let shardParts = parts
        let interfaceName = dataplane.interfaceName ?? configuration.network.tun
        let ports = dataplane.ports
        let failures = FailureSlot()
        do throws(IOFailure) {
            return try ControlShard(shardParts, dataplane: dataplane) { () throws(IOFailure) in
                do throws(CulvertError) {
                    let network = try HostNetwork(
                        configuration,
                        interfaceName: interfaceName,
                        gatewayAddresses: GatewayController.gatewayAddresses(configuration),
                        ports: ports.map { [$0.ike, $0.nat] } ?? [],
                        logger: logger
                    )
                    return GatewayController(controller, network: network)
                } catch {
                    failures.set(error)
                    throw IOFailure(call: "prepare the host's network", code: 0, text: error.message)
                }
            }
        } catch {
            throw failures.value ?? error.culvertError()
        }
    }

    private static func startDataplane(_ loaded: LoadedGateway) throws(CulvertError) -> UserspaceDataplane {
        let configuration = loaded.configuration
        let plane = DataplaneConfiguration(
            listenAddresses: configuration.listen.addresses,
            ikePort: UInt16(clamping: configuration.listen.ikePort),
            natPort: UInt16(clamping: configuration.listen.natPort),
            tunName: configuration.network.tun,
            mtu: configuration.network.mtu,
            rawESP: configuration.listen.rawESP
        )
        do throws(IOFailure) {
            let dataplane = try UserspaceDataplane(plane, rules: loaded.policy.table)
            try dataplane.start()
            return dataplane
        } catch {
            throw error.culvertError()
        }
    }

    /// The book of leases. Without one, sessions are served all the same: addresses are then remembered until the next restart.
    private static func openLeases(_ configuration: GatewayConfiguration, _ logger: Logger) -> LeaseBook? {
        let path = "\(configuration.files.state)/leases.db"
        do throws(StateStoreError) {
            let (book, damage) = try LeaseBook.openAnew(path: path, wallClock: SystemClock.wall)
            if let damage {
                logger.error(
                    "the file of leases is damaged; a fresh one is begun",
                    metadata: ["file": "\(path)", "damage": "\(damage)", "kept_as": "\(path).damaged"]
                )
            }
            return book
        } catch {
            logger.error("leases are not remembered", metadata: ["file": "\(path)", "error": "\(error)"])
            return nil
        }
    }

    private func serve(_ signals: DaemonSignals) throws(CulvertError) {
        let configuration = current.withLock { $0.configuration }
        let server: ControlServer
        do throws(IOFailure) {
            server = try ControlServer(path: configuration.files.control, allowedUsers: [0, UInt32(geteuid())]) {
                [self] request, _ in AdminCoding.encode(answer(request))
            }
        } catch {
            throw error.code == EADDRINUSE
                ? CulvertError(.alreadyRunning, "a gateway runs already at \(configuration.files.control)")
                : error.culvertError(.controlRefused)
        }
        defer { server.stop() }
        let watcher = watchNetwork()
        defer { watcher?.stop() }
        audit.write(AuditRecord(.daemonStart, at: SystemClock.wall, gateway: configuration.name))
        let notify = SystemdNotify.fromEnvironment()
        try? notify.ready(status: "gateway \(configuration.name)")
        logger.notice("gateway is ready", metadata: ["control": "\(configuration.files.control)"])
        var nextRenewal = SystemClock.now + .seconds(ReturnSecretsFile.rotation)
        var credentials = CredentialWatch(credentialFiles, now: SystemClock.now)
        while true {
            if credentials.hasChanged(credentialFiles, now: SystemClock.now) { _ = reloadCredentials() }
            switch signals.wait(milliseconds: 200) {
            case .stop:
                try? notify.stopping()
                return
            case .reload: _ = reload()
            case nil: break
            }
            if stopRequested.wait(timeout: .now()) == .success {
                try? notify.stopping()
                return
            }
            if let failure = dataplane.failure { throw failure.culvertError() }
            if nextRenewal <= SystemClock.now {
                renewSecrets()
                nextRenewal = SystemClock.now + .seconds(ReturnSecretsFile.rotation)
            }
        }
    }

    /// Peers with MOBIKE are told when an address of this host comes or goes.
    private func watchNetwork() -> NetworkWatcher? {
        do throws(IOFailure) {
            return try NetworkWatcher { [shard] in
                shard.post { core, delegate in (delegate as? GatewayController)?.networkChanged(core) }
            }
        } catch {
            logger.warning("changes of addresses go unnoticed", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func shutDown() {
        logger.notice("gateway stops")
        shard.shutDown(grace: Self.deleteGrace) { _, delegate in
            (delegate as? GatewayController)?.network.tearDown()
        }
        radius.stop()
        revocation.stop()
        leases?.flush()
        let name = current.withLock { $0.configuration.name }
        audit.write(AuditRecord(.daemonStop, at: SystemClock.wall, gateway: name))
        audit.stop()
        dataplane.stop()
    }
}

/// A failure that the shard's thread leaves for the thread that starts it.
private final class FailureSlot: Sendable {
    private let failure = Mutex<CulvertError?>(nil)
    var value: CulvertError? { failure.withLock { $0 } }
    func set(_ error: CulvertError) { failure.withLock { $0 = error } }
}
