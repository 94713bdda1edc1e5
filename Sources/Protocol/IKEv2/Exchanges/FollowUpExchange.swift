import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_FOLLOWUP_KE (RFC 9370 §2.2.4): the additional key exchanges of a CREATE_CHILD_SA exchange, one after another. Nothing
// is made before the last.
//
//     HDR, SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)(link n)} -->
//                         <-- HDR, SK {KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)(link n+1)]}

// MARK: Our series

extension Engine {
    /// Our CREATE_CHILD_SA is answered and its own key exchange done: starts the further ones, unless the peer's simultaneous
    /// rekeying is the one that stays.
    func startSeries(_ sa: IKESA, _ series: KeyExchangeSeries) {
        if isOvertaken(sa, series) { return report(.collision(sa.id, "the peer's simultaneous rekeying goes on")) }
        continueSeries(sa, series)
    }

    private func continueSeries(_ sa: IKESA, _ series: KeyExchangeSeries) {
        guard sa.isEstablished else { return }
        guard let method = series.remaining.first else { return concludeSeries(sa, series) }
        emit(.generateKeyExchange(begin(.generateFollowUp(series), sa), method))
    }

    func followUpGenerated(
        _ sa: IKESA,
        _ series: KeyExchangeSeries,
        _ handle: KeyExchangeHandle?,
        _ publicValue: [UInt8]
    ) {
        guard let method = series.remaining.first, let handle else {
            discard(handle)
            return giveUpSeries(sa, series, .keyExchange(series.remaining.first ?? .none))
        }
        // A close may have come while the key was made.
        guard sa.isEstablished else { return discard(handle) }
        var series = series
        series.handle = handle
        let payloads: [Payload] = [
            .keyExchange(KeyExchangePayload(method: method, data: publicValue)),
            .notify(.additionalKeyExchange, series.link),
        ]
        sendRequest(sa, .ikeFollowupKE, payloads, .followUp(series))
    }

    func receiveFollowUpResponse(_ sa: IKESA, _ series: KeyExchangeSeries, _ payloads: [Payload]) {
        var series = series
        let handle = series.handle
        series.handle = nil
        guard sa.isEstablished, let method = series.remaining.first, let handle else { return discard(handle) }
        if let error = payloads.errorNotify {
            discard(handle)
            return loseSeries(sa, series, error.type)
        }
        // RFC 6290 §4.3: with the answer that makes the IKE SA.
        if case .ourIKE(var rekeying) = series.purpose {
            rekeying.crashToken = payloads.notify(.quickCrashDetection)?.data
            series.purpose = .ourIKE(rekeying)
        }
        let isLast = series.remaining.count == 1
        let link = payloads.notify(.additionalKeyExchange)?.data
        guard let exchange = payloads.onlyKeyExchange, exchange.method == method,
            exchange.data.count == method.responderValueLength, (link == nil) == isLast
        else {
            discard(handle)
            // The initiator deletes the IKE SA (draft-ietf-ipsecme-ikev2-mlkem §2.2).
            return close(sa, .protocolError("IKE_FOLLOWUP_KE without the public value of \(method) or its link"))
        }
        series.link = link ?? []
        let id = begin(.shareFollowUp(series), sa)
        emit(.computeSharedSecret(id, handle: handle, method: method, peerPublic: exchange.data))
    }

    func followUpShared(_ sa: IKESA, _ series: KeyExchangeSeries, _ secret: SecretBytes?) {
        guard sa.isEstablished else { return }
        guard let secret else { return close(sa, .protocolError("the additional key exchange failed")) }
        var series = series
        series.secrets.append(secret)
        series.remaining.removeFirst()
        sa.lostSeries = 0
        continueSeries(sa, series)
    }

    private func concludeSeries(_ sa: IKESA, _ series: KeyExchangeSeries) {
        switch series.purpose {
        case .ourChild(let negotiation, let agreement): concludeChild(sa, negotiation, agreement, series.secrets)
        case .ourIKE(let rekeying): concludeRekey(sa, rekeying, series.secrets)
        case .peersChild, .peersIKE: break
        }
    }

    /// We cannot go on. Nothing was made, so there is nothing to delete; the peer forgets its part by itself.
    private func giveUpSeries(_ sa: IKESA, _ series: KeyExchangeSeries, _ cause: FailureReport.Cause) {
        switch series.purpose {
        case .ourChild(let negotiation, _): abandon(sa, negotiation, cause)
        case .ourIKE: rekeyFailed(sa, cause)
        case .peersChild, .peersIKE: break
        }
    }

    /// The peer refuses. STATE_NOT_FOUND means that it waited too long: the whole is tried anew, a few times.
    private func loseSeries(_ sa: IKESA, _ series: KeyExchangeSeries, _ type: NotifyType) {
        guard type == .stateNotFound || type == .temporaryFailure else {
            return giveUpSeries(sa, series, .peerRefused(type))
        }
        sa.lostSeries += 1
        // > it MUST treat this situation as a fatal error and delete IKE SA by sending a DELETE payload
        guard sa.lostSeries <= configuration.limits.lostSeries else { return close(sa, .outOfSync) }
        let task: ExchangeTask
        switch series.purpose {
        case .ourIKE: task = .rekeyIKE
        case .ourChild(let negotiation, _):
            guard let spi = negotiation.rekeyed else {
                task = .createChild(negotiation.configuration)
                break
            }
            guard let old = sa.child(inbound: spi), old.phase == .rekeying else { return }
            old.phase = old.peerRekeying == nil ? .installed : .replaced
            task = .rekeyChild(spi)
        case .peersChild, .peersIKE: return
        }
        report(.collision(sa.id, "\(type): \(task.summary) is tried again"))
        enqueue(sa, task, notBefore: now + jittered(sa.connection.timing.temporaryFailureRetry))
    }
}

// MARK: The peer's series

extension Engine {
    /// The peer's CREATE_CHILD_SA is answered with a link, and what it asked for waits for the further key exchanges.
    func awaitSeries(_ sa: IKESA, _ series: KeyExchangeSeries, _ answer: [Payload]) {
        var series = series
        series.link = randomBytes(Self.linkLength)
        series.until = now + configuration.limits.awaitedSeriesLifetime
        // The peer began anew: it has forgotten the one before.
        dropSeries(sa) { $0.replacesSame(as: series) }
        if sa.awaitedSeries.count >= configuration.limits.awaitedSeries { sa.awaitedSeries.removeFirst() }
        sa.awaitedSeries.append(series)
        scheduleSeries(sa)
        respond(sa, answer + [.notify(.additionalKeyExchange, series.link)])
    }

    /// Octets of a link: it only has to differ from the links before.
    private static let linkLength = 8

    func receiveFollowUpRequest(_ sa: IKESA, _ payloads: [Payload]) {
        guard sa.isEstablished, let link = payloads.notify(.additionalKeyExchange)?.data,
            let index = sa.awaitedSeries.firstIndex(where: { $0.link == link }),
            let method = sa.awaitedSeries[index].remaining.first
        else { return respond(sa, [.notify(.stateNotFound)]) }
        var series = sa.awaitedSeries.remove(at: index)
        scheduleSeries(sa)
        guard let exchange = payloads.onlyKeyExchange, exchange.method == method,
            exchange.data.count == method.publicValueLength
        else { return refuseSyntax(sa, "IKE_FOLLOWUP_KE without the public value of \(method)") }
        series.peerPublic = exchange.data
        answerKeyExchange(sa, .generateFollowUpResponse(series), method, exchange.data)
    }

    func followUpResponseGenerated(
        _ sa: IKESA,
        _ series: KeyExchangeSeries,
        _ handle: KeyExchangeHandle?,
        _ publicValue: [UInt8]
    ) {
        guard let handle, let method = series.remaining.first else {
            discard(handle)
            return refuseSyntax(sa, "the public value is refused, or no key could be made")
        }
        var series = series
        series.localPublic = publicValue
        let id = begin(.shareFollowUpResponse(series), sa)
        emit(.computeSharedSecret(id, handle: handle, method: method, peerPublic: series.peerPublic))
    }

    func followUpResponseShared(_ sa: IKESA, _ series: KeyExchangeSeries, _ secret: SecretBytes?) {
        guard let secret, let method = series.remaining.first else {
            return refuseSyntax(sa, "the public value is refused")
        }
        var series = series
        series.secrets.append(secret)
        series.remaining.removeFirst()
        let answer: [Payload] = [.keyExchange(KeyExchangePayload(method: method, data: series.localPublic))]
        guard series.remaining.isEmpty else { return awaitSeries(sa, series, answer) }
        switch series.purpose {
        case .peersChild(let request, let agreement):
            finishRequestedChild(sa, request, agreement, series.secrets, answer)
        case .peersIKE(let rekeying): finishRequestedRekey(sa, rekeying, series.secrets, answer)
        case .ourChild, .ourIKE: respond(sa, [.notify(.stateNotFound)])
        }
    }

    /// The peer did not go on in time. It may have restarted, or lost a simultaneous rekeying.
    func expireSeries(_ sa: IKESA) {
        dropSeries(sa) { $0.until.map { $0 <= now } ?? true }
    }

    /// Our rekeying of this Child SA stays, so the peer stops its own.
    func stopAwaiting(_ sa: IKESA, _ spi: SPI) {
        dropSeries(sa) { $0.rekeyedChild == spi }
    }

    private func dropSeries(_ sa: IKESA, where isGone: (KeyExchangeSeries) -> Bool) {
        sa.awaitedSeries.removeAll(where: isGone)
        scheduleSeries(sa)
    }

    private func scheduleSeries(_ sa: IKESA) {
        sa.timers[.series] = sa.awaitedSeries.compactMap(\.until).min()
    }

    // MARK: Simultaneous rekeying

    /// Whether the peer has begun to rekey this Child SA and the further key exchanges are still to come.
    func awaitsRekeying(_ sa: IKESA, of spi: SPI) -> Bool {
        sa.awaitedSeries.contains { $0.rekeyedChild == spi }
    }

    /// Whether the peer has begun to rekey the IKE SA and the further key exchanges are still to come.
    func awaitsRekeying(_ sa: IKESA) -> Bool {
        sa.awaitedSeries.contains { $0.isPeersIKE }
    }

    /// Whether our series must stop because the peer rekeys the same at the same time and ours has the lowest nonce. When it
    /// is the peer's, the peer stops.
    ///
    /// > because there is nothing to delete yet, the initiator of this exchange just stops the rekeying process
    private func isOvertaken(_ sa: IKESA, _ series: KeyExchangeSeries) -> Bool {
        switch series.purpose {
        case .ourChild(let negotiation, let agreement):
            guard let spi = negotiation.rekeyed, let collision = sa.childCollisions[spi] else { return false }
            let ours = lowest(negotiation.nonce, agreement.remoteNonce)
            let isAwaited = awaitsRekeying(sa, of: spi)
            guard ours.lexicographicallyPrecedes(collision.lowestNonce) else {
                if isAwaited { sa.childCollisions[spi] = nil }
                dropSeries(sa) { $0.rekeyedChild == spi }
                return false
            }
            sa.childCollisions[spi] = nil
            if let old = sa.child(inbound: spi), old.phase == .rekeying {
                old.phase = isAwaited ? .installed : .replaced
            }
            return true
        case .ourIKE(let rekeying):
            let ours = lowest(rekeying.localNonce, rekeying.remoteNonce)
            if let theirs = sa.awaitedSeries.first(where: \.isPeersIKE)?.peersLowestNonce(lowest) {
                if ours.lexicographicallyPrecedes(theirs) { return true }
                dropSeries(sa) { $0.isPeersIKE }
                return false
            }
            guard let collision = sa.peerRekeying, let peers = sas[collision.successor], peers.isEstablished,
                ours.lexicographicallyPrecedes(collision.lowestNonce)
            else { return false }
            adopt(sa, peers)
            return true
        case .peersChild, .peersIKE: return false
        }
    }
}

extension KeyExchangeSeries {
    /// The Child SA that the peer's series replaces, by our SPI.
    var rekeyedChild: SPI? {
        if case .peersChild(let request, _) = purpose { request.rekeyed } else { nil }
    }

    /// Whether it is the peer's rekeying of the IKE SA.
    var isPeersIKE: Bool {
        if case .peersIKE = purpose { true } else { false }
    }

    /// Whether two series of the peer's are for the same.
    func replacesSame(as other: KeyExchangeSeries) -> Bool {
        (isPeersIKE && other.isPeersIKE) || (rekeyedChild != nil && rekeyedChild == other.rekeyedChild)
    }

    fileprivate func peersLowestNonce(_ lowest: ([UInt8], [UInt8]) -> [UInt8]) -> [UInt8]? {
        if case .peersIKE(let rekeying) = purpose { lowest(rekeying.localNonce, rekeying.remoteNonce) } else { nil }
    }
}

extension ExchangeContext {
    /// Whether our request is part of making or rekeying a Child SA.
    var makesChild: Bool {
        switch self {
        case .createChild: return true
        case .followUp(let series): if case .ourChild = series.purpose { return true } else { return false }
        default: return false
        }
    }

    /// Whether our request is part of rekeying the IKE SA.
    var rekeysIKE: Bool {
        switch self {
        case .rekeyIKE: return true
        case .followUp(let series): if case .ourIKE = series.purpose { return true } else { return false }
        default: return false
        }
    }
}
