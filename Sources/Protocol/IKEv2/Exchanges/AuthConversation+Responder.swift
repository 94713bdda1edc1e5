import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_AUTH of several messages, our side as responder (RFC 7296 §2.16, RFC 4739 §2, RFC 5998 §3):
//
//     HDR, SK{IDi, [IDr,] SAi2, TSi, TSr} -->
//                         <-- HDR, SK{IDr, [CERT,] AUTH, EAP}
//     HDR, SK{EAP} -->
//                         <-- HDR, SK{EAP (success)}
//     HDR, SK{AUTH, [N(ANOTHER_AUTH_FOLLOWS)]} -->
//                         <-- HDR, SK{AUTH, SAr2, TSi, TSr}
//
// We announce a further round of our own only where the initiator's round has just ended, so that a response never holds
// two AUTH payloads of ours.

extension Engine {
    func receiveAuthRequest(_ sa: IKESA, _ payloads: [Payload]) {
        guard let handshake = sa.handshake else { return respond(sa, [.notify(.invalidSyntax)]) }
        if case .presented(let content)? = handshake.resumption {
            return receiveResumedAuth(sa, handshake, content, payloads)
        }
        if case .first = handshake.conversation.stage {
            handshake.conversation.startedAt = now
            return receiveFirstAuthRequest(sa, handshake, payloads)
        }
        extendConversation(sa, handshake, by: configuration.limits.halfOpenLifetime)
        if let error = payloads.errorNotify { return abandon(sa, error.type) }
        switch handshake.conversation.stage {
        // Handled above.
        case .first: break
        case .eap: receiveEAPResponse(sa, handshake, payloads)
        case .eapProof: receiveEAPProofWithPPK(sa, handshake, payloads)
        case .round: receiveRound(sa, handshake, payloads)
        case .remainder: advance(sa, handshake)
        }
    }

    /// The initiator breaks off before it is authenticated: an INFORMATIONAL request with an error, or a Delete
    /// (RFC 7296 §2.21.2). Only its own half-open IKE SA goes.
    func receiveHalfOpenInformational(_ sa: IKESA, _ payloads: [Payload]) {
        if let error = payloads.errorNotify { return abandon(sa, error.type) }
        respond(sa, [])
        if !payloads.deletes.isEmpty {
            fail(sa, .authentication("abandoned: the initiator deleted its half-open IKE SA"))
        }
    }

    /// A peer that breaks off within EAP liked our method's last packet too little: its password was refused, or our
    /// certificate.
    private func abandon(_ sa: IKESA, _ error: NotifyType) {
        respond(sa, [])
        guard let eap = sa.handshake?.conversation.eap, !eap.hasSucceeded else { return fail(sa, .peerRefused(error)) }
        fail(sa, .authentication("eap_abandoned: the peer ended EAP with \(error) before it had succeeded"))
    }

    // MARK: Rounds

    /// A round of the initiator's begins: with AUTH it is verified, without it the EAP server is asked.
    func beginRound(_ sa: IKESA, _ handshake: Handshake, _ claim: PeerClaim, follows: Bool) {
        handshake.conversation.claim = claim
        handshake.conversation.peerFollows = follows
        guard let round = remoteRound(sa), round.authentication.fits(claim.authentication?.method) else {
            let method = claim.authentication.map { "\($0.method)" } ?? "EAP"
            return refuseInitiator(sa, .authentication("auth_method: \(method) is not how this peer authenticates"))
        }
        guard case .eap = round.authentication else {
            guard requestVerification(sa, .verifyInitiator, claim) else {
                return refuseInitiator(sa, .authentication("no octets to verify"))
            }
            return
        }
        guard provesNow(sa, handshake) else { return askEAPServer(sa, handshake, nil) }
        // The responder proves itself before anything of the EAP method is said (RFC 7296 §2.16).
        guard prove(sa, handshake, .proveBeforeEAP) else {
            return refuseInitiator(sa, .authentication("no octets to sign"))
        }
    }

    private func receiveRound(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let identification = payloads.identificationInitiator else {
            return refuseInitiator(sa, .protocolViolation("another round of authentication without IDi"))
        }
        switch readClaim(identification, payloads) {
        case .failure(let error): refuseInitiator(sa, .authentication(AuthenticationFailure(error.reason)))
        case .success(let claim):
            sa.remoteIdentity = claim.identity
            guard let round = remoteRound(sa), round.mayClaim(claim.identity) else {
                let expected = remoteRound(sa)?.identity ?? .oneOf([])
                return refuseInitiator(sa, .identity(mismatch(claim.identity, expected)))
            }
            guard !sa.connection.localRounds.contains(where: { $0.identity == claim.identity }) else {
                return refuseInitiator(sa, .authentication("the peer claims to be us"))
            }
            beginRound(sa, handshake, claim, follows: payloads.notify(.anotherAuthFollows) != nil)
        }
    }

    func initiatorVerified(_ sa: IKESA, _ outcome: PeerVerification) {
        guard let handshake = sa.handshake, let claim = handshake.conversation.claim else { return }
        switch outcome {
        case .refused(let reason): refuseInitiator(sa, .authentication(reason))
        case .accepted(let peer):
            passRound(sa, handshake, AuthenticatedRound(identity: claim.identity, verified: peer), claim.certificates)
            if case .presented(let content)? = handshake.resumption { return roundReviewed(sa, handshake, content) }
            roundPassed(sa, handshake)
        }
    }

    /// Notes a round that the initiator has proved, and how.
    private func passRound(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ round: AuthenticatedRound,
        _ certificates: [[UInt8]]
    ) {
        if let authentication = remoteRound(sa)?.authentication {
            handshake.conversation.evidence.append(RoundEvidence(round, authentication, certificates))
        }
        handshake.conversation.passed.append(round)
    }

    /// The initiator has proved one round. Whether another follows is not its choice.
    private func roundPassed(_ sa: IKESA, _ handshake: Handshake) {
        let needsMore = handshake.conversation.passed.count < sa.connection.remoteRounds.count
        guard handshake.conversation.peerFollows == needsMore else {
            let text = needsMore ? "another round of authentication is needed" : "a round of authentication too many"
            return refuseInitiator(sa, .authentication("auth_rounds: \(text)"))
        }
        advance(sa, handshake)
    }

    /// Whether this response begins a round of ours.
    private func provesNow(_ sa: IKESA, _ handshake: Handshake) -> Bool {
        let conversation = handshake.conversation
        if conversation.localRounds == 0, conversation.isEAPOnly { return false }
        return conversation.localRounds == 0 || conversation.weFollow
    }

    private func prove(_ sa: IKESA, _ handshake: Handshake, _ step: Step) -> Bool {
        handshake.conversation.localRounds += 1
        handshake.conversation.weFollow = false
        return requestProof(sa, step)
    }

    /// What answers a request that ended a round of the initiator's, or that left the turn to us.
    private func advance(_ sa: IKESA, _ handshake: Handshake) {
        guard let request = handshake.conversation.request else { return }
        let conversation = handshake.conversation
        let ours = conversation.localRounds + (provesNow(sa, handshake) ? 1 : 0)
        let remains = sa.connection.localRounds.count - ours
        if conversation.passed.count == sa.connection.remoteRounds.count, remains <= 0 {
            return authorize(sa, request, conversation.passed)
        }
        if provesNow(sa, handshake) {
            guard prove(sa, handshake, .proveBetweenRounds) else {
                return refuseInitiator(sa, .authentication("no octets to sign"))
            }
        } else {
            respondBetweenRounds(sa, eapProof(sa, handshake), isEAPProof: true)
        }
    }

    /// The response between two rounds. Without a round of ours it holds at most the AUTH that concludes EAP.
    func respondBetweenRounds(_ sa: IKESA, _ proof: AuthenticationPayload?, isEAPProof: Bool = false) {
        guard let handshake = sa.handshake else { return }
        guard proof != nil || isEAPProof else {
            return refuseInitiator(sa, .authentication("our key gives no signature that the peer takes"))
        }
        var payloads: [Payload] = []
        if let proof { payloads = isEAPProof ? [.authentication(proof)] : roundPayloads(localRound(sa), proof) }
        finishEAP(handshake)
        if proof != nil, handshake.conversation.localRounds < sa.connection.localRounds.count {
            handshake.conversation.weFollow = true
            payloads.append(.notify(.anotherAuthFollows))
        }
        let isDone = handshake.conversation.passed.count == sa.connection.remoteRounds.count
        handshake.conversation.stage = isDone ? .remainder : .round
        respond(sa, payloads + ppkConfirmation(handshake))
    }

    /// The initiator is authorized: our last proof, then the last response.
    func conclude(_ sa: IKESA, _ request: AuthRequest, _ peer: VerifiedPeer, _ outcome: AuthOutcome) {
        guard let handshake = sa.handshake else { return }
        if handshake.resumption != nil { return concludeResumption(sa, handshake, request, peer, outcome) }
        if provesNow(sa, handshake) {
            guard prove(sa, handshake, .proveResponder(request, peer, outcome)) else {
                return refuseInitiator(sa, .authentication("no octets to sign"))
            }
            return
        }
        var proof: [Payload] = []
        if handshake.conversation.eap != nil {
            guard let made = eapProof(sa, handshake) else {
                return refuseInitiator(sa, .authentication("no octets to authenticate"))
            }
            proof = [.authentication(made)]
        }
        respondFinally(sa, request, peer, outcome, proof)
    }

    /// IDr, CERT and AUTH of a round.
    func roundPayloads(_ round: LocalRound, _ proof: AuthenticationPayload) -> [Payload] {
        [.identificationResponder(round.identity.payload)] + certificatePayloads(round) + [.authentication(proof)]
    }

    // MARK: EAP

    /// Our proof is made: the EAP server is asked, and both go into one response.
    func beginEAP(_ sa: IKESA, _ proof: AuthenticationPayload?) {
        guard let handshake = sa.handshake, let proof else {
            return refuseInitiator(sa, .authentication("our key gives no signature that the peer takes"))
        }
        handshake.conversation.proof = roundPayloads(localRound(sa), proof)
        askEAPServer(sa, handshake, nil)
    }

    private func askEAPServer(_ sa: IKESA, _ handshake: Handshake, _ response: [UInt8]?) {
        guard let claim = handshake.conversation.claim, case .eap(let requirement)? = remoteRound(sa)?.authentication
        else { return refuseInitiator(sa, .authentication("EAP is not how this peer authenticates")) }
        let eap = handshake.conversation.eap ?? EAPConversation(session: nextEAPSession())
        handshake.conversation.eap = eap
        let id = begin(.eapServer, sa)
        emit(
            .eapServer(
                id,
                EAPServerRequest(
                    ikeSA: sa.id,
                    session: eap.session,
                    connection: sa.connection.name,
                    settings: requirement.settings,
                    claimed: claim.identity,
                    isOnlyProof: handshake.conversation.isEAPOnly,
                    response: response,
                    path: sa.path
                )
            )
        )
    }

    private func receiveEAPResponse(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        // RFC 3748 §4.1: the identifier is that of the request. What does not fit cannot come from an honest peer here.
        guard let packet = payloads.eap, packet.isResponse, packet.identifier == handshake.conversation.eap?.identifier
        else { return refuseEAP(sa, handshake, .authentication("eap_failed: no EAP response to our last packet")) }
        let bytes = packet.packet
        guard bytes.count <= configuration.limits.eapBytes else {
            return refuseEAP(sa, handshake, .authentication("eap_failed: an EAP packet of \(bytes.count) octets"))
        }
        askEAPServer(sa, handshake, bytes)
    }

    func eapServerStepped(_ sa: IKESA, _ step: EAPServerStep) {
        guard let handshake = sa.handshake else { return }
        switch step {
        case .request(let bytes):
            guard let packet = EAPPayload(packet: bytes), packet.isRequest else {
                return refuseEAP(sa, handshake, .authentication("eap_failed: the EAP server made no request"))
            }
            handshake.conversation.eap?.exchanges += 1
            guard let count = handshake.conversation.eap?.exchanges, count <= configuration.limits.eapExchanges else {
                let limit = configuration.limits.eapExchanges
                return refuseEAP(sa, handshake, .authentication("eap_failed: more than \(limit) EAP exchanges"))
            }
            handshake.conversation.eap?.identifier = packet.identifier
            handshake.conversation.stage = .eap
            respond(sa, openingPayloads(sa, handshake) + [.eap(packet)])
        case .succeeded(let success, let key, let peer): eapSucceeded(sa, handshake, success, key, peer)
        case .failed(_, let reason):
            refuseEAP(sa, handshake, .authentication(AuthenticationFailure(reason)))
        }
    }

    /// What stands before the first EAP packet of a round: our proof, or IDr alone (RFC 5998 §3).
    private func openingPayloads(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        defer { handshake.conversation.proof = [] }
        guard handshake.conversation.isEAPOnly, handshake.conversation.localRounds == 0 else {
            return handshake.conversation.proof
        }
        handshake.conversation.localRounds = 1
        return [.identificationResponder(localRound(sa).identity.payload)]
    }

    /// The method succeeded. Nothing is believed yet: the initiator's AUTH must be made from the same key.
    private func eapSucceeded(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ success: [UInt8],
        _ key: SecretBytes?,
        _ peer: VerifiedPeer
    ) {
        guard let packet = EAPPayload(packet: success), packet.isSuccess,
            case .eap(let requirement)? = remoteRound(sa)?.authentication, let round = remoteRound(sa),
            let claim = handshake.conversation.claim, handshake.conversation.stage.isEAP
        else { return refuseEAP(sa, handshake, .authentication("eap_failed: success out of order")) }
        guard let proved = peer.eap, !proved.name.isEmpty else {
            return refuseEAP(sa, handshake, .authentication("eap_failed: the EAP server names nobody"))
        }
        // E02: a method that makes a key proves nothing about this IKE SA without it.
        guard key.map({ $0.count >= 32 }) ?? requirement.allowsKeyless else {
            return refuseEAP(sa, handshake, .authentication("msk_missing: \(proved.method) gave no key"))
        }
        // E07, RFC 5998 §4: nobody but the method authenticates us.
        guard !handshake.conversation.isEAPOnly || (proved.isMutual && key != nil) else {
            return refuseEAP(
                sa,
                handshake,
                .authentication("eap_method: \(proved.method) is too weak to be the only proof")
            )
        }
        // A12: the connection was chosen by what the peer claimed; what it proved must fit all the same.
        guard requirement.claimed == .ignored || proved.reads(as: claim.identity), round.allows(proved),
            !sa.connection.localRounds.contains(where: { proved.reads(as: $0.identity) })
        else {
            sa.remoteIdentity = proved.identity
            return refuseEAP(sa, handshake, .identity(mismatch(proved.identity, round.identity)))
        }
        handshake.conversation.eap?.hasSucceeded = true
        handshake.conversation.eap?.key = key
        handshake.conversation.eap?.peer = peer
        handshake.conversation.stage = .eapProof
        endEAP(handshake)
        respond(sa, [.eap(packet)])
    }

    func concludeEAPRound(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let eap = handshake.conversation.eap, let peer = eap.peer, let proved = peer.eap,
            let claim = handshake.conversation.claim, let authentication = payloads.authentication,
            isValidEAPProof(sa, handshake, authentication, claim.identification)
        else {
            return refuseInitiator(sa, .authentication("msk_mismatch: AUTH is not made from the key of the EAP method"))
        }
        handshake.conversation.peerFollows = payloads.notify(.anotherAuthFollows) != nil
        passRound(sa, handshake, AuthenticatedRound(identity: proved.identity, verified: peer), [])
        roundPassed(sa, handshake)
    }

    /// RFC 7296 §2.16: within EAP a refusal is an EAP Failure, whoever refuses and why. It has no room for a reason.
    private func refuseEAP(_ sa: IKESA, _ handshake: Handshake, _ cause: FailureReport.Cause) {
        guard let eap = handshake.conversation.eap, handshake.conversation.stage.isEAP else {
            return refuseInitiator(sa, cause)
        }
        respond(sa, [.eap(.failure(eap.identifier))])
        fail(sa, cause)
    }

    /// The key of a concluded EAP conversation is needed no more.
    private func finishEAP(_ handshake: Handshake) {
        endEAP(handshake)
        handshake.conversation.eap = nil
    }
}

extension AuthConversation.Stage {
    fileprivate var isEAP: Bool {
        if case .eap = self { true } else { false }
    }
}

extension RemoteRound {
    /// Whether an initiator may begin this round by claiming an identity. What EAP proves is looked at when it has done so.
    func mayClaim(_ identity: Identity) -> Bool {
        guard case .eap(let requirement) = authentication, requirement.claimed == .ignored else {
            return self.identity.allows(identity)
        }
        return true
    }

    /// Whether this round is for whom EAP has authenticated.
    func allows(_ proved: EAPIdentity) -> Bool {
        switch identity {
        case .any: true
        case .anyDistinguishedName: false
        case .oneOf(let identities): identities.contains { proved.reads(as: $0) }
        }
    }
}
