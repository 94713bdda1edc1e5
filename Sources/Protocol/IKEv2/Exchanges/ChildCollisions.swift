import IKECrypto
import IKEMessage
import IPsecTypes

/// How our requests for Child SAs end when the peer had the same idea (RFC 7296 §2.8.1, §2.25.1).
extension Engine {
    /// Both ends have agreed: makes the Child SA, and settles which of two simultaneous rekeyings stays. `secrets` are those
    /// of its key exchanges, in their order.
    func concludeChild(
        _ sa: IKESA,
        _ negotiation: ChildNegotiation,
        _ agreement: ChildAgreement,
        _ secrets: [SecretBytes]
    ) {
        if sa.earlyDeletes.contains(agreement.outboundSPI) { return forgo(sa, negotiation) }
        guard let keys = sa.keys, let suite = sa.suite,
            let material = try? schedule.childKeys(
                suite: agreement.suite,
                prf: suite.prf,
                skD: keys.skD,
                sharedSecret: secrets.first,
                additionalSecrets: Array(secrets.dropFirst()),
                nonces: NoncePair(
                    initiatorNonce: negotiation.nonce,
                    responderNonce: agreement.remoteNonce
                )
            )
        else { return abandon(sa, negotiation, .limit("no keys")) }
        let outcome = settle(sa, negotiation, agreement)
        if case .unwanted = outcome { return enqueue(sa, .deleteUnused(negotiation.inboundSPI), first: true) }
        let isLoser = if case .lost = outcome { true } else { false }
        let child = install(
            sa,
            negotiation.configuration,
            negotiation.owner,
            agreement,
            material,
            weInitiated: true,
            sendNow: !isLoser
        )
        switch outcome {
        case .fresh:
            report(.childEstablished(sa.id, status(of: child)))
            // The peer may send as soon as it knows that we have its answer; any request of ours tells it.
            enqueue(sa, .probe)
        case .won(let old, let peers): takeOver(sa, child, old, peers)
        case .lost(let old):
            report(.collision(sa.id, "simultaneous rekeying: ours of \(child.inboundSPI) is redundant"))
            retract(sa, child, old)
        case .unwanted: break
        }
    }

    /// The peer deleted its new Child SA before its answer came: both ends are to be without.
    private func forgo(_ sa: IKESA, _ negotiation: ChildNegotiation) {
        let name = negotiation.configuration.name
        report(.collision(sa.id, "\(name) was deleted before it was made"))
        if let spi = negotiation.rekeyed {
            sa.childCollisions[spi] = nil
            if let old = sa.child(inbound: spi), old.isLive { return closeChild(sa, old, .deletedByPeer) }
        }
        let cause = FailureReport.Cause.refused("the peer deleted it before its answer came")
        report(.childFailed(sa.id, failure(sa, .child, weInitiated: true, child: name, cause)))
    }

    private enum Settlement {
        /// Not a rekeying, or nothing is left to be replaced.
        case fresh
        /// Ours stays; the old one and the peer's redundant one go.
        case won(ChildSA?, ChildSA?)
        /// The peer's stays.
        case lost(ChildSA?)
        /// The old one was closed meanwhile, and nobody wants a successor.
        case unwanted
    }

    private func settle(_ sa: IKESA, _ negotiation: ChildNegotiation, _ agreement: ChildAgreement) -> Settlement {
        guard let spi = negotiation.rekeyed else { return .fresh }
        let old = sa.child(inbound: spi)
        let collision = sa.childCollisions.removeValue(forKey: spi)
        if let old, old.phase == .closing { return .unwanted }
        guard let collision else { return old == nil ? .fresh : .won(old, nil) }
        // > the SA created with the lowest of the four nonces used in the two exchanges SHOULD be closed by the endpoint
        // > that created it. "Lowest" means an octet-by-octet comparison
        let ours = lowest(negotiation.nonce, agreement.remoteNonce)
        if ours.lexicographicallyPrecedes(collision.lowestNonce) { return .lost(old) }
        stopAwaiting(sa, spi)
        return .won(old, sa.child(inbound: collision.successor))
    }

    /// Octet by octet; where one nonce ends, it is the lower one.
    func lowest(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        left.lexicographicallyPrecedes(right) ? left : right
    }

    /// > The node that initiated the surviving rekeyed SA should delete the replaced SA after the new one is established.
    private func takeOver(_ sa: IKESA, _ child: ChildSA, _ old: ChildSA?, _ redundant: ChildSA?) {
        if let redundant, redundant.isLive {
            // The peer will delete it.
            deactivate(redundant)
            redundant.phase = .replaced
            redundant.closeReason = .redundant
            redundant.rekeyAt = nil
        }
        if let old, old.phase == .rekeying || old.phase == .replaced {
            deactivate(old)
            old.phase = .replaced
            old.closeReason = .rekeyed
            old.rekeyAt = nil
            enqueue(sa, .deleteChild(old.inboundSPI), first: true)
            report(.childRekeyed(sa.id, old: old.inboundSPI, status(of: child)))
        } else {
            report(.childEstablished(sa.id, status(of: child)))
        }
    }

    /// Ours is the loser: it receives until it is deleted, and never sends.
    private func retract(_ sa: IKESA, _ child: ChildSA, _ old: ChildSA?) {
        child.phase = .closing
        child.closeReason = .redundant
        child.rekeyAt = nil
        enqueue(sa, .deleteChild(child.inboundSPI), first: true)
        // The peer deletes the old one.
        if let old, old.phase == .rekeying {
            old.phase = awaitsRekeying(sa, of: old.inboundSPI) ? .installed : .replaced
        }
    }

    /// The peer refuses our request.
    func childRefused(_ sa: IKESA, _ negotiation: ChildNegotiation, _ type: NotifyType) {
        discard(negotiation.handle)
        let old = negotiation.rekeyed.flatMap { sa.child(inbound: $0) }
        if let spi = negotiation.rekeyed, sa.childCollisions.removeValue(forKey: spi) != nil {
            // > When A receives this error, it already knows there was simultaneous rekeying, so it can ignore the error
            if let old, old.phase == .rekeying {
                old.phase = awaitsRekeying(sa, of: old.inboundSPI) ? .installed : .replaced
            }
            return report(.collision(sa.id, "\(type): the peer's rekeying stands"))
        }
        // The peer deleted it while we asked.
        if negotiation.rekeyed != nil, old?.phase != .rekeying { return }
        switch type {
        case .temporaryFailure:
            if let old {
                old.phase = .installed
                postpone(sa, .rekeyChild(old.inboundSPI))
            } else {
                postpone(sa, .createChild(negotiation.configuration))
            }
        case .childSANotFound:
            guard let old else { return abandon(sa, negotiation, .peerRefused(type)) }
            recreate(sa, old)
        default: abandon(sa, negotiation, refusal(negotiation, type))
        }
    }

    /// > SHOULD silently delete the Child SA (if it still exists) and send a request to create a new Child SA from scratch
    private func recreate(_ sa: IKESA, _ old: ChildSA) {
        var configuration = old.configuration
        configuration.localSelectors = old.localSelectors
        configuration.remoteSelectors = old.remoteSelectors
        configuration.mode = old.mode
        configuration.owner = old.owner
        remove(old, of: sa, .outOfSync)
        enqueue(sa, .createChild(configuration))
    }
}
