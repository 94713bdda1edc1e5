import AuditLog
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Runtime

/// Make before break: another IKE SA is made beside the one that carries traffic, takes over when it stands, and only then
/// the first one is deleted. For reauthentication, redirects, and gateways that may have lost the tunnel.
extension AgentController {
    /// After this many unanswered retransmissions (3.5 s with the defaults) the gateway may have lost the tunnel without being
    /// able to prove it. The old one goes on being tried.
    private static let silentAttempts = 3
    /// How long the IKE SA that was replaced goes on receiving before it is deleted: packets in flight to us.
    private static let replacedLinger: Duration = .milliseconds(500)

    func peerIsSilent(_ id: IKESAID, _ attempt: Int, _ shard: ShardCore) {
        guard attempt == Self.silentAttempts else { return }
        replace(id, because: "the gateway does not answer", shard)
    }

    /// Makes another IKE SA with the same gateway, by the ticket where there is one.
    func replace(_ id: IKESAID, because reason: String, _ shard: ShardCore) {
        guard let name = name(of: id), let tunnel = tunnels[name], case .up(id) = tunnel.phase,
            let status = shard.status(id)
        else { return }
        let remotes = tunnel.connection.remotes
        let remote = remotes.firstIndex { $0.address == status.path.remote.address } ?? 0
        guard remote < remotes.count else { return }
        begin(name, remotes[remote], remote, tunnel.ticket?.ticket, from: nil, reason, shard)
    }

    /// RFC 4478: with the credentials as they are on disk now, which may have been renewed.
    func reauthenticate(_ id: IKESAID, _ shard: ShardCore) {
        guard let name = name(of: id) else { return }
        refresh(name, shard) { controller, shard, _ in controller.beginReauthentication(id, shard) }
    }

    /// A full exchange, for a ticket proves nothing anew.
    func beginReauthentication(_ id: IKESAID, _ shard: ShardCore) {
        guard let name = name(of: id), let tunnel = tunnels[name], case .up(id) = tunnel.phase,
            let status = shard.status(id)
        else { return }
        let remotes = tunnel.connection.remotes
        let remote = remotes.firstIndex { $0.address == status.path.remote.address } ?? 0
        let target = remote < remotes.count ? remotes[remote] : status.path.remote
        begin(name, target, remote, nil, from: nil, "the authentication is to be repeated", shard)
    }

    private func begin(
        _ name: String,
        _ target: Endpoint,
        _ remote: Int,
        _ ticket: SessionTicket?,
        from gateway: IPAddress?,
        _ reason: String,
        _ shard: ShardCore
    ) {
        guard let tunnel = tunnels[name], tunnel.replacement == nil,
            let source = interface.source(towards: target.address)
        else { return }
        parts.logger.info("the tunnel is made anew", metadata: ["tunnel": "\(name)", "reason": "\(reason)"])
        var initiation = Initiation(
            withAddresses(tunnel.connection.configuration),
            path: Path(transport: .udp500, local: Endpoint(source, port: parts.localPort), remote: target),
            ticket: ticket,
            redirectedFrom: gateway
        )
        initiation.formerAddresses = tunnel.formerAddresses
        let since = shard.now
        guard let id = shard.perform(.begin(initiation)), tunnels[name] != nil, shard.status(id) != nil else { return }
        tunnels[name]?.replacement = AgentTunnel.Replacement(
            id: id,
            since: since,
            remote: remote,
            usesTicket: ticket != nil
        )
    }

    /// The other one stands: traffic leaves by it already, now the interface follows, and the old one goes.
    func takeOver(_ name: String, _ status: IKESAStatus, _ shard: ShardCore) {
        guard var tunnel = tunnels[name], let replacement = tunnel.replacement else { return }
        let old = tunnel.ikeSA
        do throws(CulvertError) {
            try moveInterface(&tunnel, status)
        } catch {
            tunnels[name] = tunnel
            tunnels[name]?.replacement = nil
            tunnels[name]?.lastError = error
            audit(.sessionRefused, name, status.path, error)
            shard.perform(.close(status.id, .requested))
            return
        }
        tunnel.replacement = nil
        tunnel.phase = .up(status.id)
        tunnel.formerAddresses = status.addresses
        tunnel.setup = shard.now - replacement.since
        tunnel.lastError = nil
        tunnel.keepTicket(from: status.id, at: replacement.remote)
        tunnel.replaced = old
        tunnel.closesReplacedAt = shard.now + Self.replacedLinger
        tunnels[name] = tunnel
        audit(.sessionStart, name, status.path, nil, "replaces \(old.map { "\($0)" } ?? "the one before")")
        parts.logger.info("the new tunnel has taken over", metadata: ["tunnel": "\(name)"])
    }

    /// Deletes what has been taken over from.
    func closeReplaced(_ name: String, _ shard: ShardCore) {
        guard let old = tunnels[name]?.replaced else { return }
        tunnels[name]?.replaced = nil
        tunnels[name]?.closesReplacedAt = nil
        shard.perform(.close(old, .replaced))
    }

    /// The old tunnel goes on; what asked for another one will ask again.
    func replacementFails(_ name: String, _ error: CulvertError, _ shard: ShardCore) {
        parts.logger.warning(
            "the tunnel could not be made anew: \(error.message)",
            metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 }
        )
        if tunnels[name]?.replacement?.usesTicket == true { tunnels[name]?.ticket = nil }
        tunnels[name]?.replacement = nil
    }

    func replacementEnds(_ name: String, _ reason: CloseReason, _ shard: ShardCore) {
        parts.logger.info("the new tunnel ended", metadata: ["tunnel": "\(name)", "reason": "\(reason.word)"])
        tunnels[name]?.replacement = nil
    }

    // MARK: Redirect (RFC 5685)

    /// The engine has held the target against the list; here the number in a row is bounded (S13).
    func redirected(
        _ id: IKESAID,
        to target: RedirectTarget,
        _ stage: FailureReport.Stage,
        _ shard: ShardCore
    ) {
        guard let name = name(of: id), var tunnel = tunnels[name] else { return }
        let from = shard.status(id)?.path.remote.address ?? tunnel.lastRemote
        let allowed = tunnel.redirects.follow(shard.now)
        tunnels[name] = tunnel
        guard allowed, let endpoint = tunnel.connection.redirects[target]?.first else {
            let error = CulvertError(
                .gatewayUnreachable,
                "the gateway redirects us to \(target.text) after \(RedirectHistory.limit) redirects in a row"
            )
            if tunnel.replacement?.id == id { return replacementFails(name, error, shard) }
            guard case .connecting(id, _, let remote) = tunnel.phase else { return }
            return fails(name, error, remote: max(remote, tunnel.connection.remotes.count), shard)
        }
        parts.logger.notice("redirected", metadata: ["tunnel": "\(name)", "to": "\(target.text)"])
        let remote = tunnel.remoteIndex(endpoint)
        tunnel.lastRemote = endpoint.address
        if tunnel.replacement?.id == id {
            tunnel.replacement = nil
            tunnels[name] = tunnel
            return begin(name, endpoint, remote, nil, from: from, "redirected again", shard)
        }
        switch tunnel.phase {
        case .up(id):
            tunnels[name] = tunnel
            begin(name, endpoint, remote, nil, from: from, "redirected", shard)
        case .connecting(id, let since, _):
            tunnel.phase = .waiting(until: shard.now)
            tunnels[name] = tunnel
            follow(name, endpoint, remote, from, since, shard)
        default: tunnels[name] = tunnel
        }
    }

    /// A tunnel that does not stand yet goes on at the other gateway.
    private func follow(
        _ name: String,
        _ endpoint: Endpoint,
        _ remote: Int,
        _ from: IPAddress?,
        _ since: Instant,
        _ shard: ShardCore
    ) {
        guard let tunnel = tunnels[name], let source = interface.source(towards: endpoint.address) else { return }
        let path = Path(
            transport: .udp500,
            local: Endpoint(source, port: parts.localPort),
            remote: endpoint
        )
        let configuration = withAddresses(tunnel.connection.configuration)
        var initiation = Initiation(configuration, path: path, redirectedFrom: from)
        initiation.formerAddresses = tunnel.formerAddresses
        guard let id = shard.perform(.begin(initiation)), tunnels[name] != nil else { return }
        tunnels[name]?.phase = .connecting(id, since: since, remote: remote)
        tunnels[name]?.usesTicket = false
    }

    // MARK: Tickets (RFC 5723)

    func keep(_ ticket: SessionTicket, of id: IKESAID) {
        guard let name = name(of: id), let tunnel = tunnels[name] else { return }
        tunnels[name]?.tickets = [id: ticket]
        // One that came later, after a rekeying, belongs to the gateway that we are with.
        if case .up(id) = tunnel.phase, let gateway = tunnel.ticket?.gateway {
            tunnels[name]?.ticket = AgentTunnel.Ticket(ticket: ticket, gateway: gateway)
        }
    }

    func dropTicket(of id: IKESAID) {
        guard let name = name(of: id), let tunnel = tunnels[name] else { return }
        tunnels[name]?.tickets[id] = nil
        switch tunnel.phase {
        case .up(id), .closing(id): tunnels[name]?.ticket = nil
        case .connecting(id, _, _) where tunnel.usesTicket:
            // Refused; the same IKE SA goes on without.
            tunnels[name]?.ticket = nil
            tunnels[name]?.usesTicket = false
        default: break
        }
    }
}
