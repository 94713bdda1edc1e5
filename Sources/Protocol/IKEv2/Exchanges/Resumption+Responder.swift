import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_SESSION_RESUME, our side as responder (RFC 5723 §4.3.2):
//
//     HDR, [N(COOKIE),] Ni, N(TICKET_OPAQUE), N(NATD..) -->
//                         <-- HDR, Nr, N(NATD..)
//
// Cookies, half-open limits and retransmissions are those of IKE_SA_INIT. Only a symmetric key is used before IKE_AUTH proves
// that the sender knows SK_d; then trust, revocation and policy are asked as ever.

extension Engine {
    func receiveResumeRequest(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        guard let key = newcomer(header, datagram, path) else { return }
        guard let payloads = try? IKEMessage.parse(datagram.span).payloads, let nonce = payloads.nonce,
            let ticket = payloads.notify(.ticketOpaque)?.data
        else { return drop(.malformedInit, path) }
        if repeatsWithCookie(header, datagram, payloads, nonce, key, path) { return }
        // Without an SA payload there is no PRF for a puzzle: a cookie, and then a ticket that opens, are what is asked for.
        if case .refused = admit(header, payloads, nonce, path) { return }
        if redirects(header, payloads, nonce, path) { return }
        guard ticket.count <= configuration.limits.ticketBytes else { return refuseTicket(header, "too long", path) }
        switch openTicket(ticket) {
        case .failure(let error): refuseTicket(header, error.reason, path)
        case .success(let content):
            guard let connection = resumable(content, path) else {
                return refuseTicket(header, "ticket_connection: \(content.connection) is not configured so", path)
            }
            guard isLongEnough(nonce, for: content.suite.prf) else { return drop(.malformedInit, path) }
            resume(content, connection, header, datagram, payloads, nonce, path)
        }
    }

    /// The connection of a ticket, when it still is what it was: identities, proof and algorithms.
    private func resumable(_ content: TicketContent, _ path: Path) -> ConnectionConfiguration? {
        configuration.connections.first { connection in
            connection.name == content.connection && matches(connection, path) && connection.returning.usesTickets
                && connection.localIdentity.payload.restOfPayload == content.responder
                && connection.proofs == content.rounds.map(\.proof) && connection.takes(ppk: content.ppk)
                && connection.negotiableProposals.contains { $0.contains(content.suite) }
        }
    }

    /// RFC 5723 §4.3.2: TICKET_NACK, in clear; the client goes on with IKE_SA_INIT.
    private func refuseTicket(_ header: IKEHeader, _ reason: String, _ path: Path) {
        statistics.ticketsRefused += 1
        drop(.ticket, path)
        let payloads: [Payload] = [.notify(.ticketNack)]
        guard crashBudget.take(now, perSecond: configuration.limits.crashAnswersPerSecond) else { return }
        let answer = unprotectedAnswer(header, payloads)
        if answer.count <= Int(clamping: header.length) { send([answer], path) }
    }

    private func resume(
        _ content: TicketContent,
        _ connection: ConnectionConfiguration,
        _ header: IKEHeader,
        _ datagram: [UInt8],
        _ payloads: [Payload],
        _ nonce: [UInt8],
        _ path: Path
    ) {
        let sa = IKESA(
            id: nextID(),
            isInitiator: false,
            localSPI: freshIKESPI(),
            remoteSPI: header.initiatorSPI,
            connection: connection,
            path: path,
            phase: .halfOpen,
            ivEpoch: configuration.ivEpoch
        )
        let handshake = Handshake(localNonce: randomBytes(Self.nonceLength), method: content.suite.keyExchange)
        handshake.remoteNonce = nonce
        handshake.request = datagram
        handshake.resumption = .presented(content)
        let key = HalfOpenTable.Key(initiatorSPI: header.initiatorSPI, remote: path.remote)
        guard
            let keys = try? schedule.resumedKeys(
                suite: content.suite,
                oldSKd: content.skD,
                nonces: handshake.context(weInitiated: false),
                initiatorSPI: sa.initiatorSPI,
                responderSPI: sa.responderSPI
            )
        else { return refuseTicket(header, "ticket_suite: its algorithms are not there", path) }
        handshake.halfOpenKey = key
        sa.handshake = handshake
        sa.suite = content.suite
        sa.keys = keys
        sa.responses.expected = 1
        sa.nat = Self.natState(payloads, header, path)
        noteCapabilities(sa, handshake, payloads)
        sa.timers[.forget] = now + configuration.limits.halfOpenLifetime
        insert(sa)
        halfOpen.insert(key, sa.localSPI)
        answerResumption(sa, handshake)
    }

    private func answerResumption(_ sa: IKESA, _ handshake: Handshake) {
        var answer: [Payload] = [.nonce(NoncePayload(data: handshake.localNonce))]
        answer += natDetectionPayloads(sa, responderSPI: sa.localSPI)
        answer += capabilityPayloads(sa.connection, peers: [sa.connection])
        let header = IKEHeader(
            initiatorSPI: sa.remoteSPI,
            responderSPI: sa.localSPI,
            exchangeType: .ikeSessionResume,
            flags: .response,
            messageID: 0
        )
        handshake.response = IKEMessage(header: header, payloads: answer).serialise()
        send([handshake.response], sa.path)
    }

    /// IKE_AUTH after IKE_SESSION_RESUME (RFC 5723 §4.3.3). Whatever is wrong looks like every other failure.
    func receiveResumedAuth(_ sa: IKESA, _ handshake: Handshake, _ content: TicketContent, _ payloads: [Payload]) {
        guard let identification = payloads.identificationInitiator, let proof = payloads.authentication,
            let identity = try? Identity(identification)
        else {
            respond(sa, [.notify(.invalidSyntax)])
            return fail(sa, .malformed("IKE_AUTH of a resumption without IDi or AUTH"))
        }
        sa.remoteIdentity = identity
        // RFC 5723 §4.3.3: IDi MUST be identical to the ticket's, a CERT payload MUST NOT be included.
        guard identification.restOfPayload == content.initiator, payloads.certificates.isEmpty,
            payloads.identificationResponder.map({ $0.restOfPayload == content.responder }) ?? true,
            sa.connection.remoteRounds[0].mayClaim(identity), identity != sa.connection.localIdentity
        else { return refuseInitiator(sa, .authentication("ticket_identity: not the one of the ticket")) }
        guard proof.method == .sharedKey,
            let expected = resumptionProof(sa, peerOctets(sa, handshake, identification), ofInitiator: true),
            constantTimeEqual(expected, proof.data)
        else { return refuseInitiator(sa, .authentication("ticket_proof: the peer does not know its secret")) }
        // Only now: whoever has merely seen a ticket cannot spend it.
        guard spend(content) else { return refuseInitiator(sa, .authentication("ticket_spent: used before")) }
        guard let child = childRequest(sa, payloads) else { return }
        let claim = PeerClaim(
            identification: identification,
            identity: identity,
            authentication: proof,
            certificates: []
        )
        handshake.conversation.request = authRequest(claim, nil, child, payloads)
        reviewRound(sa, handshake, content)
    }

    /// Looks again at the next round by which the peer once proved itself; after the last one policy is asked.
    func reviewRound(_ sa: IKESA, _ handshake: Handshake, _ content: TicketContent) {
        guard let request = handshake.conversation.request else { return }
        let passed = handshake.conversation.passed
        guard passed.count < content.rounds.count else { return authorize(sa, request, passed) }
        let evidence = content.rounds[passed.count]
        guard let round = remoteRound(sa), let identity = evidence.provedIdentity,
            evidence.eap.map(round.allows) ?? round.identity.allows(identity),
            !sa.connection.localRounds.contains(where: { $0.identity == identity })
        else { return refuseInitiator(sa, .authentication("ticket_identity: not whom the connection takes now")) }
        handshake.conversation.claim = PeerClaim(
            identification: identity.payload,
            identity: identity,
            authentication: request.claim.authentication,
            certificates: evidence.certificates
        )
        guard evidence.proof != .sharedKey else { return initiatorVerified(sa, .accepted(VerifiedPeer())) }
        var question = PeerRevalidationRequest(
            ikeSA: sa.id,
            connection: sa.connection.name,
            identity: identity,
            certificates: evidence.certificates
        )
        if case .eap(let requirement) = round.authentication {
            (question.eap, question.settings) = (evidence.eap, requirement.settings)
            (question.attributes, question.notAfter) = (evidence.facts, evidence.notAfter)
        }
        emit(.revalidatePeer(begin(.verifyInitiator, sa), question))
    }

    /// One round stands as it did. An EAP round without its user, or with another one, does not.
    func roundReviewed(_ sa: IKESA, _ handshake: Handshake, _ content: TicketContent) {
        let passed = handshake.conversation.passed
        guard let last = passed.last, last.verified.eap?.name == content.rounds[passed.count - 1].eap?.name else {
            return refuseInitiator(sa, .authentication("ticket_identity: not whom EAP had proved"))
        }
        reviewRound(sa, handshake, content)
    }

    /// IDr and AUTH of a resumption; no CERT (RFC 5723 §4.3.3).
    func concludeResumption(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ request: AuthRequest,
        _ peer: VerifiedPeer,
        _ outcome: AuthOutcome
    ) {
        guard let proof = resumptionProof(sa, ownOctets(sa, handshake), ofInitiator: false) else {
            return refuseInitiator(sa, .authentication("no octets to sign"))
        }
        let payloads: [Payload] = [
            .identificationResponder(sa.connection.localIdentity.payload),
            .authentication(AuthenticationPayload(method: .sharedKey, data: proof)),
        ]
        respondFinally(sa, request, peer, outcome, payloads)
    }

    /// AUTH = prf(SK_px, <message octets>) (RFC 5723 §4.3.3).
    func resumptionProof(_ sa: IKESA, _ octets: [UInt8]?, ofInitiator: Bool) -> [UInt8]? {
        guard let keys = sa.keys, let suite = sa.suite, let octets else { return nil }
        let proof = try? crypto.prf(suite.prf, key: ofInitiator ? keys.skPi : keys.skPr, [.bytes(octets)])
        return proof?.withUnsafeBytes { [UInt8]($0) }
    }

    /// What a ticket of this IKE SA will carry of how its peer proved itself.
    func noteEvidence(_ sa: IKESA, _ handshake: Handshake, _ request: AuthRequest) {
        sa.returning.claimed = request.claim.identification.restOfPayload
        sa.returning.evidence = handshake.conversation.evidence
        sa.returning.ppk = handshake.ppk.isUsed ? handshake.ppk.identifier : []
        if case .presented(let content)? = handshake.resumption { sa.returning.ppk = content.ppk }
    }
}

extension Handshake {
    /// What the initiator's ticket says (responder).
    var resumedSession: ResumedSession? {
        guard case .presented(let content)? = resumption else { return nil }
        return ResumedSession(
            issued: content.issued,
            ends: content.ends,
            addresses: content.addresses,
            note: content.note
        )
    }
}
