import IKECrypto
import IKEMessage
import IPsecTypes

/// Child SAs on their way into the data plane and out of it.
extension Engine {
    /// Makes a Child SA of an agreement and its keys. Inbound packets are accepted from here on.
    @discardableResult
    func install(
        _ sa: IKESA,
        _ template: ChildConfiguration,
        _ owner: ChildSAOwner,
        _ agreement: ChildAgreement,
        _ keys: ChildKeys,
        weInitiated: Bool,
        sendNow: Bool
    ) -> ChildSA {
        let child = ChildSA(
            inboundSPI: agreement.inboundSPI,
            outboundSPI: agreement.outboundSPI,
            configuration: template,
            suite: agreement.suite,
            mode: agreement.mode,
            originalAddresses: agreement.originalAddresses,
            localSelectors: agreement.localSelectors,
            remoteSelectors: agreement.remoteSelectors,
            owner: owner,
            createdAt: now,
            udpEncapsulation: sa.encapsulates,
            outboundActive: sendNow
        )
        // RFC 7296 §2.8: a packet of the peer shows that it has our answer. What loses a collision is never sent on.
        child.sendsWhenHeard = !weInitiated && !sendNow
        child.rekeyAt = now + jittered(template.rekey)
        child.hardAt = now + template.hard
        sa.children.append(child)
        childOwners[child.inboundSPI] = sa.localSPI
        let parameters = ChildSAParameters(
            inboundSPI: child.inboundSPI,
            outboundSPI: child.outboundSPI,
            suite: child.suite,
            inboundKeys: weInitiated ? keys.responder : keys.initiator,
            outboundKeys: weInitiated ? keys.initiator : keys.responder,
            // RFC 4555 §3.7: not where the peer has not proved to be.
            path: sa.trafficPath,
            udpEncapsulation: child.udpEncapsulation,
            mode: child.mode,
            originalAddresses: child.originalAddresses,
            localSelectors: child.localSelectors,
            remoteSelectors: child.remoteSelectors,
            replayWindow: template.replayWindow,
            lifetime: Self.lifetime(template.lifetime, child.suite),
            ivEpoch: configuration.ivEpoch,
            sendsWhenHeard: child.sendsWhenHeard,
            owner: owner
        )
        emit(.installChild(sa.id, parameters, sendNow: sendNow))
        return child
    }

    /// Without 64-bit sequence numbers the packet number must not wrap (RFC 4303 §3.3.3).
    private static func lifetime(_ configured: SALifetime, _ suite: ESPSuite) -> SALifetime {
        guard !suite.extendedSequenceNumbers else { return configured }
        let limits = ChildConfiguration.packetLimitsWithoutESN
        var lifetime = configured
        lifetime.softPackets = min(lifetime.softPackets ?? limits.soft, limits.soft)
        lifetime.hardPackets = min(lifetime.hardPackets ?? limits.hard, limits.hard)
        return lifetime
    }

    /// SA, TSi and TSr of an answer. We are the responder, so TSi is the peer's side.
    func childPayloads(_ agreement: ChildAgreement) -> [Payload] {
        var proposal = agreement.proposal
        var spi = WireWriter(capacity: 4)
        spi.writeUInt32(agreement.inboundSPI.rawValue)
        proposal.spi = spi.bytes
        return [
            .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
            .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: agreement.remoteSelectors)),
            .trafficSelectorsResponder(TrafficSelectorPayload(selectors: agreement.localSelectors)),
        ]
    }

    /// Traffic leaves by this Child SA from now on.
    func activate(_ child: ChildSA) {
        guard !child.outboundActive else { return }
        child.outboundActive = true
        child.sendsWhenHeard = false
        emit(.activateOutbound(child.inboundSPI))
    }

    /// Nothing leaves by this Child SA any more, whatever is heard there; it still receives.
    func deactivate(_ child: ChildSA) {
        guard child.outboundActive || child.sendsWhenHeard else { return }
        child.outboundActive = false
        child.sendsWhenHeard = false
        emit(.deactivateOutbound(child.inboundSPI))
    }

    /// The peer sends on a Child SA that it made to replace another: it has our answer, so we may send there too (§2.8).
    func peerUses(_ sa: IKESA, _ child: ChildSA) {
        confirm(child)
        guard child.isLive, !child.outboundActive else { return }
        activate(child)
        for old in sa.children where old.peerRekeying?.successor == child.inboundSPI { deactivate(old) }
    }

    /// Deletes a Child SA for good: out of the data plane at once, then an exchange to tell the peer.
    func closeChild(_ sa: IKESA, _ child: ChildSA, _ reason: CloseReason) {
        guard child.phase != .closing, child.phase != .lingering else { return }
        if let rekeying = child.peerRekeying, let successor = sa.child(inbound: rekeying.successor), successor.isLive {
            // RFC 7296 §2.8: not before the peer is known to have our answer, though nothing else carries the traffic now.
            if successor.unconfirmedUntil == nil {
                activate(successor)
            } else if !successor.outboundActive {
                successor.awaitsConfirmation = true
            }
        }
        if child.phase == .replaced, reason != .lifetime {
            // Its Delete is due anyway, by whoever replaced it.
            return withdraw(child, of: sa, reason)
        }
        child.phase = .closing
        child.rekeyAt = nil
        child.hardAt = nil
        withdraw(child, of: sa, reason)
        enqueue(sa, .deleteChild(child.inboundSPI))
    }

    /// The Delete of a Child SA is through. One that a successor replaced goes on receiving for a moment, so that no packet
    /// in flight is lost.
    func retire(_ sa: IKESA, _ child: ChildSA, _ reason: CloseReason) {
        deactivateQuietly(child)
        guard !child.isRemoved, reason == .rekeyed || reason == .redundant else { return remove(child, of: sa, reason) }
        child.phase = .lingering
        child.closeReason = reason
        child.rekeyAt = nil
        child.hardAt = nil
        child.removeAt = now + sa.connection.timing.inboundLinger
    }

    private func deactivateQuietly(_ child: ChildSA) {
        if !child.isRemoved { deactivate(child) }
    }
}
