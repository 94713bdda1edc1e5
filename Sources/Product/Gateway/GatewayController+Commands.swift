import AdminAPI
import AuditLog
import ConfigFile
import Dataplane
import IKEv2
import IPsecTypes
import Logging
import PKI
import PacketIO
import Policy
import Runtime
import Sessions

extension GatewayController {
    /// Takes a new configuration as a whole. Tunnels whose grant is the same stay untouched.
    func apply(_ new: LoadedGateway, shard: ShardCore, oracle: any KeyOracle, authenticator: any PeerAuthenticator) {
        loaded = new
        policyLoadedAt = SystemClock.wall
        shard.replace(oracle: oracle, authenticator: authenticator)
        parts.replaceRules(new.policy.table)
        sessions.maximumSessions = new.configuration.limits.sessions
        sessions.replacePools(new.configuration.pools, reserved: Self.fixedAddresses(new.policy.document))
        shard.perform(.reload(new.engine))
        let before = Dictionary(sessions.all.map { ($0.id, $0.grant) }, uniquingKeysWith: { $1 })
        for (session, change) in sessions.apply(new.policy) {
            guard let id = ikeSAs[session.id] else { continue }
            switch change {
            case .unchanged: continue
            case .changed(let grant):
                if let old = before[session.id], keeps(old, grant) {
                    parts.logger.notice(
                        "a session's grant became narrower: what it lost is refused from now on",
                        metadata: ["session": "\(session.id)"]
                    )
                    continue
                }
            case .denied: break
            }
            endings[session.id] = .policyChanged
            shard.perform(.close(id, .configurationRemoved))
        }
        parts.audit.write(record(.policyReload))
    }

    /// Whether a tunnel may stay under another grant: its packets are checked against its rules as they read now, so a
    /// narrower one holds at once. A wider one needs new selectors, and a rule that no longer fits or other addresses a
    /// new negotiation: that tunnel is closed, and its agent comes back with the new grant.
    func keeps(_ old: PolicyGrant, _ new: PolicyGrant) -> Bool {
        old.virtualAddress == new.virtualAddress && old.remoteSelectors == new.remoteSelectors
            && Set(new.ruleIndices).isSuperset(of: old.ruleIndices)
            && new.selectors.allSatisfy { selector in old.selectors.contains { $0.contains(selector) } }
    }

    /// Ends the sessions of certificates that were revoked.
    func revoke(_ serials: Set<String>, shard: ShardCore) {
        for session in sessions.all {
            guard let serial = session.certificateSerial, serials.contains(serial), let id = ikeSAs[session.id] else {
                continue
            }
            cut(session)
            endings[session.id] = .revoked
            shard.perform(.close(id, .expired))
        }
    }

    /// Ends one session; false when there is none of that name.
    func close(_ session: String, shard: ShardCore) -> Bool {
        guard let id = ikeSAs[session] else { return false }
        if let known = sessions[session] { cut(known) }
        endings[session] = .closed
        shard.perform(.close(id, .requested))
        return true
    }

    /// Sends clients to another gateway from now on, or no longer; returns how many that are here can be asked to move.
    func drain(to target: RedirectTarget?, shard: ShardCore) -> Int {
        drainTarget = target
        shard.perform(.drain(to: target))
        var record = record(target == nil ? .drainEnd : .drainStart)
        record.reason = target.map { "clients are sent to \($0.text)" }
        parts.audit.write(record)
        return target == nil ? 0 : shard.statuses.count { $0.phase == .established && $0.followsRedirects }
    }

    /// The IKE SAs a name stands for: a session's, a connection's or, without a name, all.
    func ikeSAs(named name: String?, shard: ShardCore) -> [IKESAID] {
        guard let name else { return shard.statuses.map(\.id) }
        if let id = ikeSAs[name] { return [id] }
        return shard.statuses.filter { $0.connection == name || "\($0.id)" == name }.map(\.id)
    }

    /// Everything that status shows of the control plane.
    func tunnels(_ shard: ShardCore) -> [TunnelStatus] {
        let rules = loaded.policy.table.rules
        let builder = StatusBuilder(
            now: shard.now,
            counters: { shard.counters($0) },
            ruleName: { index in rules.first { $0.index == index }?.name }
        )
        return shard.statuses.map { builder.tunnel($0) }
    }

    /// Pools with their leases.
    func poolStatuses() -> [PoolStatus] {
        let addresses = sessions.all.flatMap(\.addresses)
        return loaded.configuration.pools.map { pool in
            PoolStatus(prefix: "\(pool)", leased: addresses.count { pool.contains($0) })
        }
    }

    /// The policy with its counters.
    func policyStatus(_ traffic: [UInt32: TrafficCounters]) -> PolicyStatus {
        PolicyStatus(
            file: loaded.configuration.files.policy,
            loadedAt: policyLoadedAt.secondsSinceEpoch,
            rules: loaded.policy.table.rules.map { rule in
                let counters = traffic[rule.index] ?? TrafficCounters()
                return RuleStatus(
                    name: rule.name,
                    line: rule.line,
                    packets: counters.inboundPackets &+ counters.outboundPackets,
                    bytes: counters.inboundBytes &+ counters.outboundBytes
                )
            }
        )
    }
}
