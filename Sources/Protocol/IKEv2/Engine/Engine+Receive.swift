import IKECrypto
import IKEMessage
import IPsecTypes

extension Engine {
    /// Takes a datagram: finds its exchange, and its IKE SA where there is one.
    func receive(_ datagram: [UInt8], path: Path) {
        statistics.received += 1
        guard datagram.count <= configuration.limits.messageBytes, let header = try? IKEHeader.parse(datagram.span),
            Int(exactly: header.length) == datagram.count
        else { return drop(.malformedHeader, path) }
        guard header.majorVersion == 2 else { return receiveForeignVersion(header, path) }
        // RFC 7296 §1.5: only INVALID_SPI comes without SPIs.
        guard header.initiatorSPI != .zero else { return receiveInvalidSPI(header, datagram, path) }
        switch header.exchangeType {
        case .ikeSAInit:
            if header.flags.contains(.response) {
                receiveInitialResponse(header, datagram, path)
            } else {
                receiveInitialRequest(header, datagram, path)
            }
        case .ikeSessionResume:
            if header.flags.contains(.response) {
                receiveResumeResponse(header, datagram, path)
            } else {
                receiveResumeRequest(header, datagram, path)
            }
        case .ikeAuth, .createChildSA, .informational, .ikeIntermediate, .ikeFollowupKE:
            receiveProtected(header, datagram, path)
        default:
            drop(.exchangeType, path)
        }
    }

    /// RFC 7296 §2.5: a higher major version is answered with ours, IKEv1 is ignored.
    private func receiveForeignVersion(_ header: IKEHeader, _ path: Path) {
        drop(.version, path)
        guard header.majorVersion > 2, !header.flags.contains(.response) else { return }
        answerUnprotected(header, [.notify(.invalidMajorVersion)], path)
    }

    /// Answers a request without an IKE SA, within the budget for such answers (RFC 7296 §2.21.4), and never with more than
    /// was asked: the source may be forged.
    func answerUnprotected(_ header: IKEHeader, _ payloads: [Payload], _ path: Path) {
        let answer = unprotectedAnswer(header, payloads)
        guard answer.count <= Int(clamping: header.length) else { return }
        guard errorBudget.take(now, perSecond: configuration.limits.unprotectedErrorsPerSecond) else { return }
        send([answer], path)
    }

    func unprotectedAnswer(_ header: IKEHeader, _ payloads: [Payload]) -> [UInt8] {
        var flags: IKEFlags = .response
        if !header.flags.contains(.initiator) { flags.insert(.initiator) }
        let answer = IKEHeader(
            initiatorSPI: header.initiatorSPI,
            responderSPI: header.responderSPI,
            exchangeType: header.exchangeType,
            flags: flags,
            messageID: header.messageID
        )
        return IKEMessage(header: answer, payloads: payloads).serialise()
    }

    private func receiveProtected(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        let senderIsInitiator = header.flags.contains(.initiator)
        let (ours, theirs) =
            senderIsInitiator
            ? (header.responderSPI, header.initiatorSPI) : (header.initiatorSPI, header.responderSPI)
        guard let sa = sas[ours], sa.isInitiator != senderIsInitiator, sa.remoteSPI == theirs else {
            drop(.unknownSPI, path)
            if configuration.answersUnknownSPIs, !header.flags.contains(.response), sas[ours] == nil {
                answerUnknownIKESPI(header, path)
            }
            return
        }
        touch(sa)
        if header.flags.contains(.response), header.nextPayload == .notify {
            return receiveUnprotectedAnswer(sa, header, datagram, path)
        }
        deliver(sa, header, datagram, path)
        drain(sa)
    }

    /// Handles a datagram of an IKE SA, or holds it while an operation is under way.
    private func deliver(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        if header.flags.contains(.response) {
            deliverResponse(sa, header, datagram, path)
        } else {
            deliverRequest(sa, header, datagram, path)
        }
    }

    /// Handles what was held, until the next operation.
    func drain(_ sa: IKESA) {
        while sa.pending == nil, !awaitsSolution(sa), !sa.held.isEmpty, sas[sa.localSPI] != nil {
            let (datagram, path) = sa.held.removeFirst()
            guard let header = try? IKEHeader.parse(datagram.span) else { continue }
            deliver(sa, header, datagram, path)
        }
        if sa.pending == nil, sas[sa.localSPI] != nil { runTasks(sa) }
    }

    func hold(_ sa: IKESA, _ datagram: [UInt8], _ path: Path) {
        let limits = configuration.limits
        let room = sa.phase == .halfOpen ? limits.heldBytesHalfOpen : limits.heldBytes
        guard sa.held.count < limits.heldDatagrams,
            sa.held.reduce(datagram.count, { $0 + $1.bytes.count }) <= room
        else { return drop(.limit, path) }
        sa.held.append((datagram, path))
    }

    // MARK: Requests

    private func deliverRequest(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        let window = sa.responses
        // The number after the last one is zero: there the IKE SA must have been rekeyed (RFC 7296 §2.2).
        guard header.messageID < .max else { return drop(.messageID, path) }
        guard header.messageID == window.expected else {
            return repeatResponse(sa, header, datagram, path)
        }
        // A retransmission of the very request that is being worked on.
        guard window.current == nil else { return }
        guard sa.pending == nil else { return hold(sa, datagram, path) }
        guard sa.phase != .finished, sa.phase != .initiating else { return drop(.unexpected, path) }
        guard passesAuthPuzzle(sa, header, datagram, path) else { return }
        switch open(sa, header, datagram, path) {
        case .incomplete: return
        case .refused(let reason): drop(reason, path)
        case .content(let payloads, let tag):
            guard admits(sa, header.exchangeType) else { return drop(.unexpected, path) }
            begin(sa, header, tag, path)
            confirmChildren(sa)
            handleRequest(sa, header.exchangeType, payloads)
        case .malformed(let error, let tag):
            guard admits(sa, header.exchangeType) else { return drop(.unexpected, path) }
            begin(sa, header, tag, path)
            refuseMalformed(sa, error, path)
        }
    }

    /// A new request is authentic: the peer has got our answer to the one before.
    private func begin(_ sa: IKESA, _ header: IKEHeader, _ tag: [UInt8], _ path: Path) {
        sa.responses.current = .init(exchange: header.exchangeType, tag: tag, path: path)
        let first = sa.handshake.map { [$0.response] } ?? []
        sa.lengths.arrived(sa.responses.lastResponse.isEmpty ? first : sa.responses.lastResponse, at: path.remote.port)
        sa.lengths.repeats = 0
    }

    private func admits(_ sa: IKESA, _ exchange: ExchangeType) -> Bool {
        if exchange == .ikeIntermediate { return admitsIntermediate(sa) }
        guard sa.phase == .halfOpen else { return exchange != .ikeAuth }
        if exchange == .ikeAuth { return true }
        // An initiator may break off in the middle of EAP.
        return exchange == .informational && sa.handshake?.conversation.startedAt != nil
    }

    /// RFC 7296 §2.1: a request that was answered is answered again with the same bytes, and not looked at otherwise. Of
    /// a fragmented one, only the first fragment does so (RFC 7383 §2.6.1).
    private func repeatResponse(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        guard header.messageID &+ 1 == sa.responses.expected, !sa.responses.lastResponse.isEmpty,
            let envelope = try? ProtectedEnvelope.parse(
                header,
                datagram.span,
                allowsSolution: header.exchangeType == .ikeAuth
            )
        else { return drop(.messageID, path) }
        if let fragment = envelope.fragment, fragment.number != 1 { return }
        if ProtectedEnvelope.tag(datagram) != sa.responses.lastTag {
            // A sender that found a smaller path MTU splits its request anew: authentic, and yet other bytes.
            guard envelope.fragment != nil, let keys = sa.responses.lastKeys ?? sa.receiveKeys,
                (try? crypto.open(message: datagram, bodyOffset: envelope.bodyOffset, keys: keys)) != nil
            else { return drop(.messageID, path) }
        }
        guard path == sa.responses.lastPath || path == sa.path || isNoLonger(sa.responses.lastResponse, than: datagram)
        else { return drop(.unexpected, path) }
        statistics.retransmitted += 1
        sa.lengths.repeats += 1
        send(sa.responses.lastResponse, path)
    }

    /// Whoever has seen a request can repeat it with somebody else's address as the source: such an address gets no more
    /// than was sent in its name.
    private func isNoLonger(_ answer: [[UInt8]], than datagram: [UInt8]) -> Bool {
        answer.reduce(0) { $0 + $1.count } <= datagram.count
    }

    private func handleRequest(_ sa: IKESA, _ exchange: ExchangeType, _ payloads: [Payload]) {
        switch exchange {
        case .ikeAuth: if beginsAuthentication(sa) { receiveAuthRequest(sa, payloads) }
        case .ikeIntermediate: receiveIntermediateRequest(sa, payloads)
        case .ikeFollowupKE: receiveFollowUpRequest(sa, payloads)
        case .createChildSA: receiveCreateChild(sa, payloads)
        case _ where sa.phase == .halfOpen: receiveHalfOpenInformational(sa, payloads)
        default: receiveInformational(sa, payloads)
        }
    }

    /// RFC 7296 §2.21.3: INVALID_SYNTAX ends the IKE SA, an unknown critical payload only the request. In IKE_AUTH both
    /// end it (§2.21.2).
    private func refuseMalformed(_ sa: IKESA, _ error: IKEMessageError, _ path: Path) {
        drop(.malformedContent, path)
        respond(sa, [.notify(error.notification ?? NotifyPayload(.invalidSyntax))])
        if case .unsupportedCriticalPayload = error, sa.phase != .halfOpen { return }
        if sa.phase == .halfOpen {
            fail(sa, .malformed("\(error)"))
        } else {
            destroy(sa, .protocolError("malformed request: \(error)"))
        }
    }

    /// Answers the request that is being worked on, and remembers the answer.
    ///
    /// `current` is set when a request was decrypted, and cleared here and by `release` only. `release` also drops the
    /// operation that the request waited for, so that no step can answer twice, or after the end.
    func respond(_ sa: IKESA, _ payloads: [Payload]) {
        guard let current = sa.responses.current else { preconditionFailure("there is no request to respond to") }
        let id = sa.responses.expected
        let datagrams = protect(sa, current.exchange, id, isResponse: true, payloads)
        sa.responses.current = nil
        sa.responses.expected = id &+ 1
        sa.responses.lastTag = current.tag
        sa.responses.lastPath = current.path
        sa.responses.lastKeys = nil
        sa.responses.lastResponse = datagrams
        send(datagrams, current.path)
    }

    // MARK: Responses

    private func deliverResponse(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        guard let outstanding = sa.requests.outstanding, outstanding.messageID == header.messageID,
            outstanding.exchange == header.exchangeType, outstanding.exchange != .ikeSAInit,
            outstanding.exchange != .ikeSessionResume
        else { return drop(.messageID, path) }
        guard sa.pending == nil else { return hold(sa, datagram, path) }
        switch open(sa, header, datagram, path) {
        case .incomplete: return
        case .refused(let reason): drop(reason, path)
        case .content(let payloads, _):
            sa.lengths.arrived(outstanding.datagrams, at: (outstanding.detour ?? sa.path).remote.port)
            concludeRequest(sa)
            // RFC 7296 §2.21.3: fatal in both peers, without a Delete. Before authentication the exchange itself says so.
            if sa.phase != .initiating, payloads.notify(.invalidSyntax) != nil {
                discardSecrets(outstanding.context)
                return destroy(sa, .protocolError("the peer could not read our request (INVALID_SYNTAX)"))
            }
            noteAnswer(sa, outstanding, path)
            handleResponse(sa, outstanding, payloads, path)
        case .malformed(let error, _):
            drop(.malformedContent, path)
            concludeRequest(sa)
            discardSecrets(outstanding.context)
            if sa.phase == .initiating {
                fail(sa, .malformed("\(error)"))
            } else {
                // RFC 7296 §2.21: no error goes back, but the state is cleaned up.
                destroy(sa, .protocolError("malformed response: \(error)"))
            }
        }
    }

    private func handleResponse(_ sa: IKESA, _ request: OutstandingRequest, _ payloads: [Payload], _ path: Path) {
        switch request.context {
        // `deliverResponse` lets no IKE_SA_INIT through.
        case .initial: preconditionFailure("IKE_SA_INIT is not protected")
        case .authentication: receiveAuthResponse(sa, payloads)
        case .createChild(let negotiation): receiveChildResponse(sa, negotiation, payloads)
        case .rekeyIKE(let rekeying): receiveRekeyResponse(sa, rekeying, payloads)
        case .deleteChildren(let spis): finishDeleteChildren(sa, spis)
        case .deleteIKE: finishDeleteIKE(sa)
        case .probe: probeAnswered(sa, payloads)
        case .announcement: noteTicket(sa, payloads)
        case .authenticationFailed: remove(sa)
        case .intermediate: receiveIntermediateResponse(sa, payloads)
        case .followUp(let series): receiveFollowUpResponse(sa, series, payloads)
        case .mobility(let exchange): mobilityAnswered(sa, exchange, request.ways, payloads, path)
        }
    }
}
