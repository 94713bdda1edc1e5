import AdminAPI
import AuditLog
import ConfigFile
import Dataplane
import Dispatch
import Glibc
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Logging
import PKI
import PacketIO
import Runtime
import Synchronization

extension GatewayDaemon {
    /// Answers one request of the control socket.
    func answer(_ bytes: [UInt8]) -> AdminResponse {
        do throws(CulvertError) {
            let request = try AdminCoding.request(bytes)
            switch request.operation {
            case .status: return .gateway(try status())
            case .reload: return reload()
            case .stop:
                stopRequested.signal()
                return .done("the gateway stops")
            case .closeSession(let session): return try close(session)
            case .rekey(let name, let ike): return try rekey(name, ike)
            case .drain(let target): return try drain(target)
            case .up, .down, .ping, .wait:
                return .failed(CulvertError(.controlRefused, "a gateway does not know this operation; ask the agent"))
            }
        } catch {
            return .failed(error)
        }
    }

    /// Reads the configuration again. A bad one changes nothing; one that needs a restart is refused by name.
    func reload() -> AdminResponse {
        reloading.withLock { _ in reloadAlone(everything: true) }
    }

    /// Takes a renewed certificate and key, and nothing else: gateway.yaml and policy.yaml may be in the middle of an edit.
    func reloadCredentials() -> AdminResponse {
        reloading.withLock { _ in reloadAlone(everything: false) }
    }

    /// The files by which the gateway proves itself.
    var credentialFiles: [String] {
        let identity = current.withLock { $0.configuration.identity }
        return [identity.certificate, identity.key]
    }

    private func reloadAlone(everything: Bool) -> AdminResponse {
        let old = current.withLock { $0 }
        do throws(CulvertError) {
            let configuration =
                everything ? try LoadedGateway.readConfiguration(configurationPath) : old.configuration
            let fixed = Self.restartOnly(old.configuration, configuration)
            guard fixed.isEmpty else {
                throw CulvertError(
                    .outOfRange,
                    "a reload cannot change \(fixed.joined(separator: ", "))",
                    next: "restart the gateway, or put the old values back"
                )
            }
            let loaded = try LoadedGateway.load(
                configuration,
                document: everything ? nil : old.document,
                previous: old.policy,
                available: available
            )
            // First what can still fail; a running gateway keeps everything then.
            if everything { try radius.replace(try configuration.radiusParts()) }
            let watcher = revocation
            let oracle = loaded.oracle(crypto)
            let authenticator = loaded.authenticator(crypto, registry) { watcher.view }
            let applied = shard.call(seconds: 30) { core, delegate -> Bool in
                guard let controller = delegate as? GatewayController else { return false }
                controller.apply(loaded, shard: core, oracle: oracle, authenticator: authenticator)
                return true
            }
            guard applied == true else { throw CulvertError(.controlTimeout) }
            eap.replace(servers: loaded.eapServers { watcher.view })
            current.withLock { $0 = loaded }
            var record = AuditRecord(.configReload, at: SystemClock.wall, gateway: configuration.name)
            if !everything { record.reason = "certificate and key were renewed" }
            audit.write(record)
            logger.notice(everything ? "configuration reloaded" : "renewed certificate and key are in use")
            return .done("reloaded \(configurationPath) and \(configuration.files.policy)")
        } catch {
            var record = AuditRecord(.configRefused, at: SystemClock.wall, gateway: old.configuration.name)
            record.fail(error)
            audit.write(record)
            logger.error("the new configuration is refused; the old one stays", metadata: ["error": "\(error.message)"])
            return .failed(error)
        }
    }

    static func restartOnly(_ old: GatewayConfiguration, _ new: GatewayConfiguration) -> [String] {
        var keys: [String] = []
        if old.listen != new.listen { keys.append("listen") }
        if old.network.tun != new.network.tun { keys.append("network.tun") }
        if old.network.mtu != new.network.mtu { keys.append("network.mtu") }
        if old.network.snat != new.network.snat { keys.append("network.snat") }
        if old.network.holdDown != new.network.holdDown { keys.append("network.hold_down") }
        if old.pools != new.pools { keys.append("network.pools") }
        if old.files.control != new.files.control { keys.append("files.control") }
        if old.files.audit != new.files.audit { keys.append("files.audit") }
        if old.files.state != new.files.state { keys.append("files.state") }
        if old.files.ca != new.files.ca { keys.append("files.ca") }
        if old.logLevel != new.logLevel { keys.append("log_level") }
        if old.name != new.name { keys.append("name") }
        return keys
    }

    private func close(_ session: String) throws(CulvertError) -> AdminResponse {
        let closed = shard.call { core, delegate in
            (delegate as? GatewayController)?.close(session, shard: core) ?? false
        }
        guard let closed else { throw CulvertError(.controlTimeout) }
        guard closed else { throw CulvertError(.unknownName, "no session is named \(session)") }
        return .done("session \(session) ends")
    }

    private func drain(_ text: String?) throws(CulvertError) -> AdminResponse {
        var target: RedirectTarget?
        if let text {
            if let address = IPAddress(text) {
                target = .address(address)
            } else if text.isHostname {
                target = .fqdn(text)
            } else {
                throw CulvertError(.invalidValue, "\(text.printable) is neither an address nor a DNS name")
            }
        }
        let moved = shard.call { [target] core, delegate in
            (delegate as? GatewayController)?.drain(to: target, shard: core) ?? 0
        }
        guard let moved else { throw CulvertError(.controlTimeout) }
        guard let text else { return .done("clients are served here again") }
        return .done("clients are sent to \(text); \(moved) established ones are asked to move")
    }

    private func rekey(_ name: String?, _ ike: Bool) throws(CulvertError) -> AdminResponse {
        let count = shard.call { core, delegate -> Int in
            let ids = (delegate as? GatewayController)?.ikeSAs(named: name, shard: core) ?? []
            for id in ids { core.rekey(id, ike: ike) }
            return ids.count
        }
        guard let count else { throw CulvertError(.controlTimeout) }
        guard count > 0 else { throw CulvertError(.unknownName, "there is no such tunnel") }
        return .done("rekeying \(count) \(ike ? "IKE SAs" : "tunnels' Child SAs")")
    }

    private struct ControlPlane: Sendable {
        var tunnels: [TunnelStatus]
        var pools: [PoolStatus]
        var policy: PolicyStatus
        var failures: [FailureStatus]
        var halfOpen: Int
        var statistics: IKEStatistics
        var drainTarget: String?
    }

    private func status() throws(CulvertError) -> GatewayStatus {
        let traffic = dataplane.statistics()
        let control = shard.call { core, delegate -> ControlPlane? in
            guard let controller = delegate as? GatewayController else { return nil }
            return ControlPlane(
                tunnels: controller.tunnels(core),
                pools: controller.poolStatuses(),
                policy: controller.policyStatus(traffic.rules),
                failures: controller.failures.reversed(),
                halfOpen: core.halfOpenCount,
                statistics: core.statistics,
                drainTarget: controller.drainTarget?.text
            )
        }
        guard let control, let plane = control else { throw CulvertError(.controlTimeout) }
        let configuration = current.withLock { $0.configuration }
        let listen = configuration.listen
        var status = GatewayStatus(
            name: configuration.name,
            version: CulvertVersion.text,
            processID: getpid(),
            uptimeSeconds: Double((SystemClock.now - started).wholeNanoseconds / 1_000_000) / 1000,
            listening: listen.addresses.flatMap { address in
                [listen.ikePort, listen.natPort].map { "udp \(Endpoint(address, port: UInt16(clamping: $0)))" }
            } + (listen.rawESP ? ["esp"] : []),
            interface: dataplane.interfaceName ?? "",
            dataplane: "userspace",
            pools: plane.pools,
            sourceNAT: configuration.network.snat,
            policy: plane.policy,
            halfOpen: plane.halfOpen,
            tunnels: plane.tunnels,
            failures: plane.failures,
            counters: counters(traffic, plane.statistics),
            offloads: dataplane.offloads
        )
        status.drainingTo = plane.drainTarget
        return status
    }

    private func counters(_ traffic: DataplaneStatistics, _ ike: IKEStatistics) -> [String: UInt64] {
        var counters: [String: UInt64] = [
            "inbound_packets": traffic.traffic.inboundPackets,
            "inbound_bytes": traffic.traffic.inboundBytes,
            "outbound_packets": traffic.traffic.outboundPackets,
            "outbound_bytes": traffic.traffic.outboundBytes,
            "keepalives_received": traffic.keepalivesReceived,
            "super_packets": traffic.superPackets,
            "merged_receives": traffic.mergedReceives,
            "merged_writes": traffic.mergedWrites,
            "ike_received": ike.received,
            "ike_sent": ike.sent,
            "ike_retransmitted": ike.retransmitted,
            "ike_established": ike.established,
            "ike_failed": ike.failed,
            "cookies_sent": ike.cookiesSent,
            "crash_tokens_sent": ike.crashTokensSent,
            "tickets_issued": ike.ticketsIssued,
            "tickets_refused": ike.ticketsRefused,
            "ike_resumed": ike.resumed,
            "redirects_sent": ike.redirectsSent,
        ]
        for (cause, count) in traffic.drops where count > 0 { counters["drop_\(cause)"] = count }
        for (reason, count) in ike.dropped where count > 0 { counters["ike_drop_\(reason.rawValue)"] = count }
        return counters.merging(radius.counters) { $1 }
    }
}

extension LoadedGateway {
    /// EAP servers of our own, by the name of their settings.
    func eapServers(_ revocation: @escaping @Sendable () -> any RevocationView) -> [String: LocalEAPDesk.Server] {
        guard var server = eap else { return [:] }
        server.judge = eapAnchors.map { EAPCertificateJudge(anchors: $0, revocation: revocation) }
        return ["local": server]
    }

    /// The secrets, for the shard.
    func oracle(_ crypto: any CryptoProvider) -> LocalKeyOracle {
        LocalKeyOracle(crypto: crypto, signers: signers, preSharedKeys: preSharedKeys, ppks: ppks)
    }

    /// Whom each connection trusts, for the shard.
    func authenticator(
        _ crypto: any CryptoProvider,
        _ registry: PeerRegistry,
        revocation: @escaping @Sendable () -> any RevocationView
    ) -> CertificateAuthenticator {
        CertificateAuthenticator(crypto: crypto, trust: trust, registry: registry, revocation: revocation)
    }
}
