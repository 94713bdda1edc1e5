import IKEMessage
import IPsecTypes

extension Engine {
    /// Takes the answer to an action, or news from the data plane.
    func handle(_ event: IKEEvent) {
        switch event {
        case .keyExchangeGenerated(let id, let handle, let publicValue):
            guard let (sa, step) = finish(id) else { return discard(handle) }
            keyExchangeGenerated(sa, step, handle, publicValue)
            resume(sa)
        case .sharedSecretComputed(let id, let secret):
            guard let (sa, step) = finish(id) else { return }
            sharedSecretComputed(sa, step, secret)
            resume(sa)
        case .signed(let id, let payload):
            guard let (sa, step) = finish(id) else { return }
            proved(sa, step, payload)
            resume(sa)
        case .preSharedKeyProof(let id, let data):
            guard let (sa, step) = finish(id) else { return }
            proved(sa, step, data.map { AuthenticationPayload(method: .sharedKey, data: $0) })
            resume(sa)
        case .preSharedKeyVerified(let id, let isValid):
            guard let (sa, step) = finish(id) else { return }
            verified(
                sa,
                step,
                isValid ? .accepted(VerifiedPeer()) : .refused(reason: "psk_mismatch: the pre-shared keys differ")
            )
            resume(sa)
        case .ppkMixed(let id, let keys):
            guard let (sa, _) = finish(id) else { return }
            ppkMixed(sa, keys)
            resume(sa)
        case .peerVerified(let id, let outcome):
            guard let (sa, step) = finish(id) else { return }
            verified(sa, step, outcome)
            resume(sa)
        case .authorized(let id, let decision):
            guard let (sa, step) = finish(id) else { return }
            authorized(sa, step, decision)
            resume(sa)
        case .puzzleSolved(let id, let keys):
            guard let (sa, step) = finish(id) else { return }
            if case .solveAuthPuzzle = step { authPuzzleSolved(sa, keys) } else { puzzleSolved(sa, keys) }
            resume(sa)
        case .activity(let id, let lastInbound):
            guard let sa = newest(id) else { return }
            receiveActivity(sa, lastInbound)
            resume(sa)
        case .eapServerStepped(let id, let outcome):
            guard let (sa, step) = finish(id) else { return }
            if case .eapServer = step { eapServerStepped(sa, outcome) }
            resume(sa)
        case .eapPeerStepped(let id, let outcome):
            guard let (sa, step) = finish(id) else { return }
            if case .eapPeer = step { eapPeerStepped(sa, outcome) }
            resume(sa)
        case .backend(let event): handle(event)
        case .installFailed(let spi, let reason):
            guard let sa = owner(of: spi), let child = sa.child(inbound: spi) else { return }
            report(
                .childFailed(
                    sa.id,
                    failure(sa, .child, weInitiated: true, child: child.configuration.name, .backend(reason))
                )
            )
            closeChild(sa, child, .requested)
            resume(sa)
        }
    }

    /// Goes on with what an operation held up.
    private func resume(_ sa: IKESA) {
        guard sas[sa.localSPI] != nil else { return }
        touch(sa)
        drain(sa)
    }

    /// The IKE SA that an identifier stands for.
    func newest(_ id: IKESAID) -> IKESA? {
        guard let spi = current[id] else { return nil }
        return sas[spi]
    }

    func owner(of spi: SPI) -> IKESA? {
        guard let owner = childOwners[spi], let sa = sas[owner] else { return nil }
        touch(sa)
        return sa
    }

    private func keyExchangeGenerated(
        _ sa: IKESA,
        _ step: Step,
        _ handle: KeyExchangeHandle?,
        _ publicValue: [UInt8]
    ) {
        switch step {
        case .generateInitial: initialGenerated(sa, handle, publicValue)
        case .generateInitialResponse: initialResponseGenerated(sa, handle, publicValue)
        case .generateChild(let negotiation): childGenerated(sa, negotiation, handle, publicValue)
        case .generateChildResponse(let request, let agreement):
            childResponseGenerated(sa, request, agreement, handle, publicValue)
        case .generateRekey(let rekeying): rekeyGenerated(sa, rekeying, handle, publicValue)
        case .generateRekeyResponse(let rekeying): rekeyResponseGenerated(sa, rekeying, handle, publicValue)
        case .generateIntermediate: intermediateGenerated(sa, handle, publicValue)
        case .generateIntermediateResponse: intermediateResponseGenerated(sa, handle, publicValue)
        case .generateFollowUp(let series): followUpGenerated(sa, series, handle, publicValue)
        case .generateFollowUpResponse(let series): followUpResponseGenerated(sa, series, handle, publicValue)
        default: discard(handle)
        }
    }

    private func sharedSecretComputed(_ sa: IKESA, _ step: Step, _ secret: SecretBytes?) {
        switch step {
        case .shareInitial: initialShared(sa, secret)
        case .shareChild(let negotiation, let agreement): childShared(sa, negotiation, agreement, secret)
        case .shareChildResponse(let request, let agreement): childResponseShared(sa, request, agreement, secret)
        case .shareRekey(let rekeying): rekeyShared(sa, rekeying, secret)
        case .shareRekeyResponse(let rekeying): rekeyResponseShared(sa, rekeying, secret)
        case .shareIntermediate: intermediateShared(sa, secret)
        case .shareIntermediateResponse: intermediateResponseShared(sa, secret)
        case .shareFollowUp(let series): followUpShared(sa, series, secret)
        case .shareFollowUpResponse(let series): followUpResponseShared(sa, series, secret)
        default: break
        }
    }

    private func proved(_ sa: IKESA, _ step: Step, _ payload: AuthenticationPayload?) {
        switch step {
        case .proveInitiator: roundProved(sa, payload)
        case .proveResponder(let request, let peer, let outcome): responderProved(sa, request, peer, outcome, payload)
        case .proveBetweenRounds: respondBetweenRounds(sa, payload)
        case .proveBeforeEAP: beginEAP(sa, payload)
        default: break
        }
    }

    private func verified(_ sa: IKESA, _ step: Step, _ outcome: PeerVerification) {
        switch step {
        case .verifyResponder(let response): responderVerified(sa, response, outcome)
        case .verifyInitiator: initiatorVerified(sa, outcome)
        default: break
        }
    }

    private func authorized(_ sa: IKESA, _ step: Step, _ decision: AuthorizationDecision) {
        switch step {
        case .authorizeInitiator(let request, let peer): initiatorAuthorized(sa, request, peer, decision)
        case .authorizeChild(let request): childAuthorized(sa, request, decision)
        default: break
        }
    }

    // MARK: News from the data plane

    private func handle(_ event: SABackendEvent) {
        switch event {
        case .expired(let spi, let hard):
            guard let sa = owner(of: spi), let child = sa.child(inbound: spi) else { return }
            if hard {
                closeChild(sa, child, .lifetime)
            } else if child.phase == .installed {
                enqueue(sa, .rekeyChild(spi))
            }
            resume(sa)
        case .mappingChanged(let spi, let remote):
            guard let sa = owner(of: spi), sa.isEstablished else { return }
            var path = sa.trafficPath
            path.remote = remote
            suspectMove(sa, to: path)
            resume(sa)
        case .firstInbound(let spi):
            guard let sa = owner(of: spi), let child = sa.child(inbound: spi) else { return }
            peerUses(sa, child)
        case .unknownSPI(let spi, let path): answerUnknownSPI(spi, path)
        case .acquire: break
        }
    }
}
