import AdminAPI
import AuditLog
import Glibc
import IKECrypto
import IKEv2
import IPsecTypes
import Logging
import Netlink
import PacketIO
import Runtime

/// The agent's side of a shard: which tunnels there are to be, and what is on the interface for them.
final class AgentController: ShardDelegate {
    /// What the controller is made of.
    struct Parts: Sendable {
        var name: String
        var addsRoutes: Bool
        var localPort: UInt16
        var crypto: any CryptoProvider
        var registry: PeerRegistry
        var audit: AuditWriter?
        var logger: Logger
    }

    let parts: Parts
    let interface: any AgentInterface
    var tunnels: [String: AgentTunnel] = [:]
    private var random = SystemRandom()

    /// How often owners of tunnels are looked at.
    private static let ownerInterval: Duration = .seconds(1)
    private var nextOwnerCheck: Instant?

    init(_ parts: Parts, interface: any AgentInterface) {
        self.parts = parts
        self.interface = interface
    }

    // MARK: What control requests ask

    /// Begins a tunnel, or answers at once when it stands already.
    func up(
        _ connection: LoadedConnection,
        arguments: UpArguments,
        shard: ShardCore,
        reply: @escaping @Sendable (AgentTunnelStatus) -> Void
    ) {
        let name = connection.name
        if var present = tunnels[name], present.ikeSA != nil, present.state != .down {
            // Whoever asks again renews the lease and becomes the owner.
            keep(&present, arguments, shard)
            if present.state != .up { present.waiters.append(reply) }
            tunnels[name] = present
            if present.state == .up { reply(status(name, present, shard)) }
            return
        }
        var tunnel = AgentTunnel(connection: connection, phase: .failed)
        tunnel.waiters = (tunnels[name]?.waiters ?? []) + [reply]
        keep(&tunnel, arguments, shard)
        tunnels[name] = tunnel
        replaceSecrets(shard)
        connect(name, remote: 0, shard)
    }

    private func keep(_ tunnel: inout AgentTunnel, _ arguments: UpArguments, _ shard: ShardCore) {
        // Zero and below stand for groups and everybody, which never end.
        if let owner = arguments.ownerProcess, owner > 0 {
            tunnel.owner = owner
            nextOwnerCheck = nextOwnerCheck ?? shard.now + Self.ownerInterval
        }
        if let seconds = arguments.leaseSeconds { tunnel.leaseEnd = shard.now + .seconds(seconds) }
    }

    /// Takes tunnels down; nil for all. Returns the names.
    func down(_ name: String?, shard: ShardCore) -> [String] {
        let names = name.map { tunnels[$0] == nil ? [] : [$0] } ?? tunnels.keys.sorted()
        for name in names { close(name, shard) }
        return names
    }

    /// Gives up a tunnel that nobody waits for any more, unless it stood once: its user was told that it failed.
    func abandon(_ name: String, shard: ShardCore) {
        guard let tunnel = tunnels[name], tunnel.state != .up, !tunnel.stoodOnce else { return }
        close(name, shard)
    }

    /// Calls back when the tunnel stands or fails; at once when it does already.
    func wait(
        _ name: String?,
        shard: ShardCore,
        reply: @escaping @Sendable (AgentTunnelStatus?) -> Void
    ) {
        guard let name = name ?? tunnels.keys.min(), var tunnel = tunnels[name] else { return reply(nil) }
        switch tunnel.phase {
        case .up, .failed: reply(status(name, tunnel, shard))
        case .connecting, .waiting, .closing:
            tunnel.waiters.append { reply($0) }
            tunnels[name] = tunnel
        }
    }

    /// The IKE SA of a tunnel; of the only one that is up when no name is given.
    func ikeSA(_ name: String?) -> (String, IKESAID)? {
        let found = tunnels.compactMap { tunnel -> (String, IKESAID)? in
            guard name == nil || name == tunnel.key, case .up(let id) = tunnel.value.phase else { return nil }
            return (tunnel.key, id)
        }
        return found.count == 1 ? found.first : nil
    }

    /// All tunnels by name.
    func statuses(_ shard: ShardCore) -> [AgentTunnelStatus] {
        tunnels.sorted { $0.key < $1.key }.map { status($0.key, $0.value, shard) }
    }

    /// Whether nothing is left to keep: what failed for good is only remembered for status.
    var isIdle: Bool { tunnels.values.allSatisfy { $0.state == .failed } }

    // MARK: ShardDelegate

    func authorize(
        _ request: AuthorizationRequest,
        now: Instant,
        wallClock: WallTime
    ) -> AuthorizationDecision {
        // An agent asks for tunnels; nobody may ask it for more than what it asked for.
        .deny(reason: "an agent grants no Child SAs", .noAdditionalSAs)
    }

    func observe(_ report: IKEReport, shard: ShardCore) {
        parts.logger.debug("ike", metadata: ["report": "\(report)"])
        switch report {
        case .childEstablished(let id, _): stands(id, shard)
        case .failed(let id, let failure):
            guard let id, let name = name(of: id) else { return }
            audit(
                failure.stage == .authentication ? .authenticationFailed : .negotiationFailed,
                name,
                failure.path,
                failure.error
            )
            fails(id, failure.error, shard)
        case .childFailed(let id, let failure): childFails(id, failure, shard)
        case .closed(let status, let reason):
            if let name = name(of: status.id) { audit(.sessionEnd, name, status.path, nil, reason.word) }
            ends(status.id, reason, shard)
        case .childClosed(let id, _, let reason): childEnds(id, reason, shard)
        case .established, .childRekeyed, .ikeRekeyed, .retransmitting, .pathChanged, .collision, .dropped, .cookies:
            break
        }
    }

    var nextDeadline: Instant? {
        let times = tunnels.values.flatMap { tunnel -> [Instant] in
            var times = [tunnel.leaseEnd].compactMap { $0 }
            if case .waiting(let until) = tunnel.phase { times.append(until) }
            return times
        }
        return (times + [nextOwnerCheck].compactMap { $0 }).min()
    }

    func handleTimeout(shard: ShardCore) {
        let now = shard.now
        let checksOwners = nextOwnerCheck.map { $0 <= now } ?? false
        for name in tunnels.keys.sorted() {
            guard let tunnel = tunnels[name] else { continue }
            if let end = tunnel.leaseEnd, end <= now {
                tunnels[name]?.leaseEnd = nil
                parts.logger.info("lease ended", metadata: ["tunnel": "\(name)"])
                close(name, shard)
            } else if checksOwners, let owner = tunnel.owner, kill(owner, 0) != 0, errno == ESRCH {
                tunnels[name]?.owner = nil
                parts.logger.info("owner is gone", metadata: ["tunnel": "\(name)", "process": "\(owner)"])
                close(name, shard)
            } else if case .waiting(let until) = tunnel.phase, until <= now {
                connect(name, remote: 0, shard)
            }
        }
        if checksOwners {
            nextOwnerCheck = tunnels.values.contains { $0.owner != nil } ? now + Self.ownerInterval : nil
        }
    }
}

extension AgentController {
    private func connect(_ name: String, remote: Int, _ shard: ShardCore) {
        guard let tunnel = tunnels[name] else { return }
        let remotes = tunnel.connection.remotes
        guard remote < remotes.count else { return }
        guard let source = interface.source(towards: remotes[remote].address) else {
            return fails(
                name,
                CulvertError(.gatewayUnreachable, "no route leads to \(remotes[remote].address)"),
                remote: remote,
                shard
            )
        }
        let path = Path(
            transport: .udp500,
            local: Endpoint(source, port: parts.localPort),
            remote: remotes[remote]
        )
        let started = shard.now
        guard let id = shard.perform(.initiate(tunnel.connection.configuration, path: path)) else {
            return fails(name, CulvertError(.limitReached, "the engine takes no more tunnels"), remote: remote, shard)
        }
        if tunnels[name] != nil { tunnels[name]?.phase = .connecting(id, since: started, remote: remote) }
    }

    private func name(of id: IKESAID) -> String? {
        tunnels.first { $0.value.ikeSA == id }?.key
    }

    private func stands(_ id: IKESAID, _ shard: ShardCore) {
        guard let name = name(of: id), var tunnel = tunnels[name], let status = shard.status(id),
            case .connecting(_, let since, _) = tunnel.phase
        else { return }
        do throws(CulvertError) {
            try configureInterface(&tunnel, status)
        } catch {
            tunnel.lastError = error
            tunnels[name] = tunnel
            clearInterface(name)
            tunnels[name]?.phase = .failed
            audit(.sessionRefused, name, status.path, error)
            release(name, shard)
            shard.perform(.close(id, .requested))
            return
        }
        tunnel.phase = .up(id)
        tunnel.setup = shard.now - since
        tunnel.upSince = shard.now
        tunnel.stoodOnce = true
        tunnel.lastError = nil
        tunnels[name] = tunnel
        audit(.sessionStart, name, status.path, nil)
        let addresses = status.addresses.map { "\($0)" }.joined(separator: " ")
        parts.logger.info("tunnel is up", metadata: ["tunnel": "\(name)", "addresses": "\(addresses)"])
        release(name, shard)
    }

    private func childFails(_ id: IKESAID, _ failure: FailureReport, _ shard: ShardCore) {
        guard let name = name(of: id) else { return }
        let error = failure.error
        tunnels[name]?.lastError = error
        parts.logger.warning(
            "\(error.message)",
            metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 }
        )
        audit(.childRefused, name, failure.path, failure.error)
        let remaining = shard.status(id)?.children.count ?? 0
        // An IKE SA that carries nothing is of no use to an agent.
        if remaining == 0 { shard.perform(.close(id, .requested)) }
    }

    private func childEnds(_ id: IKESAID, _ reason: CloseReason, _ shard: ShardCore) {
        guard let name = name(of: id), case .up = tunnels[name]?.phase, reason != .rekeyed, reason != .redundant,
            let status = shard.status(id), !status.children.contains(where: { $0.phase != .rekeyed })
        else { return }
        shard.perform(.close(id, .requested))
    }

    private func fails(_ id: IKESAID, _ error: CulvertError, _ shard: ShardCore) {
        guard let name = name(of: id) else { return }
        var remote = 0
        if case .connecting(_, _, let tried) = tunnels[name]?.phase { remote = tried }
        fails(name, error, remote: remote, shard)
    }

    private func fails(_ name: String, _ error: CulvertError, remote: Int, _ shard: ShardCore) {
        guard var tunnel = tunnels[name] else { return }
        parts.logger.warning(
            "\(error.message)",
            metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 }
        )
        tunnel.lastError = error
        if error.code == .gatewayUnreachable, remote + 1 < tunnel.connection.remotes.count {
            tunnels[name] = tunnel
            return connect(name, remote: remote + 1, shard)
        }
        tunnel.failures += 1
        if tunnel.stoodOnce || tunnel.connection.isKept {
            tunnel.phase = .waiting(until: shard.now + AgentTunnel.pause(failures: tunnel.failures, using: &random))
        } else {
            tunnel.phase = .failed
        }
        tunnels[name] = tunnel
        release(name, shard)
    }

    private func ends(_ id: IKESAID, _ reason: CloseReason, _ shard: ShardCore) {
        guard let name = name(of: id), var tunnel = tunnels[name] else { return }
        parts.logger.info("tunnel ended", metadata: ["tunnel": "\(name)", "reason": "\(reason.word)"])
        clearInterface(name)
        if case .closing = tunnel.phase {
            tunnels[name] = nil
            replaceSecrets(shard)
            return
        }
        tunnel.addresses = []
        tunnel.routes = []
        let steady = tunnel.upSince.map { shard.now - $0 >= AgentTunnel.steadyAfter } ?? false
        tunnel.failures = steady ? 1 : tunnel.failures + 1
        tunnel.upSince = nil
        if tunnel.lastError == nil {
            tunnel.lastError = CulvertError(
                reason == .peerDead ? .peerDead : .sessionReplaced,
                "the tunnel ended: \(reason.word)"
            )
        }
        // What we closed ourselves because nothing came of it is tried again only where the configuration keeps it.
        let lost = tunnel.stoodOnce && reason != .requested && reason != .replaced
        let retries = lost || tunnel.connection.isKept
        tunnel.phase =
            retries
            ? .waiting(until: shard.now + AgentTunnel.pause(failures: tunnel.failures, using: &random)) : .failed
        tunnels[name] = tunnel
        release(name, shard)
    }

    private func close(_ name: String, _ shard: ShardCore) {
        guard let tunnel = tunnels[name] else { return }
        clearInterface(name)
        guard let id = tunnel.ikeSA else {
            tunnels[name] = nil
            replaceSecrets(shard)
            return
        }
        tunnels[name]?.phase = .closing(id)
        release(name, shard)
        shard.perform(.close(id, .requested))
        // What was never authenticated goes at once, without a report.
        guard shard.status(id) == nil, case .closing(id) = tunnels[name]?.phase else { return }
        tunnels[name] = nil
        replaceSecrets(shard)
    }

    private func audit(
        _ event: AuditEvent,
        _ name: String,
        _ path: Path,
        _ error: CulvertError?,
        _ reason: String? = nil
    ) {
        guard let writer = parts.audit else { return }
        var record = AuditRecord(event, at: SystemClock.wall, gateway: parts.name)
        record.name = name
        record.path = path
        record.addresses = tunnels[name]?.addresses ?? []
        if let error { record.fail(error) }
        if let reason { record.reason = reason }
        writer.write(record)
    }

    /// Answers everybody who waits for the tunnel to stand or fail.
    private func release(_ name: String, _ shard: ShardCore) {
        guard let tunnel = tunnels[name] else { return }
        tunnels[name]?.waiters = []
        let status = status(name, tunnel, shard)
        for waiter in tunnel.waiters { waiter(status) }
    }

    private func status(_ name: String, _ tunnel: AgentTunnel, _ shard: ShardCore) -> AgentTunnelStatus {
        let builder = StatusBuilder(now: shard.now, counters: { shard.counters($0) })
        var retry: Double?
        if case .waiting(let until) = tunnel.phase {
            retry = Double((until - shard.now).wholeNanoseconds) / 1_000_000_000
        }
        return AgentTunnelStatus(
            name: name,
            state: tunnel.state,
            gateway: tunnel.connection.gateway,
            tunnel: tunnel.ikeSA.flatMap { shard.status($0) }.map { builder.tunnel($0) },
            routes: tunnel.routes.map { "\($0)" },
            setupMilliseconds: tunnel.setup.map { Double($0.wholeNanoseconds / 10_000) / 100 },
            lastError: tunnel.lastError,
            retrySeconds: retry
        )
    }

    /// The oracle holds the secrets of the tunnels that exist, and no others.
    private func replaceSecrets(_ shard: ShardCore) {
        var signers: [KeyID: LocalKeyOracle.Signer] = [:]
        var secrets: [KeyID: SecretBytes] = [:]
        var ppks: [KeyID: SecretBytes] = [:]
        var trust: [String: CertificateAuthenticator.Trust] = [:]
        for (name, tunnel) in tunnels {
            signers[KeyID(name)] = tunnel.connection.signer
            secrets[KeyID(name)] = tunnel.connection.preSharedKey
            ppks[KeyID(name)] = tunnel.connection.ppk
            trust[name] = tunnel.connection.trust
        }
        shard.replace(
            oracle: LocalKeyOracle(crypto: parts.crypto, signers: signers, preSharedKeys: secrets, ppks: ppks),
            authenticator: CertificateAuthenticator(crypto: parts.crypto, trust: trust, registry: parts.registry)
        )
    }
}
