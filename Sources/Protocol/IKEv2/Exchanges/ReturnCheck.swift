import IKEMessage
import IPsecTypes

// Return routability: nobody gets ESP at an address that only a source address field has named. Whoever says it is there
// must answer something that it can only know from there (RFC 4555 §3.7).

extension Engine {
    /// An authentic packet came from elsewhere than the peer was, as a NAT does that forgot its mapping. RFC 7296 §2.23 lets
    /// us follow at once, and so lets the peer, or who can change addresses on the way, lead our ESP to a victim. So we
    /// ask there first.
    func suspectMove(_ sa: IKESA, to path: Path) {
        guard followsPeer(sa), path != sa.trafficPath, path != sa.path, path != sa.mobility.candidate,
            sa.mobility.failed.map({ $0.path != path || $0.until <= now }) ?? true,
            isAcceptable(sa, path)
        else { return }
        guard takesMove(sa) else { return drop(.limit, path) }
        sa.mobility.candidate = path
        sa.mobility.candidateTries = 0
        enqueue(sa, .returnCheck, first: true)
        // What is in flight went to where the peer is no more, and holds the window until it is answered.
        if sa.requests.outstanding != nil { sendOutstanding(sa, path) }
    }

    /// What holds the window goes to where the peer seems to be again, a few times: once may be lost, and until it is answered
    /// nobody can be asked anything there.
    func askCandidateAgain(_ sa: IKESA) {
        guard let candidate = sa.mobility.candidate, let request = sa.requests.outstanding, request.detour != candidate,
            sa.mobility.candidateTries < configuration.limits.returnCheckAttempts
        else { return }
        sa.mobility.candidateTries += 1
        sendOutstanding(sa, candidate)
    }

    /// What a peer can make us do by moving is bounded: each move costs a message to wherever it says it is.
    func takesMove(_ sa: IKESA) -> Bool {
        let limits = configuration.limits
        return sa.mobility.budget.take(now, perSecond: limits.movesPerSecond, burst: limits.moveBurst)
    }

    /// Sends what is outstanding once more, along `path`.
    func sendOutstanding(_ sa: IKESA, _ path: Path) {
        guard let request = sa.requests.outstanding else { return }
        if !request.ways.contains(path) { sa.requests.outstanding?.ways.append(path) }
        send(request.datagrams, path)
    }

    func startReturnCheck(_ sa: IKESA) {
        guard let path = sa.mobility.candidate ?? (sa.mobility.proven == nil ? nil : sa.path) else { return }
        let check: ReturnCheck
        let payloads: [Payload]
        if sa.mobility.isNegotiated {
            // RFC 4555 §4.2.5: 8 to 64 octets that the peer cannot foresee.
            let cookie = randomBytes(32)
            check = ReturnCheck(path: path, proof: .cookie(cookie))
            // libreswan gives COOKIE2 back only beside NAT detection, which any INFORMATIONAL request may have (RFC 4555 §3.8).
            payloads =
                [.notify(.cookie2, cookie)] + natDetectionPayloads(sa, responderSPI: sa.responderSPI, along: path)
        } else if path.remote.address == sa.trafficPath.remote.address {
            check = ReturnCheck(path: path, proof: .answer)
            payloads = []
        } else {
            let type = Self.unassigned.randomElement(using: &random) ?? Self.unassigned.lowerBound
            check = ReturnCheck(path: path, proof: .payloadType(type))
            payloads = [.unknown(UnknownPayload(type: PayloadType(rawValue: type), critical: true, body: []))]
        }
        report(.mobility(sa.id, .checkStarted(path)))
        sendRequest(sa, .informational, payloads, .mobility(.check(check)), along: path)
    }

    /// Payload types that no RFC has given a meaning: one of them, marked critical, comes back in
    /// UNSUPPORTED_CRITICAL_PAYLOAD (RFC 7296 §2.5). Who guesses is right once in a hundred times, and has one try.
    private static let unassigned: ClosedRange<UInt8> = 80...200

    func checkAnswered(_ sa: IKESA, _ check: ReturnCheck, _ ways: [Path], _ payloads: [Payload], _ path: Path) {
        switch check.proof {
        case .cookie(let cookie):
            // RFC 4555 §3.7: the IKE SA must be closed when the values differ; a missing one is no better.
            guard let echo = payloads.notify(.cookie2), constantTimeEqual(echo.data, cookie) else {
                report(.mobility(sa.id, .checkFailed(check.path)))
                return destroy(sa, .protocolError("COOKIE2 did not come back as it was sent"))
            }
        case .payloadType(let type):
            guard case .unsupportedCriticalPayload(let named)? = payloads.notify(.unsupportedCriticalPayload)?.decoded
            else { return failCheck(sa, check.path) }
            guard named.rawValue == type else {
                report(.mobility(sa.id, .checkFailed(check.path)))
                return destroy(sa, .protocolError("an answer that was made without the request"))
            }
        case .answer:
            guard path == check.path else { return failCheck(sa, check.path) }
        }
        // > If the same INFORMATIONAL request has been sent to several different addresses, receiving the response does
        // > not tell which address is the working one.
        guard ways == [check.path] else {
            if sa.mobility.candidate != nil || sa.mobility.proven != nil { enqueue(sa, .returnCheck, first: true) }
            return
        }
        if check.path == sa.mobility.candidate {
            report(.mobility(sa.id, .checkPassed(check.path)))
            move(sa, to: check.path, .natMapping)
        } else if check.path == sa.path, sa.mobility.proven != nil {
            report(.mobility(sa.id, .checkPassed(check.path)))
            move(sa, to: check.path, .peerMoved)
        }
        if sa.mobility.candidate != nil || sa.mobility.proven != nil { enqueue(sa, .returnCheck, first: true) }
    }

    /// The request of a check that nobody answers goes where the peer was: it may be there still.
    func endVainCheck(_ sa: IKESA) {
        guard let request = sa.requests.outstanding, case .mobility(.check(let check)) = request.context,
            request.attempt >= configuration.limits.returnCheckAttempts, isUndecided(sa, check.path)
        else { return }
        sa.requests.outstanding?.detour = nil
        sa.timers[.giveUp] = now + sa.connection.timing.giveUp
        failCheck(sa, check.path)
    }

    /// A check that was given up tells nothing of the way before: true when its request goes on there.
    func takesOldPathAgain(_ sa: IKESA) -> Bool {
        guard let request = sa.requests.outstanding, case .mobility(.check(let check)) = request.context,
            sa.isEstablished, isUndecided(sa, check.path)
        else { return false }
        sa.requests.outstanding?.detour = nil
        sa.timers[.giveUp] = now + sa.connection.timing.giveUp
        failCheck(sa, check.path)
        sendOutstanding(sa, sa.path)
        return true
    }

    private func isUndecided(_ sa: IKESA, _ path: Path) -> Bool {
        sa.mobility.candidate == path || (sa.mobility.proven != nil && sa.path == path)
    }

    private func failCheck(_ sa: IKESA, _ path: Path) {
        guard isUndecided(sa, path) else { return }
        report(.mobility(sa.id, .checkFailed(path)))
        sa.mobility.failed = (path, now + Self.failedCheckPause)
        if sa.mobility.candidate == path {
            sa.mobility.candidate = nil
        } else if let proven = sa.mobility.proven {
            sa.path = proven.path
            sa.nat = proven.nat
            sa.mobility.proven = nil
            startKeepalives(sa)
        }
    }

    /// How long an address that did not answer is not asked again, whatever comes from it.
    private static let failedCheckPause: Duration = .seconds(10)

    /// What is under way about addresses goes on with the successor: its own exchange, for the old one's answer may not
    /// come any more.
    func inheritPaths(_ successor: IKESA, from sa: IKESA) {
        successor.nat = sa.nat
        successor.mobility = sa.mobility
        // The hash covers the SPIs (RFC 4555 §3.8).
        successor.mobility.mapping = nil
        if case .mobility(let exchange)? = sa.requests.outstanding?.context {
            switch exchange {
            case .update: enqueue(successor, .updateAddresses, first: true)
            case .announce: enqueue(successor, .announceAddresses)
            case .check: break
            }
        }
        if sa.mobility.candidate != nil || (sa.mobility.proven != nil && sa.authorizesPeer) {
            enqueue(successor, .returnCheck, first: true)
        }
    }
}
