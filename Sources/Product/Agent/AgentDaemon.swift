import AdminAPI
import AuditLog
import ConfigFile
import Dataplane
import Foundation
import Glibc
import IKECrypto
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Runtime
import Synchronization

/// `culvert agent run`: owns the tunnels of `up`.
public final class AgentDaemon: Sendable {
    /// How the daemon was started.
    public struct Options: Sendable {
        /// Whether `up` started it by the way: then it ends with its last tunnel.
        public var endsWhenIdle = false

        /// The options of a service.
        public init() {}
    }

    private let configuration: AgentConfiguration
    private let options: Options
    private let available: AvailableAlgorithms
    private let audit: AuditWriter?
    private let dataplane: UserspaceDataplane
    let shard: ControlShard
    private let started = SystemClock.now
    private let stopRequested = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)
    private let isStopping = Atomic<Bool>(false)
    private let logger: Logger

    /// How long the peers have to answer our Deletes when we stop.
    private static let deleteGrace = 2.0
    /// An agent started by the way and never used ends after this.
    private static let idleGrace: Duration = .seconds(15)

    /// Runs until SIGTERM, SIGINT or a stop request. Errors come before anything was changed on the host.
    public static func run(_ configuration: AgentConfiguration, options: Options, logger: Logger) throws(CulvertError) {
        ProcessHardening.apply()
        let available = AvailableAlgorithms.tested()
        for name in available.failed {
            logger.error("an algorithm fails its self-test and is not offered", metadata: ["algorithm": "\(name)"])
        }
        let signals: DaemonSignals
        do throws(IOFailure) {
            signals = try DaemonSignals()
        } catch {
            throw error.culvertError()
        }
        let daemon = try AgentDaemon(configuration, options, available, logger)
        defer { daemon.shutDown() }
        try daemon.serve(signals)
    }

    private init(
        _ configuration: AgentConfiguration,
        _ options: Options,
        _ available: AvailableAlgorithms,
        _ logger: Logger
    ) throws(CulvertError) {
        self.configuration = configuration
        self.options = options
        self.available = available
        self.logger = logger
        audit = try configuration.files.audit.map { path throws(CulvertError) in
            try AuditWriter(path: path, gateway: configuration.name, logger: logger)
        }
        do throws(IOFailure) {
            dataplane = try Self.startDataplane(configuration)
            do throws(IOFailure) {
                shard = try Self.startShard(configuration, dataplane, audit, available, logger)
            } catch {
                dataplane.stop()
                throw error
            }
        } catch {
            throw error.culvertError()
        }
    }

    private static func startDataplane(_ configuration: AgentConfiguration) throws(IOFailure) -> UserspaceDataplane {
        var plane = DataplaneConfiguration(
            ikePort: UInt16(clamping: configuration.network.ikePort),
            natPort: UInt16(clamping: configuration.network.natPort),
            tunName: configuration.network.tun,
            mtu: configuration.network.mtu,
            rawESP: configuration.network.rawESP
        )
        plane.workers = 1
        let dataplane = try UserspaceDataplane(plane, rules: nil)
        try dataplane.start()
        return dataplane
    }

    private static func startShard(
        _ configuration: AgentConfiguration,
        _ dataplane: UserspaceDataplane,
        _ audit: AuditWriter?,
        _ available: AvailableAlgorithms,
        _ logger: Logger
    ) throws(IOFailure) -> ControlShard {
        let later = ShardSlot()
        let ports = dataplane.ports ?? (500, 4500)
        let crypto = StandardCryptoProvider()
        let registry = PeerRegistry()
        let pool = BoundedPool(name: "culvert-work", threads: 2, limit: 1024)
        let eap = LocalEAPDesk(pool: pool)
        var random = SystemRandom()
        let engine = IKEConfiguration(connections: [], localNATPort: ports.nat, answersUnknownSPIs: false)
        let parts = ControlShard.Parts(
            configuration: engine,
            crypto: crypto,
            spis: SPIAllocator(node: 0, shard: 0, key: (random.next(), random.next()), start: random.next()),
            oracle: LocalKeyOracle(crypto: crypto),
            authenticator: CertificateAuthenticator(crypto: crypto, trust: [:], registry: registry),
            pool: pool,
            eap: eap
        )
        let controller = AgentController.Parts(
            name: configuration.name,
            addsRoutes: configuration.network.routes,
            localPort: ports.ike,
            crypto: crypto,
            registry: registry,
            audit: audit,
            logger: logger,
            eap: eap,
            reload: AgentController.reload(
                ConnectionLoader(settings: configuration, available: available),
                pool,
                later,
                logger
            )
        )
        let name = dataplane.interfaceName ?? configuration.network.tun
        let shard = try ControlShard(parts, dataplane: dataplane) { () throws(IOFailure) in
            let network = try AgentNetwork(
                name: name,
                configuration,
                ports: [ports.ike, ports.nat],
                logger: logger
            )
            return AgentController(controller, interface: network)
        }
        later.set(shard)
        return shard
    }

    private func serve(_ signals: DaemonSignals) throws(CulvertError) {
        try ProcessHardening.makeDirectory(configuration.files.control.parentDirectory)
        let server: ControlServer
        do throws(IOFailure) {
            server = try ControlServer(
                path: configuration.files.control,
                allowedUsers: [0, UInt32(geteuid())]
            ) { [self] request, _ in AdminCoding.encode(answer(request)) }
        } catch {
            throw error.code == EADDRINUSE
                ? CulvertError(.alreadyRunning, "an agent runs already at \(configuration.files.control)")
                : error.culvertError(.controlRefused)
        }
        defer { server.stop() }
        let watcher = watchNetwork()
        defer { watcher?.stop() }
        let starter = Thread { [self] in startConnections() }
        starter.name = "culvert-start"
        starter.start()
        audit?.write(AuditRecord(.daemonStart, at: SystemClock.wall, gateway: configuration.name))
        let notify = SystemdNotify.fromEnvironment()
        try? notify.ready(status: "agent \(configuration.name)")
        logger.info("agent is ready", metadata: ["control": "\(configuration.files.control)"])
        var idleSince = SystemClock.now
        while true {
            switch signals.wait(milliseconds: 200) {
            case .stop: stopRequested.signal()
            case .reload: _ = reload()
            case nil: break
            }
            if stopRequested.wait(timeout: .now()) == .success { break }
            if let failure = dataplane.failure { throw failure.culvertError() }
            guard options.endsWhenIdle else { continue }
            let idle = shard.call { _, delegate in (delegate as? AgentController)?.isIdle ?? true } ?? false
            if !idle { idleSince = SystemClock.now }
            if SystemClock.now - idleSince > Self.idleGrace { break }
        }
        try? notify.stopping()
    }

    /// Tunnels follow the host when its addresses or routes change.
    private func watchNetwork() -> NetworkWatcher? {
        do throws(IOFailure) {
            return try NetworkWatcher { [shard] in
                shard.post { core, delegate in (delegate as? AgentController)?.networkChanged(core) }
            }
        } catch {
            logger.warning("changes of addresses go unnoticed", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func shutDown() {
        logger.info("agent stops")
        isStopping.store(true, ordering: .relaxed)
        stopped.signal()
        shard.shutDown(grace: Self.deleteGrace) { _, delegate in
            (delegate as? AgentController)?.interface.tearDown()
        }
        dataplane.stop()
        audit?.write(AuditRecord(.daemonStop, at: SystemClock.wall, gateway: configuration.name))
        audit?.stop()
    }

    /// Brings up what the configuration keeps. What cannot be read or resolved yet, as while a machine starts, is tried
    /// again.
    private func startConnections() {
        var waiting = configuration.connections.filter(\.autostart)
        var schedule = ReconnectSchedule()
        var random = SystemRandom()
        while !waiting.isEmpty, !isStopping.load(ordering: .relaxed) {
            waiting.removeAll { begin($0) }
            guard !waiting.isEmpty else { return }
            let pause = schedule.next(after: .failed, using: &random)
            _ = stopped.wait(timeout: .now() + .nanoseconds(Int(pause.wholeNanoseconds)))
        }
    }

    /// Whether the connection is in the shard's hands.
    private func begin(_ connection: AgentConnection) -> Bool {
        do throws(CulvertError) {
            let loaded = try ConnectionLoader(settings: configuration, available: available).load(connection)
            shard.post { core, delegate in
                guard let controller = delegate as? AgentController else { return }
                controller.up(loaded, arguments: UpArguments(), shard: core) { _ in }
            }
            return true
        } catch {
            logger.error(
                "connection not started; it is tried again",
                metadata: ["connection": "\(connection.name)", "error": "\(error.message)"]
            )
            return false
        }
    }

    // MARK: Control requests

    private func answer(_ bytes: [UInt8]) -> AdminResponse {
        do throws(CulvertError) {
            let request = try AdminCoding.request(bytes)
            switch request.operation {
            case .status: return try status()
            case .up(let arguments): return try up(arguments)
            case .down(let name): return try down(name)
            case .wait(let name, let seconds): return try wait(name, seconds)
            case .ping(let name, let seconds): return try ping(name, seconds)
            case .rekey(let name, let ike): return try rekey(name, ike)
            case .stop:
                stopRequested.signal()
                return .done("the agent stops")
            case .reload: return reload()
            case .closeSession, .drain:
                return .failed(CulvertError(.controlRefused, "an agent does not know this operation"))
            }
        } catch {
            return .failed(error)
        }
    }

    private func status() throws(CulvertError) -> AdminResponse {
        let listed = shard.call { core, delegate in (delegate as? AgentController)?.statuses(core) ?? [] }
        guard let listed else { throw CulvertError(.controlTimeout) }
        let statistics = dataplane.statistics()
        var counters: [String: UInt64] = [
            "inbound_packets": statistics.traffic.inboundPackets,
            "outbound_packets": statistics.traffic.outboundPackets,
            "super_packets": statistics.superPackets,
            "merged_receives": statistics.mergedReceives,
            "merged_writes": statistics.mergedWrites,
            "ike_received": statistics.ikeReceived,
            "ike_sent": statistics.ikeSent,
        ]
        for (cause, count) in statistics.drops where count > 0 { counters["drop_\(cause)"] = count }
        return .agent(
            AgentStatus(
                name: configuration.name,
                version: CulvertVersion.text,
                processID: getpid(),
                uptimeSeconds: Double((SystemClock.now - started).wholeNanoseconds / 1_000_000) / 1000,
                interface: dataplane.interfaceName ?? "",
                dataplane: "userspace",
                tunnels: listed,
                counters: counters,
                offloads: dataplane.offloads
            )
        )
    }

    private func up(_ arguments: UpArguments) throws(CulvertError) -> AdminResponse {
        let loader = ConnectionLoader(settings: configuration, available: available)
        var loaded: LoadedConnection
        if let path = arguments.profilePath {
            let profile = try loader.readProfile(path)
            var connection = profile.connection(profilePath: path)
            connection.name = arguments.name ?? profile.name
            connection.autostart = false
            loaded = try loader.load(connection)
        } else {
            let wanted = arguments.name ?? configuration.connections.first?.name
            guard let connection = configuration.connections.first(where: { $0.name == wanted }) else {
                throw CulvertError(
                    .unknownName,
                    wanted.map { "no connection is named \($0)" }
                        ?? "no profile is given and agent.yaml has no connection"
                )
            }
            loaded = try loader.load(connection)
            // What `up` asks for fails at once when it cannot be done; it is kept once it stood.
            loaded.isKept = false
        }
        let box = Waiting<AgentTunnelStatus>()
        let connection = loaded
        shard.post { core, delegate in
            guard let controller = delegate as? AgentController else { return }
            controller.up(connection, arguments: arguments, shard: core) { box.finish($0) }
        }
        let seconds = arguments.timeoutSeconds
        guard let result = box.wait(seconds: seconds) else {
            let error = shard.call { core, delegate in
                (delegate as? AgentController)?.timeOut(connection.name, after: seconds, shard: core)
            }
            throw (error ?? nil) ?? CulvertError(.connectionTimeout)
        }
        if result.state == .up { return .tunnel(result) }
        throw result.lastError ?? CulvertError(.gatewayUnreachable)
    }

    /// Reads certificates and keys of all tunnels again. agent.yaml itself is read at the start.
    private func reload() -> AdminResponse {
        shard.post { core, delegate in (delegate as? AgentController)?.reloadCredentials(core) }
        return .done("certificates and keys are read again; tunnels with other ones are authenticated anew")
    }

    private func down(_ name: String?) throws(CulvertError) -> AdminResponse {
        let names = shard.call { core, delegate in
            (delegate as? AgentController)?.down(name, shard: core) ?? []
        }
        guard let names else { throw CulvertError(.controlTimeout) }
        guard !names.isEmpty else {
            throw CulvertError(.unknownName, name.map { "no tunnel is named \($0)" } ?? "there is no tunnel")
        }
        // The Deletes are answered within a round trip; a dead peer is not waited for longer than this.
        _ = shard.wait(seconds: Self.deleteGrace) { _, delegate -> Bool? in
            (delegate as? AgentController)?.tunnels.keys.contains { names.contains($0) } == true ? nil : true
        }
        return .done("down: \(names.joined(separator: ", "))")
    }

    private func wait(_ name: String?, _ seconds: Int) throws(CulvertError) -> AdminResponse {
        let box = Waiting<AgentTunnelStatus?>()
        shard.post { core, delegate in
            guard let controller = delegate as? AgentController else { return }
            controller.wait(name, shard: core) { box.finish($0) }
        }
        guard let answer = box.wait(seconds: seconds) else { throw CulvertError(.connectionTimeout) }
        guard let result = answer else {
            throw CulvertError(.unknownName, name.map { "no tunnel is named \($0)" } ?? "there is no tunnel")
        }
        if result.state == .up { return .tunnel(result) }
        throw result.lastError ?? CulvertError(.gatewayUnreachable)
    }
}
