import IKEMessage
import IKEv2
import IPsecTypes

/// What keeps a host's connection up, as the agent does: try again with growing pauses, and miss no child.
extension SimulatedHost {
    func receive(_ report: IKEReport) {
        world.note("\(name): \(report.summary)")
        world.statistics.count(report)
        if keepsReports { reports.append(report) }
        if let event = report.timelineEvent { world.mark(self, event) }
        switch report {
        case .established(let status):
            if status.id == current {
                backoff = Self.firstBackoff
                ticket = nil
            }
            world.checkAuthenticated(self, status)
        case .failed(let id, _):
            if let id { leases[id] = nil }
            guard let id, id == current else { return }
            current = nil
            ticket = nil
            reconnectLater()
        case .closed(let status, _):
            if description.sabotage != .keepsLeases { leases[status.id] = nil }
            guard status.id == current else { return }
            current = nil
            // An engine that lets go of it drops it afterwards; what is left is for the next try.
            ticket = tickets.removeValue(forKey: status.id)
            reconnectLater()
        case .childFailed(let id, let failure):
            guard id == current, let child = failure.child else { return }
            restoreLater(child)
        case .childClosed(let id, let child, let reason):
            guard id == current, reason != .rekeyed, reason != .redundant, reason != .ikeSAClosed else { return }
            restoreLater(child.name)
        case .childRekeyed(_, let old, _):
            if description.sabotage == .oldSADropped { dataplane.remove(old) }
        case .childEstablished, .ikeRekeyed, .retransmitting, .pathChanged, .collision, .dropped,
            .cookies, .suspected, .redirected, .reauthenticationDue, .mobility:
            break
        }
    }

    /// Makes the connection that the host keeps up.
    func connect() {
        guard isUp, !isSuspended, wantsUp, current == nil, let connection = description.connection,
            let peer = description.peer
        else {
            return
        }
        let path = Path(
            transport: .udp500,
            local: Endpoint(description.address, port: SimulatedPacket.ikePort),
            remote: Endpoint(peer, port: SimulatedPacket.ikePort)
        )
        perform(.begin(Initiation(connection, path: path, ticket: ticket)))
    }

    private func reconnectLater() {
        guard wantsUp else { return }
        let pause = backoff
        backoff = min(backoff * 2, Self.longestBackoff)
        let index = index
        world.script(after: pause) { $0.hosts[index].connect() }
    }

    private func restoreLater(_ child: String) {
        guard wantsUp else { return }
        let index = index
        world.script(after: .seconds(1)) { $0.hosts[index].restore(child) }
    }

    private func restore(_ child: String) {
        if isFrozen || isSuspended { return restoreLater(child) }
        guard isUp, wantsUp, let current, let status = endpoint.status(current),
            status.phase == .established,
            !status.children.contains(where: { $0.name == child && ($0.phase == .installed || $0.phase == .rekeying) }),
            let configuration = description.connection?.children.first(where: { $0.name == child })
        else { return }
        perform(.addChild(current, configuration))
    }

    // MARK: Another owner

    /// Hands one IKE SA over: snapshot, forget, and after `gap` thaw with an epoch that its keys have not seen.
    ///
    /// - Parameter takeover: whether the new owner is an endpoint that knew nothing.
    func handOver(gap: Duration, takeover: Bool) {
        guard isUp, !isFrozen, !isSuspended else { return }
        let ids = endpoint.statuses().map(\.id)
        guard let chosen = ids.isEmpty ? nil : random.pick(ids) else { return }
        let moved = takeover ? ids : [chosen]
        var snapshots: [IKESASnapshot] = []
        for id in moved {
            guard let snapshot = endpoint.snapshot(id, now: world.now) else { return }
            snapshots.append(snapshot)
        }
        if takeover, endpoint.halfOpenCount > 0 { return }
        for id in moved {
            for spi in dataplane.entries.keys.sorted() where belongs(spi, to: id) { dataplane.park(spi) }
            perform(.forget(id))
        }
        world.statistics.handovers += 1
        world.note("\(name): frozen, \(moved.count) IKE SA, takeover \(takeover)")
        isFrozen = true
        if takeover { replaceEndpoint() }
        let (index, life, wasCurrent) = (index, incarnation, moved.contains { $0 == current })
        world.script(after: gap) { world in
            let host = world.hosts[index]
            guard host.incarnation == life else { return }
            host.thaw(snapshots, wasCurrent: wasCurrent)
        }
    }

    private func belongs(_ spi: SPI, to id: IKESAID) -> Bool {
        endpoint.status(id)?.children.contains { $0.inboundSPI == spi } ?? false
    }

    private func thaw(_ snapshots: [IKESASnapshot], wasCurrent: Bool) {
        isFrozen = false
        lastEpoch = description.sabotage == .reusedEpoch ? 1 - lastEpoch : lastEpoch + 1
        description.configuration.ivEpoch = lastEpoch
        for snapshot in snapshots {
            let id = perform(.thaw(snapshot, ivEpoch: lastEpoch))
            if wasCurrent { current = id }
        }
        dataplane.unpark(ivEpoch: lastEpoch)
        world.note("\(name): thawed")
    }

    // MARK: Sabotage

    /// Rolls the IKE SA back before a request that was seen before, so that it is handled anew.
    func prepareSabotage(_ bytes: [UInt8]) {
        guard description.sabotage == .retransmissionIsNew, let header = try? IKEHeader.parse(bytes.span),
            !header.flags.contains(.response), header.exchangeType == .createChildSA,
            let status = endpoint.statuses().first(where: {
                $0.initiatorSPI == header.initiatorSPI && $0.responderSPI == header.responderSPI
            })
        else { return }
        let digest = Digest.of(bytes)
        if let before = seenRequests[digest] {
            lastEpoch += 1
            var ignored: [IKEAction] = []
            _ = endpoint.perform(
                .forget(status.id),
                now: world.now,
                wallClock: wallClock,
                using: &random,
                into: &ignored
            )
            _ = endpoint.perform(
                .thaw(before, ivEpoch: lastEpoch),
                now: world.now,
                wallClock: wallClock,
                using: &random,
                into: &ignored
            )
        } else if let snapshot = endpoint.snapshot(status.id, now: world.now) {
            seenRequests[digest] = snapshot
        }
    }
}

extension IKEReport {
    /// A few words for the trace.
    var summary: String {
        switch self {
        case .established(let status):
            "established \(status.id) \(status.initiatorSPI)/\(status.responderSPI) children \(status.children.count)"
        case .childEstablished(let id, let child):
            "child \(child.name) of \(id) in \(child.inboundSPI) out \(child.outboundSPI)"
        case .childRekeyed(let id, let old, let child):
            "child \(child.name) of \(id) rekeyed \(old) to \(child.inboundSPI)/\(child.outboundSPI)"
        case .childClosed(let id, let child, let reason):
            "child \(child.name) of \(id) closed \(child.inboundSPI)/\(child.outboundSPI): \(reason)"
        case .ikeRekeyed(let status): "\(status.id) rekeyed to \(status.initiatorSPI)/\(status.responderSPI)"
        case .closed(let status, let reason): "\(status.id) closed: \(reason)"
        case .failed(let id, let failure): "\(id?.description ?? "stranger") failed: \(failure)"
        case .childFailed(let id, let failure): "child of \(id) failed: \(failure)"
        case .retransmitting(let id, let attempt, _): "\(id) retransmits, attempt \(attempt)"
        case .pathChanged(let id, _, let to, let cause): "\(id) moves to \(to): \(cause.rawValue)"
        case .collision(let id, let text): "collision of \(id): \(text)"
        case .dropped(let reason, let path): "dropped \(reason.rawValue) from \(path.remote)"
        case .suspected(let id): "suspected \(id)"
        case .redirected(let id, let target, let stage): "redirected \(id) to \(target) in \(stage.rawValue)"
        case .reauthenticationDue(let id): "reauthentication due \(id)"
        case .cookies(let demanded, let count): "cookies \(demanded ? "demanded" : "not demanded") at \(count)"
        case .mobility(let id, let report): "\(id): \(report)"
        }
    }
}
