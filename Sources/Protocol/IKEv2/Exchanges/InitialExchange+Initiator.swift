import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_SA_INIT, our side as initiator (RFC 7296 §1.2):
//
//     HDR(SPIi,0), [N(COOKIE)], SAi1, KEi, Ni, N(NATD..) -->
//                         <-- HDR(SPIi,SPIr), SAr1, KEr, Nr, N(NATD..), [CERTREQ]

extension Engine {
    /// How long an unauthenticated refusal waits for something better (RFC 7296 §2.21.1).
    private static let refusalGrace: Duration = .seconds(2)

    func initiate(_ initiation: Initiation) -> IKESAID {
        let (connection, path) = (initiation.connection, initiation.path)
        let sa = IKESA(
            id: nextID(),
            isInitiator: true,
            localSPI: freshIKESPI(),
            remoteSPI: .zero,
            connection: connection,
            path: path,
            phase: .initiating,
            ivEpoch: configuration.ivEpoch
        )
        let method = connection.negotiableProposals.first?.keyExchanges.first
        let handshake = Handshake(localNonce: randomBytes(Self.nonceLength), method: method ?? .none)
        handshake.offered = ProposalBuilder.ike(connection.negotiableProposals)
        handshake.redirectedFrom = initiation.redirectedFrom
        handshake.formerAddresses = initiation.formerAddresses
        sa.handshake = handshake
        insert(sa)
        current[sa.id] = sa.localSPI
        // Should the driver never answer.
        sa.timers[.forget] = now + connection.timing.giveUp * 2
        guard let method, !connection.children.isEmpty else {
            fail(sa, .limit("a connection needs a proposal and a child"))
            return sa.id
        }
        if let ticket = initiation.ticket, isUsable(ticket, connection) {
            startResumption(sa, handshake, ticket)
        } else {
            generateInitial(sa, method)
        }
        return sa.id
    }

    func generateInitial(_ sa: IKESA, _ method: KeyExchangeMethod) {
        sa.handshake?.method = method
        sa.handshake?.triedMethods.append(method)
        emit(.generateKeyExchange(begin(.generateInitial, sa), method))
    }

    func initialGenerated(_ sa: IKESA, _ handle: KeyExchangeHandle?, _ publicValue: [UInt8]) {
        guard let handshake = sa.handshake, let handle else {
            discard(handle)
            return fail(sa, .keyExchange(sa.handshake?.method ?? .none))
        }
        handshake.handle = handle
        handshake.publicValue = publicValue
        sendInitialRequest(sa, handshake)
    }

    /// Sends IKE_SA_INIT, for the first time or after COOKIE or INVALID_KE_PAYLOAD. The time to give up counts from the
    /// first one.
    func sendInitialRequest(_ sa: IKESA, _ handshake: Handshake) {
        var payloads: [Payload] = []
        if let cookie = handshake.cookie { payloads.append(.notify(.cookie, cookie)) }
        if let solution = handshake.puzzleSolution { payloads.append(.puzzleSolution(solution)) }
        payloads.append(.securityAssociation(SecurityAssociationPayload(proposals: handshake.offered)))
        payloads.append(.keyExchange(KeyExchangePayload(method: handshake.method, data: handshake.publicValue)))
        payloads.append(.nonce(NoncePayload(data: handshake.localNonce)))
        payloads += natDetectionPayloads(sa, responderSPI: .zero)
        payloads += capabilityPayloads(sa.connection, peers: [sa.connection]) + redirectCapability(sa, handshake)
        // RFC 9370 §2.2.1: whoever offers additional key exchanges also offers the exchange that carries them.
        if handshake.offersAdditional { payloads.append(.notify(.intermediateExchangeSupported)) }
        payloads += ppkOffer(sa.connection)
        let header = IKEHeader(
            initiatorSPI: sa.localSPI,
            responderSPI: .zero,
            exchangeType: .ikeSAInit,
            flags: .initiator,
            messageID: 0
        )
        handshake.request = IKEMessage(header: header, payloads: payloads).serialise()
        let giveUpAt = handshake.giveUpAt
        open(sa, 0, .ikeSAInit, [handshake.request], .initial)
        if let giveUpAt { sa.timers[.giveUp] = giveUpAt }
        handshake.giveUpAt = sa.timers[.giveUp]
    }

    /// Fragmentation (RFC 7383 §2.3) and the hashes we verify signatures with (RFC 7427 §4).
    ///
    /// - Parameter peers: the connections that the peer may turn out to be of. A responder does not know yet which, so it lists
    ///   the hashes of all; what each peer may sign with is decided when it has signed.
    func capabilityPayloads(_ connection: ConnectionConfiguration, peers: [ConnectionConfiguration]) -> [Payload] {
        var payloads: [Payload] = []
        if connection.fragmentation { payloads.append(.notify(.fragmentationSupported)) }
        var hashes = WireWriter(capacity: 8)
        for hash in Set(peers.flatMap(\.signatures.offeredHashes)).sorted() { hashes.writeUInt16(hash) }
        if hashes.count > 0 { payloads.append(.notify(.signatureHashAlgorithms, hashes.bytes)) }
        return payloads
    }

    func receiveInitialResponse(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        guard let sa = sas[header.initiatorSPI], sa.isInitiator, sa.phase == .initiating, header.messageID == 0,
            !header.flags.contains(.initiator), let handshake = sa.handshake
        else { return drop(.unknownSPI, path) }
        // RFC 7296 §2.11: the responder answers from where it was asked. A copy from elsewhere would make us find a NAT before
        // it that is not there, and the two ends disagree about encapsulation.
        guard path.remote == sa.path.remote else { return drop(.unexpected, path) }
        guard case .initial = sa.requests.outstanding?.context, sa.requests.outstanding?.exchange == .ikeSAInit,
            sa.pending == nil
        else {
            return drop(.messageID, path)
        }
        guard let payloads = try? IKEMessage.parse(datagram.span).payloads else { return drop(.malformedInit, path) }
        touch(sa)
        if let redirect = payloads.notify(.redirect) { return receiveInitialRedirect(sa, handshake, redirect) }
        if let cookie = payloads.notify(.cookie), case .cookie(let data) = cookie.decoded {
            return receiveCookie(sa, handshake, data, payloads)
        }
        // RFC 8019 §7.1.2: a puzzle without a cookie cannot be solved, and the message is ignored.
        guard payloads.notify(.puzzle) == nil || payloads.errorNotify == nil else { return drop(.malformedInit, path) }
        if let invalid = payloads.notify(.invalidKEPayload), case .invalidKEPayload(let method) = invalid.decoded {
            return retry(sa, handshake, with: method)
        }
        if let error = payloads.errorNotify { return noteRefusal(sa, handshake, error.type) }
        acceptInitialResponse(sa, handshake, header, datagram, payloads, path)
    }

    private func receiveCookie(_ sa: IKESA, _ handshake: Handshake, _ cookie: [UInt8], _ payloads: [Payload]) {
        handshake.retries += 1
        guard handshake.retries <= configuration.limits.initRetries else {
            return fail(sa, .tooManyRetries(handshake.retries))
        }
        handshake.cookie = cookie
        handshake.puzzleSolution = nil
        concludeRequest(sa)
        guard let request = puzzle(sa, payloads, cookie) else { return sendInitialRequest(sa, handshake) }
        emit(.solvePuzzle(begin(.solvePuzzle, sa), request))
    }

    /// RFC 7296 §1.2: the responder wants another method. It must be one that we offered and did not try: a forged notify
    /// must not lead us to a method that is not allowed, nor in circles.
    private func retry(_ sa: IKESA, _ handshake: Handshake, with method: KeyExchangeMethod) {
        let offered = handshake.offered.contains { $0.transforms.contains(.keyExchange(method)) }
        guard offered, !handshake.triedMethods.contains(method) else { return drop(.unexpected, sa.path) }
        handshake.retries += 1
        guard handshake.retries <= configuration.limits.initRetries else {
            return fail(sa, .tooManyRetries(handshake.retries))
        }
        concludeRequest(sa)
        discard(handshake.handle)
        handshake.handle = nil
        generateInitial(sa, method)
    }

    /// Nothing proves that the refusal comes from the peer: it counts only when nothing better comes soon.
    private func noteRefusal(_ sa: IKESA, _ handshake: Handshake, _ type: NotifyType) {
        guard handshake.refusal == nil else { return }
        handshake.refusal = type
        if let giveUpAt = sa.timers[.giveUp] { sa.timers[.giveUp] = min(giveUpAt, now + Self.refusalGrace) }
    }

    private func acceptInitialResponse(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ header: IKEHeader,
        _ datagram: [UInt8],
        _ payloads: [Payload],
        _ path: Path
    ) {
        guard header.responderSPI != .zero, let nonce = payloads.nonce, let exchange = payloads.keyExchange,
            exchange.method == handshake.method,
            exchange.method.responderValueLength.map({ $0 == exchange.data.count }) ?? true,
            let suite = ProposalSelection.acceptIKE(
                payloads.securityAssociation,
                offered: handshake.offered,
                withAdditional: payloads.notify(.intermediateExchangeSupported) != nil
            ),
            suite.keyExchange == handshake.method, isLongEnough(nonce, for: suite.prf),
            // RFC 7296 §3.3.1: in the first negotiation the SPI is in the header alone.
            payloads.securityAssociation?.proposals.allSatisfy(\.spi.isEmpty) == true
        else { return drop(.malformedInit, path) }
        let puzzle: PuzzleRequest?
        switch authPuzzle(sa, handshake, payloads, nonce, header.responderSPI) {
        case .none: puzzle = nil
        case .asked(let request): puzzle = request
        case .tooHard: return noteRefusal(sa, handshake, .puzzle)
        case .notAllowed: return drop(.malformedInit, path)
        }
        sa.lengths.arrived([handshake.request], at: path.remote.port)
        concludeRequest(sa)
        sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
        sa.remoteSPI = header.responderSPI
        sa.suite = suite
        handshake.intermediate.isNegotiated = !suite.additionalKeyExchanges.isEmpty
        handshake.intermediate.remaining = suite.additionalKeyExchanges
        handshake.ppk.isAgreed = sa.connection.ppk != nil && payloads.notify(.usePPK) != nil
        sa.requests.nextID = 1
        handshake.response = datagram
        handshake.remoteNonce = nonce
        handshake.peerPublic = exchange.data
        noteCapabilities(sa, handshake, payloads)
        sa.nat = Self.natState(payloads, header, path)
        floatToNATPort(sa)
        guard let puzzle else { return shareInitial(sa, handshake) }
        emit(.solvePuzzle(begin(.solveAuthPuzzle, sa), puzzle))
    }

    func noteCapabilities(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        handshake.conversation.peerHasRounds = payloads.notify(.multipleAuthSupported) != nil
        if sa.isInitiator { handshake.conversation.announced.note(payloads) }
        noteRedirectSupport(sa, payloads)
        handshake.peerTakesChildless = payloads.notify(.childlessIKEv2Supported) != nil
        sa.supportsFragments = sa.connection.fragmentation && payloads.notify(.fragmentationSupported) != nil
        if case .signatureHashAlgorithms(let numbers)? = payloads.notify(.signatureHashAlgorithms)?.decoded {
            handshake.peerHashes = SignatureHash.recognised(in: numbers)
        }
    }

    /// RFC 7296 §2.10: a nonce has at least half the length of the PRF's key.
    func isLongEnough(_ nonce: [UInt8], for prf: PRFAlgorithm) -> Bool {
        nonce.count * 2 >= prf.outputLength ?? 0
    }

    func shareInitial(_ sa: IKESA, _ handshake: Handshake) {
        guard let handle = handshake.handle else { return fail(sa, .keyExchange(handshake.method)) }
        handshake.handle = nil
        let id = begin(.shareInitial, sa)
        emit(
            .computeSharedSecret(id, handle: handle, method: handshake.method, peerPublic: handshake.peerPublic)
        )
    }

    /// Both ends: the keys of the IKE SA.
    func initialShared(_ sa: IKESA, _ secret: SecretBytes?) {
        guard let handshake = sa.handshake, let suite = sa.suite, let secret,
            let keys = try? schedule.initialKeys(
                suite: suite,
                sharedSecret: secret,
                nonces: handshake.context(weInitiated: sa.isInitiator),
                initiatorSPI: sa.initiatorSPI,
                responderSPI: sa.responderSPI
            )
        else { return fail(sa, .keyExchange(sa.handshake?.method ?? .none)) }
        sa.keys = keys
        if sa.isInitiator { continueHandshake(sa, handshake) }
    }
}
