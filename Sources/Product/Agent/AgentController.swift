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
        /// EAP with the credentials of the tunnels.
        var eap: LocalEAPDesk?
        /// Reads files again; nil where there are none.
        var reload: Reload?
    }

    let parts: Parts
    let interface: any AgentInterface
    var tunnels: [String: AgentTunnel] = [:]
    var random = SystemRandom()

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
        tunnel.flows = tunnels[name]?.flows ?? []
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
            ends(status, reason, shard)
        case .childClosed(let id, _, let reason): childEnds(id, reason, shard)
        case .retransmitting(let id, let attempt, _): peerIsSilent(id, attempt, shard)
        case .suspected(let id): replace(id, because: "the gateway seems to have lost the tunnel", shard)
        case .reauthenticationDue(let id): reauthenticate(id, shard)
        case .redirected(let id, let target, let stage): redirected(id, to: target, stage, shard)
        case .pathChanged(let id, let old, let new, let cause): moves(id, old, new, cause)
        case .mobility(let id, let report): report.log(to: parts.logger, ["tunnel": "\(name(of: id) ?? "")"])
        case .established, .childRekeyed, .ikeRekeyed, .collision, .dropped, .cookies: break
        }
    }

    var nextDeadline: Instant? {
        let times = tunnels.values.flatMap { tunnel -> [Instant] in
            var times = [tunnel.leaseEnd, tunnel.closesReplacedAt].compactMap { $0 }
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
            } else if let at = tunnel.closesReplacedAt, at <= now {
                closeReplaced(name, shard)
            }
        }
        if checksOwners {
            nextOwnerCheck = tunnels.values.contains { $0.owner != nil } ? now + Self.ownerInterval : nil
        }
    }
}
