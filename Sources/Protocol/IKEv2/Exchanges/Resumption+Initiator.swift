import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_SESSION_RESUME, our side as initiator (RFC 5723 §4.3). When the gateway refuses the ticket, or does not answer, the same
// IKE SA goes on with IKE_SA_INIT.

extension Engine {
    /// Tries before an unanswered IKE_SESSION_RESUME gives way to IKE_SA_INIT: a path that loses long datagrams, or a gateway
    /// that does not know the exchange.
    static let resumptionTries = 4

    /// Whether the ticket fits what is to be begun.
    func isUsable(_ ticket: SessionTicket, _ connection: ConnectionConfiguration) -> Bool {
        ticket.connection == connection.name && ticket.localIdentity == connection.localIdentity
            && connection.returning.usesTickets && connection.takes(ppk: ticket.ppk)
            && connection.remoteIdentity.allows(ticket.gateway)
            && ticket.expires > now && ticket.notAfter.map { $0 > wallClock } ?? true
            && connection.negotiableProposals.contains { $0.contains(ticket.suite) }
    }

    func startResumption(_ sa: IKESA, _ handshake: Handshake, _ ticket: SessionTicket) {
        handshake.resumption = .held(ticket)
        sa.suite = ticket.suite
        sendResumeRequest(sa, handshake, ticket)
    }

    private func sendResumeRequest(_ sa: IKESA, _ handshake: Handshake, _ ticket: SessionTicket) {
        var payloads: [Payload] = []
        if let cookie = handshake.cookie { payloads.append(.notify(.cookie, cookie)) }
        payloads.append(.nonce(NoncePayload(data: handshake.localNonce)))
        payloads.append(.notify(.ticketOpaque, ticket.ticket))
        payloads += natDetectionPayloads(sa, responderSPI: .zero)
        payloads += capabilityPayloads(sa.connection, peers: [sa.connection]) + redirectCapability(sa, handshake)
        let header = IKEHeader(
            initiatorSPI: sa.localSPI,
            responderSPI: .zero,
            exchangeType: .ikeSessionResume,
            flags: .initiator,
            messageID: 0
        )
        handshake.request = IKEMessage(header: header, payloads: payloads).serialise()
        open(sa, 0, .ikeSessionResume, [handshake.request], .initial)
    }

    func receiveResumeResponse(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        guard let sa = sas[header.initiatorSPI], sa.isInitiator, sa.phase == .initiating, header.messageID == 0,
            !header.flags.contains(.initiator), let handshake = sa.handshake, sa.pending == nil,
            case .held(let ticket)? = handshake.resumption,
            sa.requests.outstanding?.exchange == .ikeSessionResume
        else { return drop(.unknownSPI, path) }
        // As for IKE_SA_INIT: it is answered from where it was asked (RFC 7296 §2.11).
        guard path.remote == sa.path.remote else { return drop(.unexpected, path) }
        guard let payloads = try? IKEMessage.parse(datagram.span).payloads else { return drop(.malformedInit, path) }
        touch(sa)
        if let redirect = payloads.notify(.redirect) { return receiveInitialRedirect(sa, handshake, redirect) }
        if let cookie = payloads.notify(.cookie), case .cookie(let data) = cookie.decoded {
            handshake.retries += 1
            guard handshake.retries <= configuration.limits.initRetries else {
                return fail(sa, .tooManyRetries(handshake.retries))
            }
            handshake.cookie = data
            concludeRequest(sa)
            return sendResumeRequest(sa, handshake, ticket)
        }
        // Nobody proves that the refusal comes from the gateway; what it costs is a key exchange.
        guard payloads.notify(.ticketNack) == nil, payloads.errorNotify == nil else {
            return abandonTicket(sa, handshake)
        }
        guard header.responderSPI != .zero, let nonce = payloads.nonce, isLongEnough(nonce, for: ticket.suite.prf)
        else { return drop(.malformedInit, path) }
        acceptResumption(sa, handshake, ticket, header, datagram, payloads, nonce, path)
    }

    private func acceptResumption(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ ticket: SessionTicket,
        _ header: IKEHeader,
        _ datagram: [UInt8],
        _ payloads: [Payload],
        _ nonce: [UInt8],
        _ path: Path
    ) {
        concludeRequest(sa)
        sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
        sa.remoteSPI = header.responderSPI
        sa.requests.nextID = 1
        handshake.response = datagram
        handshake.remoteNonce = nonce
        noteCapabilities(sa, handshake, payloads)
        sa.nat = Self.natState(payloads, header, path)
        floatToNATPort(sa)
        sa.keys = try? schedule.resumedKeys(
            suite: ticket.suite,
            oldSKd: ticket.skD,
            nonces: handshake.context(weInitiated: true),
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI
        )
        handshake.conversation.localRounds = 1
        guard let proof = resumptionProof(sa, ownOctets(sa, handshake), ofInitiator: true) else {
            return fail(sa, .authentication("no octets to sign"))
        }
        sendFirstAuthRequest(sa, handshake, AuthenticationPayload(method: .sharedKey, data: proof))
    }

    /// Whether the outstanding request is an IKE_SESSION_RESUME that has been tried often enough.
    func isTiredOfTicket(_ sa: IKESA) -> Bool {
        guard let request = sa.requests.outstanding, request.exchange == .ikeSessionResume else { return false }
        return request.attempt >= Self.resumptionTries
    }

    /// Goes on with a full exchange. The ticket is of no more use to anybody.
    func abandonTicket(_ sa: IKESA, _ handshake: Handshake) {
        concludeRequest(sa)
        emit(.dropTicket(sa.id))
        let fresh = Handshake(localNonce: randomBytes(Self.nonceLength), method: handshake.method)
        fresh.offered = handshake.offered
        fresh.redirectedFrom = handshake.redirectedFrom
        fresh.formerAddresses = handshake.formerAddresses
        sa.handshake = fresh
        sa.suite = nil
        guard let method = sa.connection.negotiableProposals.first?.keyExchanges.first else {
            return fail(sa, .tooManyRetries(handshake.retries))
        }
        generateInitial(sa, method)
    }

    /// The gateway's IKE_AUTH after IKE_SESSION_RESUME.
    func receiveResumedAuthResponse(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ ticket: SessionTicket,
        _ payloads: [Payload]
    ) {
        guard let proof = payloads.authentication, let identification = payloads.identificationResponder else {
            if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
            return refuseResponder(sa, .protocolViolation("IKE_AUTH without IDr or AUTH"))
        }
        guard let identity = try? Identity(identification), identity == ticket.gateway else {
            return refuseResponder(sa, .authentication("ticket_identity: not the one of the ticket"))
        }
        sa.remoteIdentity = identity
        guard proof.method == .sharedKey,
            let expected = resumptionProof(sa, peerOctets(sa, handshake, identification), ofInitiator: false),
            constantTimeEqual(expected, proof.data)
        else { return refuseResponder(sa, .authentication("ticket_proof: the gateway does not know its secret")) }
        sa.returning.reauthenticateAt = ticket.reauthenticateAt
        sa.returning.ppk = ticket.ppk
        // All rounds of both ends are in the ticket.
        handshake.conversation.passed = ticket.rounds
        handshake.conversation.localRounds = sa.connection.localRounds.count
        concludeAuthentication(sa, handshake, payloads)
        // A session ends with the authentication that began it.
        if let end = ticket.notAfter, sa.isEstablished {
            sa.notAfter = min(sa.notAfter ?? end, end)
            setLease(sa)
        }
    }
}
