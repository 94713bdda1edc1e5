import IKECrypto
import IKEMessage
import IPsecTypes

// Quick crash detection (RFC 6290), both roles. The maker gives each IKE SA a token that it can make again after a restart;
// when a request comes for an IKE SA that it does not have, the token shows that it really lost it.

extension Engine {
    /// Generations that are looked at and sent (RFC 6290 §4.5: at least four).
    private static let generations = 4

    // MARK: Token maker

    /// QCD_TOKEN for an IKE SA of ours; nothing when we have no secret.
    func crashTokenPayloads(_ sa: IKESA) -> [Payload] {
        guard let secret = secrets.crash.first,
            let token = crashToken(secret, sa.initiatorSPI, sa.responderSPI)
        else { return [] }
        return [.notify(.quickCrashDetection, token)]
    }

    /// RFC 6290 §5.1, with HMAC for HASH: TOKEN_SECRET_DATA = HASH(QCD_SECRET | SPI-I | SPI-R).
    private func crashToken(_ secret: SecretBytes, _ initiator: IKESPI, _ responder: IKESPI) -> [UInt8]? {
        var writer = WireWriter(capacity: 16)
        writer.writeUInt64(initiator.rawValue)
        writer.writeUInt64(responder.rawValue)
        let token = try? crypto.prf(.hmacSHA256, key: secret, [.bytes(writer.bytes)])
        return token?.withUnsafeBytes { [UInt8]($0) }
    }

    /// A protected request for an IKE SA that we do not have: INVALID_IKE_SPI (RFC 7296 §2.21.4), with tokens where we make
    /// them (RFC 6290 §4.5). Never longer than the request, and within a budget: the source may be forged.
    func answerUnknownIKESPI(_ header: IKEHeader, _ path: Path) {
        guard !isOffered(header.initiatorSPI), !isOffered(header.responderSPI) else { return }
        let refusal = Payload.notify(.invalidIKESPI)
        guard mayRevealToken(header) else { return answerUnprotected(header, [refusal], path) }
        // Newest first; one that the peer got a rotation ago may be the second.
        let tokens = secrets.crash.prefix(Self.generations).compactMap { secret in
            crashToken(secret, header.initiatorSPI, header.responderSPI).map {
                Payload.notify(.quickCrashDetection, $0)
            }
        }
        var payloads = [refusal]
        for token in tokens {
            guard unprotectedAnswer(header, payloads + [token]).count <= Int(clamping: header.length) else { break }
            payloads.append(token)
        }
        guard payloads.count > 1 else { return answerUnprotected(header, [refusal], path) }
        guard crashBudget.take(now, perSecond: configuration.limits.crashAnswersPerSecond) else { return }
        statistics.crashTokensSent += 1
        send([unprotectedAnswer(header, payloads)], path)
    }

    /// RFC 6290 §9.1: whoever learns the token of a living IKE SA can end it. So there is none while either SPI is one of
    /// ours, whichever role the request claims for its sender, nor for an IKE SA that another owner took over (§9.2).
    private func mayRevealToken(_ header: IKEHeader) -> Bool {
        guard !secrets.crash.isEmpty, handedOver.count < configuration.limits.handedOver,
            header.initiatorSPI != .zero, header.responderSPI != .zero
        else { return false }
        return [header.initiatorSPI, header.responderSPI].allSatisfy { sas[$0] == nil && !handedOver.contains($0) }
    }

    /// The peer may use the successor of an IKE SA before its answer has reached us: we have not lost that one, and say
    /// nothing. Its request comes again.
    func noteOffered(_ spi: IKESPI, _ timing: ConnectionTiming) {
        if offeredSPIs.count >= offeredSPIsPrunedAt {
            offeredSPIs = offeredSPIs.filter { $0.value > now }
            offeredSPIsPrunedAt = max(64, offeredSPIs.count * 2)
        }
        // A rekeying with all its exchanges takes no longer than giving up each of them.
        offeredSPIs[spi] = now + timing.giveUp * 8
    }

    private func isOffered(_ spi: IKESPI) -> Bool { offeredSPIs[spi].map { $0 > now } ?? false }

    /// RFC 6290 §4.3: whoever initiated a rekeying of the IKE SA sends its token in an exchange of its own.
    func announceCrashToken(_ successor: IKESA) {
        if !secrets.crash.isEmpty { successor.tasks.append(QueuedTask(task: .announce(.crashToken))) }
    }

    // MARK: Token taker

    /// Keeps the token of a protected message; a newer one replaces it (RFC 6290 §4.4).
    func noteCrashToken(_ sa: IKESA, _ payloads: [Payload]) {
        guard let token = payloads.notify(.quickCrashDetection)?.data, Self.tokenLengths.contains(token.count) else {
            return
        }
        sa.returning.crashToken = token
    }

    /// RFC 6290 §5: at least 16 octets, no more than 128.
    private static let tokenLengths = 16...128

    /// What a liveness check carries: enough for the maker's answer, which is never longer than the request. A Vendor ID may
    /// be part of any message (RFC 7296 §3.12).
    func probePayloads(_ sa: IKESA) -> [Payload] {
        guard let token = sa.returning.crashToken else { return [] }
        let room = Self.generations * (8 + token.count)
        return [.vendorID(VendorIDPayload(data: Array("culvert".utf8) + [UInt8](repeating: 0, count: room)))]
    }

    /// An answer in clear to a protected request. It changes nothing unless it holds our peer's token; else it is a hint.
    func receiveUnprotectedAnswer(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        let limits = configuration.limits
        guard sa.isEstablished || sa.phase == .closing || sa.phase == .replaced,
            let outstanding = sa.requests.outstanding, outstanding.messageID == header.messageID,
            outstanding.exchange == header.exchangeType
        else { return drop(.unexpected, path) }
        // RFC 6290 §8.1: a taker limits the rate of tokens that it verifies.
        guard sa.returning.hints.take(now, perSecond: limits.hintsPerSecond) else { return drop(.limit, path) }
        guard let payloads = try? IKEMessage.parse(datagram.span).payloads,
            payloads.notify(.invalidIKESPI) != nil
        else { return drop(.unexpected, path) }
        let shown = payloads.notifies.filter { $0.type == .quickCrashDetection }.prefix(Self.generations)
        if let token = sa.returning.crashToken, shown.contains(where: { constantTimeEqual($0.data, token) }) {
            // RFC 6290 §4.5: silently discard the IKE SA and all its Child SAs.
            statistics.crashesDetected += 1
            return destroy(sa, .peerRestarted)
        }
        // RFC 6290 §4.5: what cannot be validated gets no response.
        drop(.unexpected, path)
        if path.remote == sa.path.remote { suspect(sa) }
    }

    /// Tells the driver, now and then, that the peer may have forgotten an IKE SA. Nobody has proved it, so nothing is given
    /// up: the driver may make another one beside it.
    func suspect(_ sa: IKESA) {
        guard sa.isEstablished, !sa.authorizesPeer else { return }
        if let last = sa.returning.suspectedAt, now - last < Self.suspicionPause { return }
        sa.returning.suspectedAt = now
        report(.suspected(sa.id))
    }

    /// Forged hints cost us a handshake each this often at most.
    private static let suspicionPause: Duration = .seconds(10)

    // MARK: ESP without an SA

    /// RFC 7296 §1.5: ESP came for an SPI that we do not have: INVALID_SPI, in clear, with zero IKE SPIs. Our peer checks
    /// then whether we still know its IKE SA.
    func answerUnknownSPI(_ spi: SPI, _ path: Path) {
        guard configuration.answersUnknownSPIs,
            crashBudget.take(now, perSecond: configuration.limits.crashAnswersPerSecond)
        else { return }
        var data = WireWriter(capacity: 4)
        data.writeUInt32(spi.rawValue)
        let header = IKEHeader(
            initiatorSPI: .zero,
            responderSPI: .zero,
            exchangeType: .informational,
            flags: .initiator,
            messageID: 0
        )
        send([IKEMessage(header: header, payloads: [.notify(.invalidSPI, data.bytes)]).serialise()], path)
    }

    /// The peer has no SA for ESP of ours, or somebody says so: the question goes to the peer.
    func receiveInvalidSPI(_ header: IKEHeader, _ datagram: [UInt8], _ path: Path) {
        drop(.unknownSPI, path)
        guard header.exchangeType == .informational, !header.flags.contains(.response),
            hintBudget.take(now, perSecond: configuration.limits.hintsPerSecond),
            let payloads = try? IKEMessage.parse(datagram.span).payloads,
            case .invalidSPI(let spi)? = payloads.notify(.invalidSPI)?.decoded,
            let sa = sas.values.first(where: { sa in
                sa.isEstablished && sa.path.remote == path.remote && sa.child(outbound: spi)?.outboundActive == true
            }),
            sa.returning.hints.take(now, perSecond: configuration.limits.hintsPerSecond)
        else { return }
        touch(sa)
        // A request that waits is asked again at once: its next turn may be seconds away.
        guard sa.requests.outstanding == nil else { return retransmit(sa) }
        enqueue(sa, .probe, first: true)
        if sa.pending == nil { runTasks(sa) }
    }
}
