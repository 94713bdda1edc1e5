import IKEMessage
import IPsecTypes

// INFORMATIONAL (RFC 7296 §1.4): deletions, notifies, liveness checks.

extension Engine {
    func receiveInformational(_ sa: IKESA, _ payloads: [Payload]) {
        if payloads.deletes.contains(where: { $0.protocolID == .ike }) { return receiveDeleteIKE(sa) }
        if sa.predecessor != nil { adoptBecauseUsed(sa) }
        if let fatal = payloads.notifies.first(where: { Self.fatal.contains($0.type) }) {
            respond(sa, [])
            let reason: CloseReason =
                fatal.type == .authenticationFailed
                ? .authenticationFailed : .protocolError("\(fatal.type) from the peer")
            return destroy(sa, reason)
        }
        let more = noteAnnouncements(sa, payloads)
        var answered: [SPI] = []
        for delete in payloads.deletes where delete.protocolID == .esp {
            for spi in delete.spis {
                guard let ours = deletedByPeer(sa, spi), !answered.contains(ours) else { continue }
                answered.append(ours)
            }
        }
        let deletes = answered.isEmpty ? [] : [Payload.delete(DeletePayload(protocolID: .esp, spis: answered))]
        respond(sa, deletes + mobilityAnswer(sa, payloads) + more)
    }

    /// Notifies that end an IKE SA without a Delete (RFC 7296 §2.21.2, §2.21.3).
    private static let fatal: Set<NotifyType> = [.authenticationFailed, .invalidSyntax]

    /// The peer deletes a Child SA by the SPI it receives on. Returns our half, to be deleted in the answer; nil when there
    /// is nothing to delete, or when both ends are at it (§2.25.1).
    private func deletedByPeer(_ sa: IKESA, _ spi: SPI) -> SPI? {
        guard let child = sa.children.first(where: { $0.outboundSPI == spi && $0.phase != .lingering }) else {
            // It may be the very one that our outstanding request makes, whose answer is late.
            if sa.requests.outstanding?.context.makesChild == true,
                sa.earlyDeletes.count < configuration.limits.children
            {
                sa.earlyDeletes.insert(spi)
            }
            return nil
        }
        guard !child.deleteSent else { return nil }
        let ours = child.inboundSPI
        sa.tasks.removeAll { $0.task == .deleteChild(ours) || $0.task == .rekeyChild(ours) }
        if let rekeying = child.peerRekeying, let successor = sa.child(inbound: rekeying.successor), successor.isLive {
            // RFC 7296 §2.8: the peer has our answer, for it deletes what that answer replaced.
            activate(successor)
            retire(sa, child, .rekeyed)
        } else if child.phase == .replaced {
            retire(sa, child, child.closeReason ?? .rekeyed)
        } else {
            retire(sa, child, .deletedByPeer)
            bringBack(sa, replacedBy: ours)
        }
        return ours
    }

    /// The peer could not use the Child SA that it made by rekeying, and deletes it: the old one goes on. Where our own
    /// rekeying of it is under way, there is nothing left for that to collide with.
    private func bringBack(_ sa: IKESA, replacedBy successor: SPI) {
        for old in sa.children where old.phase == .rekeying && old.peerRekeying?.successor == successor {
            old.peerRekeying = nil
            sa.childCollisions[old.inboundSPI] = nil
        }
        for old in sa.children where old.phase == .replaced && old.peerRekeying?.successor == successor {
            guard !old.deleteSent, !sa.tasks.contains(where: { $0.task == .deleteChild(old.inboundSPI) }) else {
                continue
            }
            old.phase = .installed
            old.peerRekeying = nil
            old.closeReason = nil
            old.rekeyAt = now + jittered(Self.rekeyRetry)
            activate(old)
        }
    }

    private func receiveDeleteIKE(_ sa: IKESA) {
        respond(sa, [])
        switch sa.phase {
        case .established:
            // RFC 7296 §2.8.2: the peer did not notice our rekeying, so its own is the one; ours is forgotten.
            if let collision = sa.peerRekeying, let successor = sas[collision.successor], successor.isEstablished {
                adopt(sa, successor)
            }
            finish(sa, .deletedByPeer)
        case .closing: finish(sa, sa.closeReason ?? .requested)
        case .replaced, .initiating, .halfOpen, .finished: finish(sa, .deletedByPeer)
        }
    }

    /// Our Delete of Child SAs was answered.
    func finishDeleteChildren(_ sa: IKESA, _ spis: [SPI]) {
        for spi in spis {
            guard let child = sa.children.first(where: { $0.inboundSPI == spi && $0.phase != .lingering }) else {
                continue
            }
            retire(sa, child, child.closeReason ?? .requested)
        }
    }

    /// Our Delete of the IKE SA was answered.
    func finishDeleteIKE(_ sa: IKESA) {
        finish(sa, sa.closeReason ?? .requested)
    }
}
