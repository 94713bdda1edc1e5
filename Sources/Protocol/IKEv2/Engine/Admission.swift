import IKECrypto
import IKEMessage
import IPsecTypes

// Who may begin an IKE SA while many do (RFC 7296 §2.6, RFC 8019 §4, §6). Steps, mildest first:
//
//     nothing   few half-open IKE SAs
//     cookie    many, here or from this source: proves the source address
//     puzzle    very many, here or from this source: costs the source a second of work
//     nothing goes any more at `halfOpenLimit`
//
// A source is never shut out: behind the address of one bad neighbour there may be two hundred honest runners.

/// What a stranger must show before an IKE SA is made for it.
enum InitialDemand: Equatable {
    case nothing
    case cookie
    case puzzle(difficulty: UInt8)
}

/// How a request was let in.
enum Admission {
    /// Not at all; it was answered or dropped.
    case refused
    /// It showed all that was asked for.
    case admitted
    /// It solved the puzzle of this cookie, which must not be used again.
    case solved(cookie: [UInt8])
}

extension Engine {
    /// What a request from `address` must show now.
    func demand(of address: IPAddress) -> InitialDemand {
        let limits = configuration.limits
        let total = halfOpen.pressure(now)
        let source = halfOpen.pressure(of: address, now)
        if total >= limits.puzzleThreshold { return .puzzle(difficulty: difficulty(total, limits.puzzleThreshold)) }
        if source >= limits.puzzleThresholdPerSource {
            return .puzzle(difficulty: difficulty(source, limits.puzzleThresholdPerSource))
        }
        if total >= limits.cookieThreshold || source >= limits.cookieThresholdPerSource { return .cookie }
        return .nothing
    }

    /// The demand, or the one for a cookie that stood a moment ago.
    private func standing(_ demand: InitialDemand, _ address: IPAddress) -> InitialDemand {
        let source = HalfOpenTable.source(address)
        guard demand != .nothing else { return demands.stands(for: source, now) ? .cookie : .nothing }
        let end = now + configuration.limits.cookieDemandMemory
        if halfOpen.pressure(now) >= configuration.limits.cookieThreshold {
            demands.note(until: end)
        } else {
            demands.note(source, until: end, now: now)
        }
        return demand
    }

    /// RFC 8019 §10: harder with the load. Each bit doubles the work, as each bit follows a doubling of the load.
    func difficulty(_ load: Int, _ threshold: Int) -> UInt8 {
        let range = configuration.limits.puzzleDifficulty
        let doublings = (load / max(threshold, 1)).bitWidth - (load / max(threshold, 1)).leadingZeroBitCount - 1
        return UInt8(clamping: min(Int(range.upperBound), Int(range.lowerBound) + max(doublings, 0)))
    }

    /// Whether the request may go on. Otherwise it is answered with a cookie, maybe with a puzzle, and nothing is remembered.
    func admit(_ header: IKEHeader, _ payloads: [Payload], _ nonce: [UInt8], _ path: Path) -> Admission {
        let limits = configuration.limits
        let demand = standing(demand(of: path.remote.address), path.remote.address)
        noteDemand(demand)
        guard halfOpen.count < limits.halfOpenLimit else {
            drop(.limit, path)
            return .refused
        }
        guard demand != .nothing else { return .admitted }
        let subject = CookieJar.Subject(nonce: nonce, address: path.remote.address, spi: header.initiatorSPI)
        let admission = judge(demand, payloads, subject)
        guard case .refused = admission else { return admission }
        challenge(header, payloads, subject, demand, path)
        return .refused
    }

    /// Takes a request that differs from one behind a half-open IKE SA in its cookie alone for the same one, and repeats the
    /// answer.
    ///
    /// Demands come and go with the load. A first request that was put off can be taken when it comes again, while the same
    /// one with its cookie is on its way. The initiator then believes whichever answer comes first, and signs the request
    /// that it sent last: the one with the cookie. Two IKE SAs would leave it with one whose AUTH covers the other request.
    func repeatsWithCookie(
        _ header: IKEHeader,
        _ datagram: [UInt8],
        _ payloads: [Payload],
        _ nonce: [UInt8],
        _ key: HalfOpenTable.Key,
        _ path: Path
    ) -> Bool {
        for spi in halfOpen.candidates(key) {
            guard let sa = sas[spi], let handshake = sa.handshake, handshake.remoteNonce == nonce,
                let known = try? IKEMessage.parse(handshake.request.span),
                known.payloads.withoutCookie == payloads.withoutCookie
            else { continue }
            if sa.responses.expected == 1, sa.responses.current == nil, hasGoodCookie(payloads, header, nonce, path) {
                handshake.request = datagram
            }
            // There is no answer yet while keys are being made.
            guard !handshake.response.isEmpty else { return true }
            statistics.retransmitted += 1
            send([handshake.response], path)
            return true
        }
        return false
    }

    private func hasGoodCookie(_ payloads: [Payload], _ header: IKEHeader, _ nonce: [UInt8], _ path: Path) -> Bool {
        guard case .notify(let first)? = payloads.first, first.type == .cookie else { return false }
        let verdict = cookies.verdict(
            on: first.data,
            CookieJar.Subject(nonce: nonce, address: path.remote.address, spi: header.initiatorSPI),
            now: now,
            lifetime: configuration.limits.cookieSecretLifetime,
            crypto: crypto
        )
        return verdict != .invalid
    }

    private func judge(_ demand: InitialDemand, _ payloads: [Payload], _ subject: CookieJar.Subject) -> Admission {
        // RFC 7296 §2.6: the cookie is the first payload.
        guard case .notify(let first)? = payloads.first, first.type == .cookie else { return .refused }
        let verdict = cookies.verdict(
            on: first.data,
            subject,
            now: now,
            lifetime: configuration.limits.cookieSecretLifetime,
            crypto: crypto
        )
        switch (demand, verdict) {
        case (_, .invalid): return .refused
        // Without a PRF that we share, there is no puzzle, and the proposal will be refused.
        case (.puzzle, .plain): return puzzlePRF(payloads) == nil ? .admitted : .refused
        case (_, .spent): return .refused
        case (_, .puzzle(let challenge)):
            let keys = payloads.puzzleSolution?.keys ?? []
            guard !keys.isEmpty else { return demand == .cookie ? .admitted : drawLot() }
            let isSolved = Puzzle.isSolved(
                by: keys,
                subject: first.data,
                prf: challenge.prf,
                difficulty: challenge.difficulty,
                provider: crypto
            )
            guard isSolved else { return .refused }
            statistics.puzzlesSolved += 1
            return .solved(cookie: first.data)
        // RFC 8019 §7.1.4: without a puzzle given, a solution is ignored.
        case (.cookie, .plain), (.nothing, .plain): return .admitted
        }
    }

    /// RFC 8019 §7.1: some initiators that know no puzzles are let in by lot, all of them with a good cookie. The lot has a
    /// budget, so that whoever draws often does not win often.
    private func drawLot() -> Admission {
        let budget = configuration.limits.unsolvedAdmissionsPerSecond
        guard budget > 0, UInt8.random(in: 0..<Self.lots, using: &random) == 0,
            legacyBudget.take(now, perSecond: budget)
        else { return .refused }
        statistics.unsolvedAdmitted += 1
        return .admitted
    }

    /// One request of so many wins.
    private static let lots: UInt8 = 8

    private func challenge(
        _ header: IKEHeader,
        _ payloads: [Payload],
        _ subject: CookieJar.Subject,
        _ demand: InitialDemand,
        _ path: Path
    ) {
        var challenge: CookieJar.Challenge?
        if case .puzzle(let difficulty) = demand, let prf = puzzlePRF(payloads) {
            challenge = CookieJar.Challenge(prf: prf, difficulty: difficulty)
        }
        let cookie = cookies.cookie(
            subject,
            challenge: challenge,
            now: now,
            lifetime: configuration.limits.cookieSecretLifetime,
            crypto: crypto,
            freshKey: { randomBytes(32) }
        )
        guard let cookie else { return }
        statistics.cookiesSent += 1
        drop(.cookie, path)
        var answer: [Payload] = [.notify(.cookie, cookie)]
        if let challenge {
            statistics.puzzlesSent += 1
            var data = WireWriter(capacity: 3)
            data.writeUInt16(challenge.prf.rawValue)
            data.writeUInt8(challenge.difficulty)
            answer.append(.notify(.puzzle, data.bytes))
        }
        answerInitial(header, answer, path)
    }

    /// RFC 8019 §7.1.1.2: a PRF that the initiator offers; the cheapest to check goes first.
    func puzzlePRF(_ payloads: [Payload]) -> PRFAlgorithm? {
        let offered = payloads.securityAssociation?.proposals.flatMap { $0.transforms(.prf).map(\.id) } ?? []
        return [PRFAlgorithm.hmacSHA256, .hmacSHA512, .hmacSHA384].first { offered.contains($0.rawValue) }
    }

    /// Says so when the demands on everybody change.
    private func noteDemand(_ demand: InitialDemand) {
        guard !demandsCookies, halfOpen.pressure(now) >= configuration.limits.cookieThreshold else { return }
        demandsCookies = true
        report(.cookies(demanded: true, halfOpen: halfOpen.count))
    }
}
