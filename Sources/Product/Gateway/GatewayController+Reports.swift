import AuditLog
import ConfigFile
import IKEv2
import IPsecTypes
import Logging
import Netlink
import PacketIO
import Policy
import Runtime
import Sessions

extension GatewayController {
    func observe(_ report: IKEReport, shard: ShardCore) {
        parts.logger.debug("ike", metadata: ["report": "\(report)"])
        switch report {
        case .established(let status): sessionStarts(status, shard)
        case .childEstablished(let id, let child): childStarts(id, child, shard)
        case .childRekeyed(let id, let old, let child): childRekeyed(id, old, child, shard)
        case .childClosed(let id, let child, let reason): childEnds(id, child, reason, shard)
        case .ikeRekeyed(let status): ikeRekeyed(status)
        case .closed(let status, let reason): sessionEnds(status, reason, shard)
        case .failed(let id, let failure): failed(id, failure, shard)
        case .childFailed(let id, let failure): childFailed(id, failure)
        case .cookies(let demanded, let halfOpen):
            parts.logger.notice(
                demanded ? "cookies are demanded" : "cookies are no longer demanded",
                metadata: ["half_open": "\(halfOpen)"]
            )
        // A gateway begins no IKE SAs.
        case .suspected, .redirected, .reauthenticationDue: break
        case .pathChanged(let id, let old, let new, let cause): sessionMoves(id, old, new, cause)
        case .mobility(let id, let report): report.log(to: parts.logger, ["session": "\(sessionOf[id] ?? "")"])
        case .retransmitting, .collision, .dropped: break
        }
    }

    private func session(of id: IKESAID) -> Session? {
        sessionOf[id].flatMap { sessions[$0] ?? ended[$0] }
    }

    private func sessionStarts(_ status: IKESAStatus, _ shard: ShardCore) {
        guard let session = session(of: status.id) else {
            // RFC 7296 keeps an IKE SA whose first child was refused; one that was granted nothing does not stay for long.
            withoutSession[status.id] = shard.now + loaded.configuration.ike.halfOpenLife
            return
        }
        var record = record(.sessionStart)
        record.path = status.path
        record.suite = status.suite.map { "\($0)" }
        describe(session, in: &record)
        parts.audit.write(record)
        accountStart(session, now: shard.now)
        parts.logger.info(
            "session started",
            metadata: [
                "session": "\(record.session ?? "")", "peer": "\(record.peerID ?? "")", "rule": "\(record.rule ?? "")",
            ]
        )
    }

    private func sessionMoves(_ id: IKESAID, _ old: Path, _ new: Path, _ cause: PathChange) {
        var record = record(.sessionMoved)
        record.path = new
        record.reason = cause.rawValue
        if let session = session(of: id) { describe(session, in: &record) }
        parts.audit.write(record)
        parts.logger.info(
            "session moved",
            metadata: [
                "session": "\(record.session ?? "")", "from": "\(old)", "to": "\(new)", "cause": "\(cause.rawValue)",
            ]
        )
    }

    private func childStarts(_ id: IKESAID, _ child: ChildSAStatus, _ shard: ShardCore) {
        if let session = session(of: id) {
            if child.mode == .transport { protect(session, shard) } else { addSiteRoutes(session, child) }
        }
        parts.audit.write(childRecord(.childUp, id, child))
    }

    private func childRekeyed(_ id: IKESAID, _ old: SPI, _ child: ChildSAStatus, _ shard: ShardCore) {
        var record = childRecord(.childRekey, id, child)
        record.reason = "replaces \(old)"
        parts.audit.write(record)
    }

    private func childEnds(_ id: IKESAID, _ child: ChildSAStatus, _ reason: CloseReason, _ shard: ShardCore) {
        let counters = shard.counters(child.inboundSPI) ?? SACounters()
        if let session = sessionOf[id] {
            var total = closedCounters[session] ?? SACounters()
            total.add(counters)
            closedCounters[session] = total
        }
        // A rekeyed child's packets count for its session; its end is told by the record of the rekeying.
        guard reason != .rekeyed, reason != .redundant else { return }
        if child.mode == .transport, let session = session(of: id) { protect(session, shard) }
        var record = childRecord(.childDown, id, child)
        record.count(counters)
        record.reason = reason.word
        parts.audit.write(record)
    }

    private func ikeRekeyed(_ status: IKESAStatus) {
        var record = record(.ikeRekey)
        record.path = status.path
        record.suite = status.suite.map { "\($0)" }
        if let session = session(of: status.id) { describe(session, in: &record) }
        parts.audit.write(record)
    }

    private func sessionEnds(_ status: IKESAStatus, _ reason: CloseReason, _ shard: ShardCore) {
        withoutSession[status.id] = nil
        guard let id = sessionOf.removeValue(forKey: status.id) else { return }
        ikeSAs[id] = nil
        let session = sessions.close(id, now: shard.now) ?? ended[id]
        noteLeases(SystemClock.wall)
        ended[id] = nil
        let counters = closedCounters.removeValue(forKey: id) ?? SACounters()
        let routes = siteRoutes.removeValue(forKey: id) ?? []
        // A site that was authenticated anew has the same networks.
        for prefix in routes where !siteRoutes.values.contains(where: { $0.contains(prefix) }) {
            network.removeRoute(prefix)
        }
        for flow in flows.removeValue(forKey: id) ?? [] { network.release(flow) }
        var record = record(.sessionEnd)
        record.path = status.path
        let end = endings.removeValue(forKey: id)
        record.reason = end?.rawValue ?? reason.word
        record.count(counters)
        if let error = status.error(of: reason) {
            record.code = error.code
            note(error, peer: "\(status.path.remote)")
        }
        if let session {
            describe(session, in: &record)
            record.seconds = (shard.now - session.started).components.seconds
            accountStop(session, reason, end, counters, now: shard.now)
        }
        parts.audit.write(record)
        parts.logger.info("session ended", metadata: ["session": "\(id)", "reason": "\(record.reason ?? "")"])
    }

    private func failed(_ id: IKESAID?, _ failure: FailureReport, _ shard: ShardCore) {
        if let id, let session = sessionOf.removeValue(forKey: id) {
            ikeSAs[session] = nil
            sessions.close(session, now: shard.now)
            noteLeases(SystemClock.wall)
            ended[session] = nil
            endings[session] = nil
            radiusSessions[session] = nil
        }
        // A refusal by policy has its own record already.
        if case .refused = failure.cause { return }
        // Anybody can make handshakes fail: beyond a rate they are counted, and the count is told.
        guard strangers.takes(now: shard.now) else { return }
        let error = failure.error
        var record = record(failure.stage == .authentication ? .authenticationFailed : .negotiationFailed)
        record.claimedID = failure.remoteIdentity.map { "\($0)" }
        record.path = failure.path
        record.fail(error)
        parts.audit.write(record)
        note(error, peer: "\(failure.path.remote)")
    }

    private func childFailed(_ id: IKESAID, _ failure: FailureReport) {
        // Without a session it was policy that refused, and that has its own record.
        guard let session = session(of: id) else { return }
        let error = failure.error
        var record = record(.childRefused)
        record.path = failure.path
        describe(session, in: &record)
        record.fail(error)
        parts.audit.write(record)
        note(error, peer: "\(failure.path.remote)")
    }

    private func childRecord(_ event: AuditEvent, _ id: IKESAID, _ child: ChildSAStatus) -> AuditRecord {
        var record = record(event)
        if let session = session(of: id) { describe(session, in: &record) }
        record.suite = "\(child.suite)"
        record.spis = ["\(child.inboundSPI)", "\(child.outboundSPI)"]
        record.selectors = [
            child.localSelectors.map { "\($0)" }.joined(separator: ","),
            child.remoteSelectors.map { "\($0)" }.joined(separator: ","),
        ]
        return record
    }

    /// Networks behind a site are reached through the tunnel; the pools have a route of their own.
    private func addSiteRoutes(_ session: Session, _ child: ChildSAStatus) {
        guard siteRoutes[session.id] == nil else { return }
        let pools = loaded.configuration.pools
        let prefixes = child.remoteSelectors.flatMap(\.addresses.prefixes).filter { prefix in
            !pools.contains { $0.contains(prefix.address) }
        }
        var added: [IPPrefix] = []
        for prefix in Set(prefixes).sorted(by: { $0.description < $1.description }) {
            if siteRoutes.values.contains(where: { $0.contains(prefix) }) {
                added.append(prefix)
                continue
            }
            if let overlap = network.conflict(prefix) {
                note(
                    CulvertError(.routeConflict, "\(prefix) of \(session.subject.identity) lies in \(overlap.network)"),
                    peer: "\(session.subject.identity)"
                )
                continue
            }
            if (try? network.addRoute(prefix)) != nil { added.append(prefix) }
        }
        siteRoutes[session.id] = added
    }
}

extension SACounters {
    mutating func add(_ other: SACounters) {
        inboundPackets &+= other.inboundPackets
        inboundBytes &+= other.inboundBytes
        outboundPackets &+= other.outboundPackets
        outboundBytes &+= other.outboundBytes
        replayDrops &+= other.replayDrops
        integrityDrops &+= other.integrityDrops
        policyDrops &+= other.policyDrops
        otherDrops &+= other.otherDrops
        lastInbound = [lastInbound, other.lastInbound].compactMap { $0 }.max()
    }
}
