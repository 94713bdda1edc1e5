import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_AUTH of several messages, our side as initiator (RFC 7296 §2.16, RFC 4739 §2, RFC 5998 §3). What is said by the EAP
// method goes out only after the responder's AUTH and identity have passed (A10), unless the connection asks for EAP alone.

extension Engine {
    // MARK: What we send

    /// Begins our next round: with AUTH once the oracle has made it, or by leaving AUTH out.
    func startRound(_ sa: IKESA, _ handshake: Handshake) {
        handshake.conversation.localRounds += 1
        guard !localRound(sa).authentication.isEAP else { return sendRound(sa, handshake, nil) }
        // RFC 8784 §3: where we would go on without the PPK, AUTH is made without it first.
        if !needsFallbackProof(sa, handshake) { usePPK(sa, handshake, true) }
        guard requestProof(sa, .proveInitiator) else { return fail(sa, .authentication("no octets to sign")) }
    }

    func roundProved(_ sa: IKESA, _ proof: AuthenticationPayload?) {
        guard let handshake = sa.handshake, let proof else {
            return fail(sa, .authentication("our key gives no signature that the peer takes"))
        }
        if needsFallbackProof(sa, handshake) {
            handshake.ppk.fallback = proof.data
            usePPK(sa, handshake, true)
            guard requestProof(sa, .proveInitiator) else { return fail(sa, .authentication("no octets to sign")) }
            return
        }
        sendRound(sa, handshake, proof)
    }

    private func sendRound(_ sa: IKESA, _ handshake: Handshake, _ proof: AuthenticationPayload?) {
        let isFirst = handshake.conversation.localRounds == 1
        handshake.conversation.stage = isFirst ? .first : .round
        guard !isFirst else { return sendFirstAuthRequest(sa, handshake, proof) }
        var payloads: [Payload] = [.identificationInitiator(localRound(sa).identity.payload)]
        if let proof {
            payloads += certificatePayloads(localRound(sa))
            payloads.append(.authentication(proof))
            payloads += followNotifies(sa, handshake)
        }
        sendRequest(sa, .ikeAuth, payloads, .authentication)
    }

    /// Notifies of the first request: what we know of RFC 4739, RFC 5998 and RFC 9593.
    func openingNotifies(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ proof: AuthenticationPayload?
    ) -> [Payload] {
        var payloads: [Payload] = []
        if sa.connection.hasSeveralRounds { payloads.append(.notify(.multipleAuthSupported)) }
        if proof != nil { payloads += followNotifies(sa, handshake) }
        if proof != nil { payloads += ppkNotifies(sa, handshake) }
        if proof == nil, sa.connection.eapOnly { payloads.append(.notify(.eapOnlyAuthentication)) }
        return payloads + announcement(of: [sa.connection])
    }

    private func followNotifies(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        let follows = handshake.conversation.localRounds < sa.connection.localRounds.count
        return follows ? [.notify(.anotherAuthFollows)] : []
    }

    // MARK: What the responder answers

    func receiveAuthResponse(_ sa: IKESA, _ payloads: [Payload]) {
        guard let handshake = sa.handshake else { return }
        if case .held(let ticket)? = handshake.resumption {
            return receiveResumedAuthResponse(sa, handshake, ticket, payloads)
        }
        extendConversation(sa, handshake, by: sa.connection.timing.giveUp * 2)
        guard
            payloads.authentication != nil || payloads.eap != nil || payloads.errorNotify?.type != .authenticationFailed
        else { return fail(sa, .peerRefused(.authenticationFailed)) }
        guard provesNow(sa, handshake) else { return continueConversation(sa, handshake, payloads) }
        guard let identification = payloads.identificationResponder else {
            if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
            if payloads.eap?.isFailure == true { return fail(sa, .peerRefused(.authenticationFailed)) }
            return refuseResponder(sa, .protocolViolation("IKE_AUTH without IDr"))
        }
        let claim: PeerClaim
        switch readClaim(identification, payloads) {
        case .failure(let error): return refuseResponder(sa, .authentication(AuthenticationFailure(error.reason)))
        case .success(let read): claim = read
        }
        sa.remoteIdentity = claim.identity
        handshake.conversation.claim = claim
        guard !sa.connection.localRounds.contains(where: { $0.identity == claim.identity }) else {
            return refuseResponder(sa, .authentication("the peer claims to be us"))
        }
        guard let round = remoteRound(sa) else {
            return refuseResponder(sa, .authentication("auth_rounds: a round of authentication too many"))
        }
        guard round.identity.allows(claim.identity) else {
            return refuseResponder(sa, .identity(mismatch(claim.identity, round.identity)))
        }
        verifyResponder(sa, handshake, claim, payloads)
    }

    /// Whether the responder's message must begin a round of its own.
    private func provesNow(_ sa: IKESA, _ handshake: Handshake) -> Bool {
        if case .first = handshake.conversation.stage { return true }
        return handshake.conversation.peerFollows
    }

    private func verifyResponder(_ sa: IKESA, _ handshake: Handshake, _ claim: PeerClaim, _ payloads: [Payload]) {
        guard let authentication = claim.authentication else {
            if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
            // RFC 5998 §3: the responder agrees to prove itself by EAP alone. Only who asked for that goes on.
            guard sa.connection.eapOnly, payloads.eap != nil, handshake.conversation.localRounds == 1,
                localRound(sa).authentication.isEAP, case .first = handshake.conversation.stage
            else { return refuseResponder(sa, .protocolViolation("IKE_AUTH without AUTH")) }
            handshake.conversation.isEAPOnly = true
            handshake.conversation.unprovedResponder = claim.identity
            return continueConversation(sa, handshake, payloads)
        }
        guard localRound(sa).authentication.isEAP || notePPKAnswer(sa, handshake, payloads) else {
            return refuseResponder(sa, .authentication("ppk_missing: the peer did not use our PPK"))
        }
        guard requestVerification(sa, .verifyResponder(AuthResponse(claim: claim, payloads: payloads)), claim) else {
            let method = authentication.method
            return refuseResponder(sa, .authentication("auth_method: method \(method) is not what we configured"))
        }
    }

    func responderVerified(_ sa: IKESA, _ response: AuthResponse, _ outcome: PeerVerification) {
        guard let handshake = sa.handshake else { return }
        switch outcome {
        case .refused(let reason): refuseResponder(sa, .authentication(reason))
        case .accepted(let peer):
            let passed = AuthenticatedRound(identity: response.claim.identity, verified: peer)
            handshake.conversation.passed.append(passed)
            handshake.conversation.peerFollows = response.payloads.notify(.anotherAuthFollows) != nil
            continueConversation(sa, handshake, response.payloads)
        }
    }

    /// The responder has proved what it had to prove in this message; what else does it say?
    private func continueConversation(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        switch handshake.conversation.stage {
        case .first, .round:
            guard localRound(sa).authentication.isEAP else { return endRound(sa, handshake, payloads) }
            askEAPPeer(sa, handshake, payloads)
        case .eap: askEAPPeer(sa, handshake, payloads)
        case .eapProof: receiveEAPProof(sa, handshake, payloads)
        case .remainder: endRound(sa, handshake, payloads)
        }
    }

    /// A round of ours has ended: the next one, or the responder's, or the end.
    private func endRound(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        if handshake.conversation.localRounds < sa.connection.localRounds.count { return startRound(sa, handshake) }
        guard handshake.conversation.peerFollows else {
            // An error that is not about the child alone means that the responder did not establish anything.
            if let error = payloads.errorNotify, !error.type.leavesIKESA { return fail(sa, .peerRefused(error.type)) }
            return concludeAuthentication(sa, handshake, payloads)
        }
        guard handshake.conversation.passed.count < sa.connection.remoteRounds.count else {
            return refuseResponder(sa, .authentication("auth_rounds: a round of authentication too many"))
        }
        handshake.conversation.stage = .remainder
        sendRequest(sa, .ikeAuth, [], .authentication)
    }

    // MARK: EAP

    private func askEAPPeer(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let packet = payloads.eap, case .eap(let settings) = localRound(sa).authentication else {
            if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
            return refuseResponder(sa, .protocolViolation("IKE_AUTH without EAP"))
        }
        // Not protected by EAP, yet by this IKE SA: the responder refuses.
        guard !packet.isFailure else {
            return fail(sa, .authentication("eap_failed: the responder ended EAP with a Failure"))
        }
        let bytes = packet.packet
        var eap = handshake.conversation.eap ?? EAPConversation(session: nextEAPSession())
        eap.exchanges += 1
        let isFirst = eap.exchanges == 1
        handshake.conversation.eap = eap
        guard packet.isRequest || (packet.isSuccess && !isFirst), bytes.count <= configuration.limits.eapBytes,
            eap.exchanges <= configuration.limits.eapExchanges
        else { return refuseResponder(sa, .authentication("eap_failed: EAP packet \(packet.code) out of order")) }
        let id = begin(.eapPeer, sa)
        emit(
            .eapPeer(
                id,
                EAPPeerRequest(
                    ikeSA: sa.id,
                    session: eap.session,
                    connection: sa.connection.name,
                    settings: settings,
                    isOnlyProof: handshake.conversation.isEAPOnly,
                    request: bytes
                )
            )
        )
        handshake.conversation.eap?.identifier = packet.identifier
        handshake.conversation.eap?.endsWithSuccess = packet.isSuccess
    }

    func eapPeerStepped(_ sa: IKESA, _ step: EAPPeerStep) {
        guard let handshake = sa.handshake, let eap = handshake.conversation.eap else { return }
        switch step {
        case .response(let bytes):
            guard let packet = EAPPayload(packet: bytes), packet.isResponse, !eap.endsWithSuccess else {
                return refuseResponder(sa, .authentication("eap_failed: our EAP method made no response"))
            }
            handshake.conversation.stage = .eap
            sendRequest(sa, .ikeAuth, [.eap(packet)], .authentication)
        case .succeeded(let key, let authenticatesServer):
            eapSucceeded(sa, handshake, key, authenticatesServer)
        case .failed(let reason): refuseResponder(sa, .authentication(AuthenticationFailure(reason)))
        }
    }

    private func eapSucceeded(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ key: SecretBytes?,
        _ authenticatesServer: Bool
    ) {
        guard handshake.conversation.eap?.endsWithSuccess == true else {
            return refuseResponder(sa, .authentication("eap_failed: success without EAP Success"))
        }
        // E07, RFC 5998 §3: nobody but the method authenticates the responder.
        guard !handshake.conversation.isEAPOnly || (authenticatesServer && key != nil) else {
            return refuseResponder(sa, .authentication("eap_method: the method is too weak to be the only proof"))
        }
        handshake.conversation.eap?.hasSucceeded = true
        handshake.conversation.eap?.key = key
        handshake.conversation.stage = .eapProof
        endEAP(handshake)
        // RFC 8784 §3: with EAP, the PPK comes in with this AUTH.
        if needsFallbackProof(sa, handshake) { handshake.ppk.fallback = eapProof(sa, handshake)?.data }
        usePPK(sa, handshake, true)
        guard let proof = eapProof(sa, handshake) else {
            return refuseResponder(sa, .authentication("no octets to authenticate"))
        }
        let payloads: [Payload] =
            [.authentication(proof)] + followNotifies(sa, handshake) + ppkNotifies(sa, handshake)
        sendRequest(sa, .ikeAuth, payloads, .authentication)
    }

    private func receiveEAPProof(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let authentication = payloads.authentication, let claim = handshake.conversation.claim else {
            if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
            return refuseResponder(sa, .protocolViolation("IKE_AUTH without AUTH"))
        }
        guard notePPKAnswer(sa, handshake, payloads) else {
            return refuseResponder(sa, .authentication("ppk_missing: the peer did not use our PPK"))
        }
        guard isValidEAPProof(sa, handshake, authentication, claim.identification) else {
            return refuseResponder(
                sa,
                .authentication("msk_mismatch: AUTH is not made from the key of the EAP method")
            )
        }
        if let responder = handshake.conversation.unprovedResponder {
            handshake.conversation.unprovedResponder = nil
            let verified = VerifiedPeer(attributes: ["authentication": "eap"])
            handshake.conversation.passed.append(AuthenticatedRound(identity: responder, verified: verified))
        }
        handshake.conversation.peerFollows = payloads.notify(.anotherAuthFollows) != nil
        handshake.conversation.eap = nil
        endRound(sa, handshake, payloads)
    }
}

extension NotifyType {
    /// Whether an IKE_AUTH response with this error establishes the IKE SA all the same, without the child (RFC 7296 §1.2).
    fileprivate var leavesIKESA: Bool {
        [
            .noProposalChosen, .tsUnacceptable, .singlePairRequired, .internalAddressFailure, .failedCPRequired,
            .noAdditionalSAs, .temporaryFailure,
        ].contains(self)
    }
}
