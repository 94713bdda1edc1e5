import IKECrypto
import IKEMessage
import IPsecTypes

/// What becomes of Child SAs when their IKE SA is rekeyed (RFC 7296 §2.8, §2.8.2, §2.18).
extension Engine {
    /// The IKE SA that a rekeying made. It has no Child SAs yet. `secrets` are those of its key exchanges, in their order.
    func successor(_ sa: IKESA, _ rekeying: IKERekeying, _ secrets: [SecretBytes], weInitiated: Bool) -> IKESA? {
        guard let suite = rekeying.suite, let secret = secrets.first, let old = sa.suite, let oldKeys = sa.keys else {
            return nil
        }
        let successor = IKESA(
            id: sa.id,
            // The initiator of the rekeying is the original initiator of what it makes.
            isInitiator: weInitiated,
            localSPI: rekeying.localSPI,
            remoteSPI: rekeying.remoteSPI,
            connection: sa.connection,
            path: sa.path,
            phase: .established,
            ivEpoch: configuration.ivEpoch
        )
        let nonces =
            weInitiated
            ? NoncePair(initiatorNonce: rekeying.localNonce, responderNonce: rekeying.remoteNonce)
            : NoncePair(initiatorNonce: rekeying.remoteNonce, responderNonce: rekeying.localNonce)
        guard
            let keys = try? schedule.rekeyedKeys(
                suite: suite,
                oldPRF: old.prf,
                oldSKd: oldKeys.skD,
                sharedSecret: secret,
                additionalSecrets: Array(secrets.dropFirst()),
                nonces: nonces,
                initiatorSPI: successor.initiatorSPI,
                responderSPI: successor.responderSPI
            )
        else { return nil }
        successor.suite = suite
        successor.keys = keys
        successor.supportsFragments = sa.supportsFragments
        successor.nat = sa.nat
        successor.mobility = sa.mobility
        successor.remoteIdentity = sa.remoteIdentity
        successor.peer = sa.peer
        successor.grant = sa.grant
        successor.configuration = sa.configuration
        successor.authorizesPeer = sa.authorizesPeer
        successor.notAfter = sa.notAfter
        successor.establishedAt = sa.establishedAt
        successor.lastInbound = now
        successor.rekeyings = sa.rekeyings + 1
        successor.predecessor = sa.localSPI
        successor.childRequests = sa.childRequests
        successor.returning = sa.returning
        // It belongs to the old pair of SPIs (RFC 6290 §5.3).
        successor.returning.crashToken = nil
        insert(successor)
        return successor
    }

    /// Our rekeying is through. When the peer's of the same IKE SA is through as well, the nonces decide.
    func settle(_ sa: IKESA, _ ours: IKESA, _ rekeying: IKERekeying) {
        // The peer took its own to be the only one and uses it already; or we are closing, and the new one goes too.
        guard sa.isEstablished else { return discardRedundant(ours) }
        guard let collision = sa.peerRekeying, let peers = sas[collision.successor], peers.isEstablished else {
            adopt(sa, ours)
            return deleteReplaced(sa)
        }
        let low = lowest(rekeying.localNonce, rekeying.remoteNonce)
        if low.lexicographicallyPrecedes(collision.lowestNonce) {
            // > The new IKE SA containing the lowest nonce SHOULD be deleted by the node that created it
            adopt(sa, peers)
            discardRedundant(ours)
        } else {
            // > and the other surviving new IKE SA MUST inherit all the Child SAs.
            peers.isRedundant = true
            peers.predecessor = nil
            peers.timers[.forget] = now + sa.connection.timing.giveUp * 2
            touch(peers)
            adopt(sa, ours)
            deleteReplaced(sa)
        }
    }

    private func deleteReplaced(_ sa: IKESA) {
        sa.tasks = [QueuedTask(task: .deleteIKE)]
    }

    /// Deletes an IKE SA that nothing depends on.
    func discardRedundant(_ ours: IKESA) {
        ours.isRedundant = true
        ours.predecessor = nil
        ours.phase = .closing
        ours.closeReason = .redundant
        ours.timers[.forget] = now + ours.connection.timing.giveUp * 2
        ours.tasks = [QueuedTask(task: .deleteIKE)]
        touch(ours)
        runTasks(ours)
    }

    /// Moves everything to the successor. The old IKE SA stays to be deleted.
    func adopt(_ sa: IKESA, _ successor: IKESA) {
        successor.children = sa.children
        for child in successor.children where !child.isRemoved { childOwners[child.inboundSPI] = successor.localSPI }
        sa.children = []
        successor.childCollisions = sa.childCollisions
        // The rekeying itself shows that the peer lives; a probe of a later time has another question.
        successor.tasks += sa.tasks.filter {
            ![.rekeyIKE, .deleteIKE].contains($0.task) && ($0.task != .probe || $0.notBefore != nil)
        }
        sa.tasks = []
        takeOverRequest(sa, successor)
        renewTicket(sa, successor)
        sa.returning = ReturnState()
        successor.predecessor = nil
        successor.replaces = sa.localSPI
        successor.path = sa.path
        inheritPaths(successor, from: sa)
        sa.phase = .replaced
        sa.peerRekeying = nil
        let lease = sa.timers[.lease]
        sa.awaitedSeries = []
        sa.timers.stopAll(except: [.retransmit, .giveUp])
        sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
        current[sa.id] = successor.localSPI
        startTimers(successor, successor.connection.timing)
        // The end stays where it was: the civil clock may have been set since.
        successor.timers[.lease] = lease
        // Not from here: the successor may be in the middle of a request.
        successor.timers[.task] = now
        touch(sa)
        touch(successor)
        report(.ikeRekeyed(status(of: successor)))
    }

    /// Our request about Child SAs whose answer is still on its way: rekeying an IKE SA takes a while with IKE_FOLLOWUP_KE.
    /// The answer comes to an IKE SA that has no children any more, or never. The successor asks again.
    private func takeOverRequest(_ sa: IKESA, _ successor: IKESA) {
        switch sa.requests.outstanding?.context {
        case .createChild(let negotiation): retryChild(sa, negotiation, with: successor)
        case .deleteChildren(let spis):
            // RFC 7296 §2.25.2: the peer carries it out. When it has done so, there is nothing left to delete for it.
            for spi in spis {
                let child = successor.children.first { $0.inboundSPI == spi && $0.phase != .lingering }
                child?.deleteSent = false
                enqueue(successor, child == nil ? .deleteUnused(spi) : .deleteChild(spi), first: true)
            }
        default: break
        }
    }

    /// The peer has refused what we asked, for it was rekeying the IKE SA (RFC 7296 §2.25.2).
    private func retryChild(_ sa: IKESA, _ negotiation: ChildNegotiation, with successor: IKESA) {
        let retry = now + jittered(sa.connection.timing.temporaryFailureRetry)
        guard let spi = negotiation.rekeyed else {
            return enqueue(successor, .createChild(negotiation.configuration), notBefore: retry)
        }
        guard let old = successor.child(inbound: spi), old.phase == .rekeying else { return }
        old.phase = old.peerRekeying == nil ? .installed : .replaced
        if old.phase == .installed { enqueue(successor, .rekeyChild(spi), notBefore: retry) }
    }

    /// The peer uses an IKE SA that we keep in waiting because our own rekeying is under way: it did not notice ours, so its
    /// own is the one that stays.
    func adoptBecauseUsed(_ successor: IKESA) {
        guard let spi = successor.predecessor, let sa = sas[spi], sa.isEstablished,
            sa.peerRekeying?.successor == successor.localSPI
        else { return }
        adopt(sa, successor)
    }
}
