import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_SA_INIT, our side as responder. Until a request has shown a cookie where one is demanded, and has brought a proposal
// and a key exchange that fit, nothing is stored (RFC 7296 §2.6).

extension Engine {
    /// The first request of an initiator, IKE_SA_INIT or IKE_SESSION_RESUME: how the table of half-open IKE SAs will know it.
    /// nil when it is dropped, or has been answered before.
    func newcomer(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) -> HalfOpenTable.Key? {
        guard header.flags.contains(.initiator), header.responderSPI == .zero, header.messageID == 0 else {
            drop(.malformedInit, path)
            return nil
        }
        guard datagram.count <= configuration.limits.initialBytes else {
            drop(.limit, path)
            return nil
        }
        // Our own request, sent back by somebody on the way: we would set an IKE SA up with ourselves, until AUTH.
        if let mine = sas[header.initiatorSPI], mine.isInitiator, mine.phase == .initiating {
            drop(.unexpected, path)
            return nil
        }
        let key = HalfOpenTable.Key(initiatorSPI: header.initiatorSPI, remote: path.remote)
        for spi in halfOpen.candidates(key) {
            guard let handshake = sas[spi]?.handshake, handshake.request == datagram else { continue }
            // RFC 7296 §2.1: the same request gets the same response. There is none yet while keys are being made.
            guard !handshake.response.isEmpty else { return nil }
            statistics.retransmitted += 1
            send([handshake.response], path)
            return nil
        }
        return key
    }

    func receiveInitialRequest(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        guard let key = newcomer(header, datagram, path) else { return }
        let payloads: [Payload]
        do {
            payloads = try IKEMessage.parse(datagram.span).payloads
        } catch {
            drop(.malformedInit, path)
            if let notify = error.notification { answerUnprotected(header, [.notify(notify)], path) }
            return
        }
        guard let nonce = payloads.nonce, let exchange = payloads.keyExchange,
            let offered = payloads.securityAssociation?.proposals,
            // RFC 7296 §3.3.1: in the first negotiation the SPI is in the header alone.
            offered.allSatisfy(\.spi.isEmpty)
        else {
            drop(.malformedInit, path)
            return answerUnprotected(header, [.notify(.invalidSyntax)], path)
        }
        if repeatsWithCookie(header, datagram, payloads, nonce, key, path) { return }
        var solvedCookie: [UInt8]?
        switch admit(header, payloads, nonce, path) {
        case .refused: return
        case .admitted: break
        case .solved(let cookie): solvedCookie = cookie
        }
        if redirects(header, payloads, nonce, path) { return }
        let request = InitialRequest(
            header: header,
            datagram: datagram,
            payloads: payloads,
            nonce: nonce,
            keyExchange: exchange,
            offered: offered,
            path: path,
            solvedCookie: solvedCookie
        )
        select(request, key)
    }

    private struct InitialRequest {
        var header: IKEHeader
        var datagram: [UInt8]
        var payloads: [Payload]
        var nonce: [UInt8]
        var keyExchange: KeyExchangePayload
        var offered: [Proposal]
        var path: Path
        /// The cookie whose puzzle it solved.
        var solvedCookie: [UInt8]?
    }

    /// Answers IKE_SA_INIT without making an IKE SA. An answer longer than the request would amplify, and is not sent.
    func answerInitial(_ header: IKEHeader, _ payloads: [Payload], _ path: Path) {
        let answer = IKEHeader(
            initiatorSPI: header.initiatorSPI,
            responderSPI: .zero,
            // IKE_SESSION_RESUME gets its cookie here as well.
            exchangeType: header.exchangeType,
            flags: .response,
            messageID: 0
        )
        let bytes = IKEMessage(header: answer, payloads: payloads).serialise()
        if bytes.count <= Int(clamping: header.length) { send([bytes], path) }
    }

    /// Chooses connection and proposal.
    private func select(_ request: InitialRequest, _ key: HalfOpenTable.Key) {
        let connections = configuration.connections.filter { matches($0, request.path) }
        var mismatch: ProposalMismatch?
        var tried: [[IKEProposal]] = []
        // Many connections have the same proposals: a stranger's are matched against each only once.
        for connection in connections where !tried.contains(connection.negotiableProposals) {
            tried.append(connection.negotiableProposals)
            let choice = ProposalSelection.selectIKE(
                offered: request.offered,
                accepted: connection.negotiableProposals,
                sent: request.keyExchange.method,
                withAdditional: request.payloads.notify(.intermediateExchangeSupported) != nil
            )
            switch choice {
            case .failure(let error): mismatch = mismatch ?? connection.explained(error.mismatch)
            case .success(let choice):
                let method = choice.suite.keyExchange
                guard method == request.keyExchange.method else {
                    return answerInitial(request.header, [.invalidKeyExchange(method)], request.path)
                }
                let length = method.publicValueLength ?? request.keyExchange.data.count
                guard length == request.keyExchange.data.count, isLongEnough(request.nonce, for: choice.suite.prf)
                else {
                    drop(.malformedInit, request.path)
                    return answerUnprotected(request.header, [.notify(.invalidSyntax)], request.path)
                }
                return accept(request, key, connection, choice)
            }
        }
        refuse(request, mismatch)
    }

    private func refuse(_ request: InitialRequest, _ mismatch: ProposalMismatch?) {
        guard failureBudget.take(now, perSecond: configuration.limits.unprotectedErrorsPerSecond) else { return }
        statistics.failed += 1
        report(
            .failed(
                nil,
                FailureReport(
                    stage: .initial,
                    weInitiated: false,
                    connection: nil,
                    child: nil,
                    path: request.path,
                    remoteIdentity: nil,
                    cause: mismatch.map { .noProposalChosen($0) } ?? .refused("no connection is for these addresses")
                )
            )
        )
        answerInitial(request.header, [.notify(.noProposalChosen)], request.path)
    }

    /// Whether a connection is for these addresses.
    func matches(_ connection: ConnectionConfiguration, _ path: Path) -> Bool {
        (connection.localAddresses.isEmpty || connection.localAddresses.contains(path.local.address))
            && (connection.remoteAddresses.isEmpty
                || connection.remoteAddresses.contains { $0.contains(path.remote.address) })
    }

    private func accept(
        _ request: InitialRequest,
        _ key: HalfOpenTable.Key,
        _ connection: ConnectionConfiguration,
        _ choice: ProposalSelection.IKEChoice
    ) {
        // RFC 8019 §10: one solution, one IKE SA.
        if let cookie = request.solvedCookie, !cookies.spend(cookie) { return drop(.limit, request.path) }
        let sa = IKESA(
            id: nextID(),
            isInitiator: false,
            localSPI: freshIKESPI(),
            remoteSPI: request.header.initiatorSPI,
            connection: connection,
            path: request.path,
            phase: .halfOpen,
            ivEpoch: configuration.ivEpoch
        )
        let handshake = Handshake(localNonce: randomBytes(Self.nonceLength), method: choice.suite.keyExchange)
        handshake.remoteNonce = request.nonce
        handshake.request = request.datagram
        handshake.peerPublic = request.keyExchange.data
        handshake.selectedProposal = choice.proposal
        handshake.halfOpenKey = key
        handshake.hasSolvedPuzzle = request.solvedCookie != nil
        handshake.intermediate.isNegotiated = !choice.suite.additionalKeyExchanges.isEmpty
        handshake.intermediate.remaining = choice.suite.additionalKeyExchanges
        sa.handshake = handshake
        sa.suite = choice.suite
        sa.responses.expected = 1
        sa.nat = Self.natState(request.payloads, request.header, request.path)
        noteCapabilities(sa, handshake, request.payloads)
        notePPKOffer(sa, handshake, request.payloads)
        sa.timers[.forget] = now + configuration.limits.halfOpenLifetime
        insert(sa)
        halfOpen.insert(key, sa.localSPI)
        answerKeyExchange(sa, .generateInitialResponse, handshake.method, handshake.peerPublic)
    }

    func initialResponseGenerated(_ sa: IKESA, _ handle: KeyExchangeHandle?, _ publicValue: [UInt8]) {
        guard let handshake = sa.handshake, let handle, let proposal = handshake.selectedProposal else {
            discard(handle)
            return fail(sa, .keyExchange(sa.handshake?.method ?? .none))
        }
        handshake.handle = handle
        handshake.publicValue = publicValue
        var payloads: [Payload] = [
            .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
            .keyExchange(KeyExchangePayload(method: handshake.method, data: publicValue)),
            .nonce(NoncePayload(data: handshake.localNonce)),
        ]
        payloads += natDetectionPayloads(sa, responderSPI: sa.localSPI)
        if let request = certificateRequest(configuration.connections.filter { matches($0, sa.path) }) {
            payloads.append(request)
        }
        let peers = configuration.connections.filter { matches($0, sa.path) }
        payloads += capabilityPayloads(sa.connection, peers: peers) + childlessCapability(sa.connection)
        payloads += initialNotifies(sa, payloads)
        // What nobody has a use for is not negotiated.
        if handshake.intermediate.isNegotiated { payloads.append(.notify(.intermediateExchangeSupported)) }
        payloads += ppkAnswer(sa, handshake) + authPuzzlePayloads(sa, handshake)
        let header = IKEHeader(
            initiatorSPI: sa.remoteSPI,
            responderSPI: sa.localSPI,
            exchangeType: .ikeSAInit,
            flags: .response,
            messageID: 0
        )
        handshake.response = IKEMessage(header: header, payloads: payloads).serialise()
        send([handshake.response], sa.path)
        // While the response travels: an honest initiator's IKE_AUTH finds the keys ready. A puzzle comes before that work.
        if handshake.authPuzzle == nil { shareInitial(sa, handshake) }
    }

    /// CERTREQ with the roots that any of these connections trusts; nil when none names one (RFC 7296 §3.7).
    func certificateRequest(_ connections: [ConnectionConfiguration]) -> Payload? {
        var hashes: [[UInt8]] = []
        for connection in connections {
            guard case .certificate(let roots) = connection.remoteAuthentication else { continue }
            for root in roots where !hashes.contains(root) { hashes.append(root) }
        }
        guard !hashes.isEmpty else { return nil }
        return .certificateRequest(
            CertificateRequestPayload(encoding: .x509Signature, authorities: Array(hashes.joined()))
        )
    }
}
