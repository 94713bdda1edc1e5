import IKEMessage
import IPsecTypes

/// Requests of our own: sent, sent again with doubling pauses, given up (RFC 7296 §2.1, §2.4).
extension Engine {
    /// Sends a protected request. The window must be free.
    ///
    /// - Parameter detour: where it goes, when not along the IKE SA's path.
    func sendRequest(
        _ sa: IKESA,
        _ exchange: ExchangeType,
        _ payloads: [Payload],
        _ context: ExchangeContext,
        along detour: Path? = nil
    ) {
        let id = sa.requests.nextID
        let datagrams = protect(sa, exchange, id, isResponse: false, payloads)
        guard !datagrams.isEmpty, id < .max else {
            discardSecrets(context)
            if sa.phase == .initiating { return fail(sa, .limit("request too long or IVs used up")) }
            return destroy(sa, .protocolError("request too long, or IVs or Message IDs used up"))
        }
        sa.requests.nextID = id + 1
        open(sa, id, exchange, datagrams, context, along: detour)
    }

    /// Makes a request outstanding and sends it for the first time.
    func open(
        _ sa: IKESA,
        _ id: UInt32,
        _ exchange: ExchangeType,
        _ datagrams: [[UInt8]],
        _ context: ExchangeContext,
        along detour: Path? = nil
    ) {
        precondition(sa.requests.outstanding == nil, "the window holds one request")
        let timing = sa.connection.timing
        sa.requests.outstanding = OutstandingRequest(
            messageID: id,
            exchange: exchange,
            context: context,
            datagrams: datagrams,
            since: now,
            pause: timing.retransmitInitial,
            detour: detour,
            ways: [detour ?? sa.path]
        )
        sa.timers[.retransmit] = now + timing.retransmitInitial
        sa.timers[.giveUp] = now + timing.giveUp
        send(datagrams, detour ?? sa.path)
    }

    /// The response is there: frees the window.
    func concludeRequest(_ sa: IKESA) {
        sa.requests.outstanding = nil
        sa.responseReassembly = nil
        sa.timers[.retransmit] = nil
        sa.timers[.giveUp] = nil
    }

    func retransmit(_ sa: IKESA) {
        guard var request = sa.requests.outstanding else { return }
        if isTiredOfTicket(sa), let handshake = sa.handshake { return abandonTicket(sa, handshake) }
        request.attempt += 1
        request.pause = min(request.pause * 2, sa.connection.timing.retransmitMaximum)
        sa.requests.outstanding = request
        sa.timers[.retransmit] = now + request.pause
        statistics.retransmitted += 1
        endVainCheck(sa)
        let path = sa.requests.outstanding?.detour ?? sa.path
        sendOutstanding(sa, path)
        askCandidateAgain(sa)
        probeOtherPaths(sa)
        report(.retransmitting(sa.id, attempt: request.attempt, path))
    }

    func giveUp(_ sa: IKESA) {
        guard let request = sa.requests.outstanding, !takesOldPathAgain(sa) else { return }
        let silence = silence(of: sa)
        concludeRequest(sa)
        discardSecrets(request.context)
        switch sa.phase {
        case .initiating:
            if let refusal = sa.handshake?.refusal { return fail(sa, refused(sa, by: refusal)) }
            sa.silence = silence
            fail(sa, .timeout)
        case .established:
            // Our rekeying got no answer, yet the peer's own went through.
            if let collision = sa.peerRekeying, let successor = sas[collision.successor], successor.isEstablished {
                return adopt(sa, successor)
            }
            sa.silence = silence
            destroy(sa, .peerDead)
        case .closing: finish(sa, sa.closeReason ?? .requested)
        case .halfOpen, .replaced, .finished: remove(sa)
        }
    }

    /// An unauthenticated refusal, with what we had offered.
    private func refused(_ sa: IKESA, by notify: NotifyType) -> FailureReport.Cause {
        guard notify == .noProposalChosen else { return .peerRefused(notify) }
        return .peerRefusedProposals(offered: sa.connection.negotiableProposals.map(ProposalText.describe))
    }

    /// Tells the driver to forget the private keys of an exchange that will not be completed.
    func discardSecrets(_ context: ExchangeContext) {
        switch context {
        case .createChild(let negotiation): discard(negotiation.handle)
        case .rekeyIKE(let rekeying): discard(rekeying.handle)
        case .followUp(let series): discard(series.handle)
        case .initial, .authentication, .deleteChildren, .deleteIKE, .probe, .authenticationFailed, .intermediate,
            .announcement, .mobility:
            break
        }
    }

    func discard(_ handle: KeyExchangeHandle?) {
        if let handle { emit(.discardKeyExchange(handle)) }
    }
}
