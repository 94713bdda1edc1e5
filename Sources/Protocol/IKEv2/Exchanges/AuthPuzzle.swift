import IKECrypto
import IKEMessage
import IPsecTypes

// Puzzles of IKE_AUTH (RFC 8019 §7.2), both roles:
//
//                         <-- HDR, SA, KE, Nr, N(PUZZLE), ...
//     HDR, PS, SK{IDi, ...} -->
//
// They are for one attack: IKE_SA_INIT done properly, then junk, so that we compute a shared secret for nothing. With
// IKE_INTERMEDIATE, whose messages have no room for a solution, the keys are needed before IKE_AUTH comes: there the puzzle
// of IKE_SA_INIT is the only price.

/// The puzzle that a half-open IKE SA has to solve.
struct AuthPuzzle {
    var prf: PRFAlgorithm
    var difficulty: UInt8
    /// RFC 8019 §7.2.4: what comes after the solution need not bring it again.
    var isSolved = false
}

/// What an IKE_SA_INIT response asks of us.
enum AuthPuzzleDemand {
    case none
    case asked(PuzzleRequest)
    /// More work than we are willing to do.
    case tooHard
    /// A responder must not ask for it.
    case notAllowed
}

extension Engine {
    // MARK: Responder

    /// N(PUZZLE) for the IKE_SA_INIT response, when junk in IKE_AUTH is what we suffer from.
    func authPuzzlePayloads(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        let threshold = configuration.limits.authPuzzleThreshold
        let load = spoiled.count(now)
        // RFC 8019 §7.2.1: only after a puzzle of IKE_SA_INIT was solved.
        guard handshake.hasSolvedPuzzle, !handshake.intermediate.isNegotiated, load >= threshold,
            let payloads = try? IKEMessage.parse(handshake.request.span).payloads, let prf = puzzlePRF(payloads)
        else { return [] }
        // RFC 8019 §7.2.1.1: never zero.
        let puzzle = AuthPuzzle(prf: prf, difficulty: max(1, difficulty(load, threshold)))
        handshake.authPuzzle = puzzle
        statistics.authPuzzlesSent += 1
        var data = WireWriter(capacity: 3)
        data.writeUInt16(puzzle.prf.rawValue)
        data.writeUInt8(puzzle.difficulty)
        return [.notify(.puzzle, data.bytes)]
    }

    /// Whether nothing of `sa` is looked at until a puzzle is solved.
    func awaitsSolution(_ sa: IKESA) -> Bool { sa.handshake?.authPuzzle?.isSolved == false }

    /// Whether a PS payload may stand before the sealed part.
    func allowsSolution(_ sa: IKESA, _ header: IKEHeader) -> Bool {
        header.exchangeType == .ikeAuth && !header.flags.contains(.response) && sa.handshake?.authPuzzle != nil
    }

    /// Whether a request may go on to decryption. With the solution come the keys: until they stand, the message waits.
    ///
    /// RFC 8019 §7.2.4: without PS, or with a wrong one, it is dropped in silence. Later fragments wait for the first one,
    /// unread, within the bounds of everything that a stranger makes us hold.
    func passesAuthPuzzle(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) -> Bool {
        guard awaitsSolution(sa), let handshake = sa.handshake, let puzzle = handshake.authPuzzle else { return true }
        guard sa.junkMessages < configuration.limits.junkMessagesHalfOpen else {
            drop(.limit, path)
            return false
        }
        guard allowsSolution(sa, header),
            let envelope = try? ProtectedEnvelope.parse(header, datagram.span, allowsSolution: true)
        else {
            drop(.unexpected, path)
            return false
        }
        guard let solution = envelope.solution else {
            if let fragment = envelope.fragment, fragment.number > 1 {
                if !sa.held.contains(where: { $0.bytes == datagram }) { hold(sa, datagram, path) }
            } else {
                drop(.unexpected, path)
            }
            return false
        }
        let isSolved = Puzzle.isSolved(
            by: solution.keys,
            subject: Self.puzzleSubject(nonce: handshake.localNonce, sa.localSPI),
            prf: puzzle.prf,
            difficulty: puzzle.difficulty,
            provider: crypto
        )
        guard isSolved else {
            noteJunk(sa)
            drop(.integrity, path)
            return false
        }
        statistics.authPuzzlesSolved += 1
        handshake.authPuzzle?.isSolved = true
        // Fragments that nobody has proved to be the peer's give way to the one that brings the solution.
        let room = configuration.limits.heldBytesHalfOpen
        if sa.held.reduce(datagram.count, { $0 + $1.bytes.count }) > room { sa.held = [] }
        sa.held.insert((datagram, path), at: 0)
        shareInitial(sa, handshake)
        return false
    }

    /// Counts a message that fails its integrity check or brings a wrong solution.
    func noteJunk(_ sa: IKESA) {
        sa.junkMessages += 1
        guard sa.phase == .halfOpen, sa.junkMessages == 1 else { return }
        // RFC 8019 §7.2: how many half-open IKE SAs receive such messages.
        spoiled.note(until: now + configuration.limits.failureMemory)
    }

    // MARK: Initiator

    /// The puzzle in a proper IKE_SA_INIT response.
    func authPuzzle(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ payloads: [Payload],
        _ responderNonce: [UInt8],
        _ responderSPI: IKESPI
    ) -> AuthPuzzleDemand {
        guard let notify = payloads.notify(.puzzle) else { return .none }
        let offered = { (prf: PRFAlgorithm) in
            handshake.offered.contains { $0.transforms.contains(Transform(type: .prf, id: prf.rawValue)) }
        }
        // RFC 8019 §7.2.1: not without a solved puzzle before it, and never of difficulty zero.
        guard handshake.puzzleSolution != nil, case .puzzle(let prf, let difficulty) = notify.decoded, difficulty > 0,
            offered(prf)
        else { return .notAllowed }
        // RFC 8019 §9: a maximum, and a message when it is exceeded.
        guard difficulty <= configuration.limits.puzzleDifficultyAccepted else { return .tooHard }
        let subject = Self.puzzleSubject(nonce: responderNonce, responderSPI)
        return .asked(PuzzleRequest(ikeSA: sa.id, prf: prf, difficulty: difficulty, subject: subject))
    }

    /// The work is done; without a solution the responder would drop whatever we send.
    func authPuzzleSolved(_ sa: IKESA, _ keys: [UInt8]?) {
        guard let handshake = sa.handshake else { return }
        guard let keys else { return fail(sa, .limit("the responder's puzzle was not solved")) }
        handshake.authSolution = PuzzleSolutionPayload(data: keys)
        shareInitial(sa, handshake)
    }

    /// What stands before the first IKE_AUTH request, which is sent again with the same bytes.
    func authSolution(_ sa: IKESA, _ exchange: ExchangeType, _ isResponse: Bool) -> PuzzleSolutionPayload? {
        guard exchange == .ikeAuth, !isResponse, let handshake = sa.handshake else { return nil }
        defer { handshake.authSolution = nil }
        return handshake.authSolution
    }

    /// RFC 8019 §7.2.3: Nr | SPIr.
    static func puzzleSubject(nonce: [UInt8], _ responderSPI: IKESPI) -> [UInt8] {
        var writer = WireWriter(capacity: nonce.count + 8)
        writer.writeBytes(nonce)
        writer.writeUInt64(responderSPI.rawValue)
        return writer.bytes
    }
}
