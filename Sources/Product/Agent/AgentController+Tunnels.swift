import AdminAPI
import AuditLog
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Runtime

/// How a tunnel comes, fails, ends and is tried again.
extension AgentController {
    func connect(_ name: String, remote: Int, _ shard: ShardCore) {
        guard let tunnel = tunnels[name] else { return }
        let remotes = tunnel.connection.remotes
        guard remote < remotes.count else { return }
        let ticket = tunnel.ticket?.gateway == remotes[remote] ? tunnel.ticket?.ticket : nil
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
        do throws(CulvertError) {
            try blockUntilUp(name, path)
        } catch {
            return fails(name, error, remote: remote, shard)
        }
        let started = shard.now
        var initiation = Initiation(withAddresses(tunnel.connection.configuration), path: path, ticket: ticket)
        initiation.formerAddresses = tunnel.formerAddresses
        guard let id = shard.perform(.begin(initiation)) else {
            return fails(name, CulvertError(.limitReached, "the engine takes no more tunnels"), remote: remote, shard)
        }
        if tunnels[name] != nil {
            tunnels[name]?.phase = .connecting(id, since: started, remote: remote)
            tunnels[name]?.usesTicket = ticket != nil
            tunnels[name]?.lastRemote = remotes[remote].address
        }
    }

    func name(of id: IKESAID) -> String? {
        tunnels.first { $0.value.ikeSA == id || $0.value.replacement?.id == id }?.key
    }

    func stands(_ id: IKESAID, _ shard: ShardCore) {
        guard let name = name(of: id), var tunnel = tunnels[name], let status = shard.status(id) else { return }
        if tunnel.replacement?.id == id { return takeOver(name, status, shard) }
        if case .up(id) = tunnel.phase { return standsAnew(name, status, shard) }
        guard case .connecting(_, let since, let remote) = tunnel.phase else { return }
        do throws(CulvertError) {
            try moveInterface(&tunnel, status)
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
        tunnel.formerAddresses = status.addresses
        tunnel.setup = shard.now - since
        tunnel.upSince = shard.now
        tunnel.stoodOnce = true
        tunnel.keepTicket(from: id, at: remote)
        tunnel.lastError = nil
        tunnels[name] = tunnel
        audit(.sessionStart, name, status.path, nil)
        let addresses = status.addresses.map { "\($0)" }.joined(separator: " ")
        parts.logger.info("tunnel is up", metadata: ["tunnel": "\(name)", "addresses": "\(addresses)"])
        release(name, shard)
    }

    /// Another Child SA of a connection that is up: in transport mode, after an address has changed.
    private func standsAnew(_ name: String, _ status: IKESAStatus, _ shard: ShardCore) {
        guard var tunnel = tunnels[name], tunnel.connection.mode == .transport else { return }
        do throws(CulvertError) {
            try moveInterface(&tunnel, status)
        } catch {
            tunnel.lastError = error
        }
        tunnels[name] = tunnel
    }

    func childFails(_ id: IKESAID, _ failure: FailureReport, _ shard: ShardCore) {
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

    func childEnds(_ id: IKESAID, _ reason: CloseReason, _ shard: ShardCore) {
        guard let name = name(of: id), case .up = tunnels[name]?.phase, reason != .rekeyed, reason != .redundant,
            // The engine makes it anew.
            reason != .addressChanged,
            let status = shard.status(id), !status.children.contains(where: { $0.phase != .rekeyed })
        else { return }
        shard.perform(.close(id, .requested))
    }

    func fails(_ id: IKESAID, _ error: CulvertError, _ shard: ShardCore) {
        guard let name = name(of: id) else { return }
        if tunnels[name]?.replacement?.id == id { return replacementFails(name, error, shard) }
        var remote = 0
        if case .connecting(_, _, let tried) = tunnels[name]?.phase { remote = tried }
        fails(name, error, remote: remote, shard)
    }

    func fails(_ name: String, _ error: CulvertError, remote: Int, _ shard: ShardCore) {
        guard var tunnel = tunnels[name] else { return }
        parts.logger.warning(
            "\(error.message)",
            metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 }
        )
        tunnel.lastError = error
        let isSilence = [.gatewayUnreachable, .fragmentsLost].contains(error.code)
        if tunnel.usesTicket, !isSilence {
            // What the gateway thinks of the ticket is not what it thinks of us.
            tunnel.ticket = nil
            tunnels[name] = tunnel
            return connect(name, remote: remote, shard)
        }
        if isSilence, remote + 1 < tunnel.connection.remotes.count {
            tunnels[name] = tunnel
            return connect(name, remote: remote + 1, shard)
        }
        if tunnel.stoodOnce || tunnel.connection.isKept {
            tunnel.phase = .waiting(until: shard.now + tunnel.schedule.next(after: .failed, using: &random))
        } else {
            tunnel.phase = .failed
        }
        tunnels[name] = tunnel
        clearInterface(name)
        release(name, shard)
        // Maybe what was refused has been renewed when the next try comes.
        if case .waiting = tunnel.phase, error.code != .gatewayUnreachable { refresh(name, shard) }
    }

    func ends(_ status: IKESAStatus, _ reason: CloseReason, _ shard: ShardCore) {
        let id = status.id
        guard let name = name(of: id), var tunnel = tunnels[name] else { return }
        if tunnel.replacement?.id == id { return replacementEnds(name, reason, shard) }
        let error = status.error(of: reason)
        if let error {
            parts.logger.warning(
                "\(error.message)",
                metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 }
            )
        }
        parts.logger.info("tunnel ended", metadata: ["tunnel": "\(name)", "reason": "\(reason.word)"])
        // Whoever was called back will be up again before anybody misses addresses and routes.
        let isQuick = reason == .peerRestarted || tunnel.replacement != nil
        if !isQuick { clearInterface(name) }
        tunnel = tunnels[name] ?? tunnel
        if case .closing = tunnel.phase {
            tunnels[name] = nil
            replaceSecrets(shard)
            return
        }
        let stood = tunnel.upSince.map { shard.now - $0 }
        tunnel.upSince = nil
        if let error { tunnel.lastError = error }
        if let replacement = tunnel.replacement {
            // Another one is on its way already.
            tunnel.replacement = nil
            tunnel.phase = .connecting(replacement.id, since: replacement.since, remote: replacement.remote)
            tunnel.usesTicket = replacement.usesTicket
            tunnels[name] = tunnel
            return
        }
        tunnel.lastError =
            tunnel.lastError ?? CulvertError(.sessionReplaced, "the tunnel ended: \(reason.word)")
        // What we closed ourselves because nothing came of it is tried again only where the configuration keeps it.
        let lost = tunnel.stoodOnce && reason != .requested && reason != .replaced
        let retries = lost || tunnel.connection.isKept
        let pause = tunnel.schedule.next(after: reason.reconnectCause, stood: stood, using: &random)
        tunnel.phase = retries ? .waiting(until: shard.now + pause) : .failed
        tunnels[name] = tunnel
        if !retries { clearInterface(name) }
        release(name, shard)
    }

    func close(_ name: String, _ shard: ShardCore) {
        guard let tunnel = tunnels[name] else { return }
        clearInterface(name)
        releaseFlows(name)
        closeReplaced(name, shard)
        if let replacement = tunnel.replacement {
            tunnels[name]?.replacement = nil
            shard.perform(.close(replacement.id, .requested))
        }
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

    func audit(
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
    func release(_ name: String, _ shard: ShardCore) {
        guard let tunnel = tunnels[name] else { return }
        tunnels[name]?.waiters = []
        let status = status(name, tunnel, shard)
        for waiter in tunnel.waiters { waiter(status) }
    }

    func status(_ name: String, _ tunnel: AgentTunnel, _ shard: ShardCore) -> AgentTunnelStatus {
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
    func replaceSecrets(_ shard: ShardCore) {
        var signers: [KeyID: LocalKeyOracle.Signer] = [:]
        var secrets: [KeyID: SecretBytes] = [:]
        var ppks: [KeyID: SecretBytes] = [:]
        var trust: [String: CertificateAuthenticator.Trust] = [:]
        parts.eap?.replace(peers: tunnels.compactMapValues(\.connection.eap))
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
