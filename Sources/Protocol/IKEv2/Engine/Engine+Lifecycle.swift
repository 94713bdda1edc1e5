import IKEMessage
import IPsecTypes

/// How IKE SAs come and go.
extension Engine {
    /// How long a finished IKE SA repeats its last answer to a peer that did not get it.
    static let finishedLinger: Duration = .seconds(10)

    func insert(_ sa: IKESA) {
        sas[sa.localSPI] = sa
        touch(sa)
    }

    /// Puts the deadline of an IKE SA on the heap, unless an entry as early is there.
    func schedule(_ sa: IKESA) {
        guard let at = sa.nextDeadline else { return }
        if let scheduled = sa.scheduledAt, scheduled <= at { return }
        sa.scheduledAt = at
        deadlines.push(at, sa.localSPI)
    }

    /// An IKE SA could not be established.
    func fail(_ sa: IKESA, _ cause: FailureReport.Cause) {
        statistics.failed += 1
        if sa.phase == .halfOpen {
            halfOpen.noteFailure(of: sa.path.remote.address, until: now + configuration.limits.failureMemory)
        }
        let isBefore = sa.handshake?.intermediate.remaining.isEmpty == false
        let stage: FailureReport.Stage = sa.keys == nil ? .initial : isBefore ? .intermediate : .authentication
        report(.failed(sa.id, failure(sa, stage, weInitiated: sa.isInitiator, cause)))
        finish(sa, .authenticationFailed)
    }

    func failure(
        _ sa: IKESA,
        _ stage: FailureReport.Stage,
        weInitiated: Bool,
        child: String? = nil,
        _ cause: FailureReport.Cause
    ) -> FailureReport {
        FailureReport(
            stage: stage,
            weInitiated: weInitiated,
            connection: sa.connection.name,
            child: child,
            path: sa.path,
            remoteIdentity: sa.remoteIdentity,
            cause: cause,
            silence: sa.silence
        )
    }

    /// An IKE SA that was established ends, without an exchange. What depends on it goes with it.
    func destroy(_ sa: IKESA, _ reason: CloseReason) {
        // A replaced IKE SA has handed everything on; a redundant one never had anything.
        finish(sa, reason)
    }

    /// Ends an IKE SA: closes its Child SAs, reports it if it was the one its identifier stands for, and keeps only what
    /// answers a peer that missed our last response.
    func finish(_ sa: IKESA, _ reason: CloseReason) {
        let isCurrent = current[sa.id] == sa.localSPI
        retireTicket(of: sa, closedBy: sa.closeReason ?? reason)
        confirmSuccessors(sa)
        // What the peer made of it while we rekeyed as well must not live on unseen.
        if let collision = sa.peerRekeying, let successor = sas[collision.successor], successor.isEstablished {
            discardRedundant(successor)
        }
        let isStranger = sa.phase == .halfOpen
        for child in sa.children { remove(child, of: sa, .ikeSAClosed) }
        if isCurrent {
            if sa.establishedAt != nil { report(.closed(status(of: sa), sa.closeReason ?? reason)) }
            current[sa.id] = nil
            forgetIdentity(sa)
        }
        release(sa)
        sa.phase = .finished
        guard !sa.responses.lastResponse.isEmpty, !isStranger || keepsRefused(sa) else { return remove(sa) }
        sa.timers.stopAll()
        sa.timers[.forget] = now + Self.finishedLinger
        touch(sa)
    }

    /// Whether there is room for one more that repeats its refusal. Strangers make these at the price of a key exchange, so
    /// they are bounded like half-open ones, and nothing the stranger said is kept.
    private func keepsRefused(_ sa: IKESA) -> Bool {
        guard refusedCount < configuration.limits.halfOpenLimit else { return false }
        refusedCount += 1
        sa.isRefused = true
        sa.remoteIdentity = nil
        return true
    }

    /// Forgets an IKE SA altogether.
    func remove(_ sa: IKESA) {
        confirmSuccessors(sa)
        for child in sa.children { remove(child, of: sa, .ikeSAClosed) }
        if current[sa.id] == sa.localSPI {
            current[sa.id] = nil
            forgetIdentity(sa)
        }
        release(sa)
        sa.phase = .finished
        if sa.isRefused {
            sa.isRefused = false
            refusedCount -= 1
        }
        sas[sa.localSPI] = nil
    }

    /// Lets go of keys, operations and queues; wipes what nobody else holds.
    private func release(_ sa: IKESA) {
        if let key = sa.handshake?.halfOpenKey { leaveHalfOpen(sa, key) }
        discard(sa.handshake?.handle)
        if let outstanding = sa.requests.outstanding { discardSecrets(outstanding.context) }
        if let pending = sa.pending { operations[pending.id] = nil }
        // The peer's rekeying that made it came to nothing: there is nowhere to move to.
        if let spi = sa.predecessor, let older = sas[spi], older.peerRekeying?.successor == sa.localSPI {
            older.peerRekeying = nil
        }
        sa.pending = nil
        dropHandshake(sa)
        sa.keys = nil
        sa.requests.outstanding = nil
        sa.responses.current = nil
        sa.requestReassembly = nil
        sa.responseReassembly = nil
        sa.held = []
        sa.tasks = []
        sa.awaitedSeries = []
    }

    func leaveHalfOpen(_ sa: IKESA, _ key: HalfOpenTable.Key) {
        sa.handshake?.halfOpenKey = nil
        halfOpen.remove(key, sa.localSPI)
        if demandsCookies, halfOpen.pressure(now) < configuration.limits.cookieThreshold {
            demandsCookies = false
            report(.cookies(demanded: false, halfOpen: halfOpen.count))
        }
    }

    /// An IKE SA is authenticated: starts its timers, replaces older ones.
    func establish(_ sa: IKESA, initialContact: Bool) {
        let timing = sa.connection.timing
        sa.phase = .established
        sa.establishedAt = now
        sa.lastInbound = now
        sa.timers[.forget] = nil
        startTimers(sa, timing)
        if let key = sa.handshake?.halfOpenKey { leaveHalfOpen(sa, key) }
        statistics.established += 1
        if sa.handshake?.resumption != nil { statistics.resumed += 1 }
        current[sa.id] = sa.localSPI
        replaceOlder(sa, initialContact: initialContact)
        if let identity = sa.remoteIdentity { byIdentity[identity, default: []].append(sa.id) }
        if sa.mobility.proven != nil { enqueue(sa, .returnCheck, first: true) }
        report(.established(status(of: sa)))
    }

    /// Timers of an established IKE SA, also of one made by rekeying.
    func startTimers(_ sa: IKESA, _ timing: ConnectionTiming) {
        sa.timers[.rekey] = now + jittered(timing.ikeRekey)
        sa.timers[.hard] = now + timing.ikeHard
        sa.timers[.probe] = timing.deadPeerDetection.map { now + $0 }
        startKeepalives(sa)
        sa.timers[.reauthenticate] = sa.returning.reauthenticateAt
        setLease(sa)
    }

    /// The end that certificate and lease set, on the monotonic clock from here on: a step of the civil clock must not
    /// end every IKE SA at once.
    func setLease(_ sa: IKESA) {
        sa.timers[.lease] = sa.notAfter.map { end in
            let (left, overflow) = end.secondsSinceEpoch.subtractingReportingOverflow(wallClock.secondsSinceEpoch)
            return now + .seconds(overflow ? Self.farFuture : min(left, Self.farFuture))
        }
    }

    /// Ten years, in seconds: beyond any IKE SA.
    private static let farFuture: Int64 = 315_360_000

    /// One live IKE SA an identity where the connection or the grant says so, and whenever the peer says that it has no
    /// other (INITIAL_CONTACT, RFC 7296 §2.4). Only IKE SAs of the same authenticated pair of identities go, and only those
    /// of the same connection: there the identity was proved in the same way.
    private func replaceOlder(_ sa: IKESA, initialContact: Bool) {
        // Whoever was granted nothing takes nothing away.
        let replaces = sa.grant.map { $0.replacesOlder ?? sa.connection.replacesOlder } ?? false
        guard let identity = sa.remoteIdentity else { return }
        guard initialContact || (replaces && !sa.isInitiator) else {
            // What we began ourselves is no abuse of the peer's, however many it is.
            if !sa.isInitiator { closeExcess(identity) }
            return
        }
        for id in byIdentity[identity] ?? [] where id != sa.id {
            guard let spi = current[id], let older = sas[spi], older.isEstablished,
                older.connection.name == sa.connection.name,
                older.connection.localIdentity == sa.connection.localIdentity,
                older.connection.tenant == sa.connection.tenant
            else { continue }
            touch(older)
            if initialContact {
                destroy(older, .initialContact)
            } else {
                supersede(older)
            }
        }
    }

    /// The oldest make room when an identity that may have several IKE SAs would have too many (R07).
    private func closeExcess(_ identity: Identity) {
        let ids = byIdentity[identity] ?? []
        for id in ids.dropLast(max(0, configuration.limits.ikeSAsPerIdentity - 1)) {
            guard let older = newest(id) else { continue }
            touch(older)
            close(older, .replaced)
        }
    }

    func forgetIdentity(_ sa: IKESA) {
        guard let identity = sa.remoteIdentity, var ids = byIdentity[identity] else { return }
        ids.removeAll { $0 == sa.id }
        byIdentity[identity] = ids.isEmpty ? nil : ids
    }

    /// Deletes an IKE SA with an exchange; its Child SAs go at once.
    func close(_ sa: IKESA, _ reason: CloseReason) {
        switch sa.phase {
        case .initiating, .halfOpen: remove(sa)
        case .closing, .replaced, .finished: break
        case .established:
            confirmSuccessors(sa)
            // We made before we break: what the peer still sends on it is taken until it has answered the Delete.
            let isReplaced = reason == .replaced && !sa.authorizesPeer
            for child in sa.children { if isReplaced { deactivate(child) } else { remove(child, of: sa, reason) } }
            sa.closeReason = reason
            sa.phase = .closing
            if let collision = sa.peerRekeying, let successor = sas[collision.successor] { discardRedundant(successor) }
            // The identity is free for its next IKE SA from here on.
            forgetIdentity(sa)
            sa.tasks = [QueuedTask(task: .deleteIKE)]
            sa.timers.stopAll(except: [.retransmit, .giveUp])
            // Should the window never become free, or the driver never answer.
            sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
            if sa.pending == nil { runTasks(sa) }
        }
    }

    /// Takes a Child SA out of the data plane. The report goes first, so that its counters can still be read.
    func remove(_ child: ChildSA, of sa: IKESA, _ reason: CloseReason) {
        withdraw(child, of: sa, reason)
        sa.children.removeAll { $0 === child }
    }

    /// Takes a Child SA out of the data plane, while its Delete may still be under way.
    func withdraw(_ child: ChildSA, of sa: IKESA, _ reason: CloseReason) {
        guard !child.isRemoved else { return }
        child.isRemoved = true
        report(.childClosed(sa.id, status(of: child), child.closeReason ?? reason))
        emit(.removeChild(child.inboundSPI))
        childOwners[child.inboundSPI] = nil
    }
}
