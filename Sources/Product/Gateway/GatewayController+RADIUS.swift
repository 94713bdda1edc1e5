import AuditLog
import ConfigFile
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Policy
import RADIUS
import Runtime
import Sessions

// Authorization, accounting and dynamic authorization by RADIUS servers.
extension GatewayController {
    /// What a RADIUS server let this peer in with; nil for everybody else.
    func acceptance(_ request: AuthorizationRequest) -> RADIUSAcceptances.Entry? {
        parts.radius?.accepted.entry(request.verified.token) ?? resumedAcceptance(request)
    }

    /// E12: a filter that no entry of the policy names would be a restriction that nobody holds. Fails closed.
    func unknownFilter(_ authorization: RADIUSAuthorization) -> CulvertError? {
        let known = loaded.policy.document.eapGroups
        guard let unknown = authorization.filters.first(where: { !known.contains($0) }) else { return nil }
        return CulvertError(
            .unknownName,
            "radius_filter: no entry under peers: has the group \(unknown.printable) that the RADIUS server demands",
            next: "add an entry with eap_group: \(unknown.printable), or change Filter-Id on the server"
        )
    }

    // MARK: Accounting

    /// Remembers a session that is about to start.
    func remember(_ session: Session, _ request: AuthorizationRequest) {
        guard parts.radius?.current != nil else { return }
        radiusSessions[session.id] = RADIUSSession(
            acceptance(request),
            identity: request.verified.eap?.name ?? session.subject.identity.value,
            path: request.path,
            interval: loaded.configuration.radius.interim
        )
    }

    func accountStart(_ session: Session, now: Instant) {
        guard let known = radiusSessions[session.id] else { return }
        radiusSessions[session.id]?.nextInterim = now + known.interval
        parts.radius?.account(accountingRecord(.start, session, known, shard: nil))
    }

    func accountStop(
        _ session: Session,
        _ reason: CloseReason,
        _ end: SessionEnd?,
        _ counters: SACounters,
        now: Instant
    ) {
        guard let known = radiusSessions.removeValue(forKey: session.id) else { return }
        // A session that never started is not known to the servers.
        guard known.nextInterim != nil else { return }
        var record = accountingRecord(.stop, session, known, shard: nil)
        record.fill(counters)
        record.seconds = UInt32(clamping: (now - session.started).components.seconds)
        record.cause = AccountingRecord.TerminateCause(reason, end)
        parts.radius?.account(record)
    }

    /// The next interim record that is due.
    var nextInterim: Instant? { radiusSessions.values.compactMap(\.nextInterim).min() }

    func accountInterim(_ shard: ShardCore) {
        let now = shard.now
        for (id, known) in radiusSessions {
            guard let due = known.nextInterim, due <= now else { continue }
            radiusSessions[id]?.nextInterim = now + known.interval
            guard let session = sessions[id] else { continue }
            var record = accountingRecord(.interim, session, known, shard: shard)
            record.seconds = UInt32(clamping: (now - session.started).components.seconds)
            parts.radius?.account(record)
        }
    }

    private func accountingRecord(
        _ status: AccountingRecord.Status,
        _ session: Session,
        _ known: RADIUSSession,
        shard: ShardCore?
    ) -> AccountingRecord {
        var record = AccountingRecord(
            status,
            sessionID: session.id,
            at: SystemClock.wall,
            identification: known.identification(session.addresses)
        )
        guard let shard else { return record }
        var counters = closedCounters[session.id] ?? SACounters()
        for child in ikeSAs[session.id].flatMap({ shard.status($0) })?.children ?? [] {
            if let live = shard.counters(child.inboundSPI) { counters.add(live) }
        }
        record.fill(counters)
        return record
    }

    // MARK: Dynamic authorization

    /// Carries out a Disconnect-Request or CoA-Request; nil acknowledges it. All that is asked happens, or nothing
    /// (RFC 5176 §2.3).
    func carryOut(_ request: DynamicRequest, shard: ShardCore) -> DynamicRefusal? {
        let refusal = decide(request, shard)
        parts.logger.notice(
            "dynamic authorization by RADIUS",
            metadata: [
                "from": "\(request.client)", "asks": request.kind == .disconnect ? "disconnect" : "change",
                "answer": "\(refusal.map { "refused, \($0)" } ?? "done")",
            ]
        )
        return refusal
    }

    private func decide(_ request: DynamicRequest, _ shard: ShardCore) -> DynamicRefusal? {
        let meant = sessions.all.filter { session in
            guard ikeSAs[session.id] != nil, let known = radiusSessions[session.id] else { return false }
            return known.fits(request.selection, id: session.id, addresses: session.addresses)
        }
        if case .disconnect = request.kind, let user = request.selection.userName, request.selection.namesUserAlone {
            // It may have no session at the moment, and a ticket.
            cut([TicketCuts.user(user)])
        }
        guard !meant.isEmpty else { return .sessionNotFound }
        switch request.kind {
        case .disconnect:
            for session in meant { end(session, .disconnected, shard) }
            return nil
        case .change(let change): return apply(change, to: meant, shard)
        }
    }

    private func end(_ session: Session, _ end: SessionEnd, _ shard: ShardCore) {
        guard let id = ikeSAs[session.id] else { return }
        if end == .disconnected { cut(session) }
        endings[session.id] = end
        shard.perform(.close(id, .requested))
    }

    private func apply(_ change: RADIUSAuthorization, to meant: [Session], _ shard: ShardCore) -> DynamicRefusal? {
        // Only who was let in by RADIUS has groups and limits that RADIUS may change.
        guard meant.allSatisfy({ radiusSessions[$0.id]?.isAuthenticated ?? false }) else { return .prohibited }
        guard unknownFilter(change) == nil else { return .invalidValue }
        var regrants: [(session: Session, subject: PolicySubject, grant: PolicyGrant, known: RADIUSAuthorization)] = []
        for session in meant {
            guard var known = radiusSessions[session.id]?.authorization else { continue }
            if !change.filters.isEmpty { known.filters = change.filters }
            if !change.classes.isEmpty { known.classes = change.classes }
            if let seconds = change.sessionTimeout { known.sessionTimeout = seconds }
            if let interval = change.interimInterval { known.interimInterval = interval }
            var subject = session.subject
            subject.eap?.groups = known.groups
            subject.groups = known.groups
            guard let grant = loaded.policy.decide(subject).grant else { return .invalidValue }
            regrants.append((session, subject, grant, known))
        }
        for (session, subject, grant, known) in regrants {
            radiusSessions[session.id]?.authorization = known
            if known.interimInterval != nil { radiusSessions[session.id]?.takeInterval() }
            sessions.regrant(session.id, subject: subject, grant: grant)
            // Its ticket says what it was before.
            cut(session)
            if let id = ikeSAs[session.id] { shard.perform(.retireTicket(id)) }
            if let seconds = change.sessionTimeout, let id = ikeSAs[session.id] {
                sessions.limit(session.id, until: shard.now + .seconds(Int64(seconds)))
                shard.perform(.setNotAfter(id, SystemClock.wall.advanced(bySeconds: Int64(seconds))))
            }
            var record = record(.sessionChanged)
            describe(session, in: &record)
            record.reason = "by the RADIUS server: " + change.summary
            parts.audit.write(record)
            // What needs other selectors or rules cannot be had by this tunnel: its peer comes back for it.
            if !keeps(session.grant, grant) { end(session, .policyChanged, shard) }
        }
        return nil
    }
}

extension RADIUSAuthorization {
    /// What it says, for a record.
    var summary: String {
        var words: [String] = []
        if let sessionTimeout { words.append("session timeout \(sessionTimeout) s") }
        if let interimInterval { words.append("interim interval \(interimInterval) s") }
        if !groups.isEmpty { words.append("groups " + groups.joined(separator: " ").printable) }
        return words.joined(separator: ", ")
    }
}

extension PolicyDocument {
    /// The groups that entries under `peers:` name.
    var eapGroups: Set<String> {
        Set(
            peers.flatMap { peer -> [String] in
                var members = [peer.thenEAP]
                if case .eap(let member) = peer.authentication { members.append(member) }
                return members.compactMap { $0?.group }
            }
        )
    }
}

extension AccountingRecord {
    /// Input is what came from the peer (RFC 2866 §5.3).
    mutating func fill(_ counters: SACounters) {
        inputOctets = counters.inboundBytes
        inputPackets = counters.inboundPackets
        outputOctets = counters.outboundBytes
        outputPackets = counters.outboundPackets
    }
}

extension AccountingRecord.TerminateCause {
    /// Why a session ended: by what we decided, else by what the engine saw.
    init(_ reason: CloseReason, _ end: SessionEnd?) {
        switch end {
        case .closed, .disconnected, .policyChanged, .revoked: self = .adminReset
        case .leaseEnded, .hardEnd: self = .sessionTimeout
        case .replaced: self = .nasRequest
        case .peerClosed: self = .userRequest
        case .peerDead: self = .lostCarrier
        case nil:
            switch reason {
            case .deletedByPeer, .initialContact: self = .userRequest
            case .peerDead: self = .lostCarrier
            case .expired, .lifetime: self = .sessionTimeout
            case .protocolError, .outOfSync: self = .userError
            case .requested: self = .adminReboot
            case .configurationRemoved: self = .adminReset
            default: self = .nasRequest
            }
        }
    }
}
