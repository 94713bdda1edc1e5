import IKECrypto
import IKEMessage
import IPsecTypes

/// Puzzles of IKE_SA_INIT, our side as initiator (RFC 8019 §7.1.2). The work is done outside; meanwhile nothing is sent.
extension Engine {
    /// The puzzle that came with a cookie; nil when there is none, or none that we are willing to solve: then the cookie
    /// alone goes back.
    func puzzle(_ sa: IKESA, _ payloads: [Payload], _ cookie: [UInt8]) -> PuzzleRequest? {
        guard case .puzzle(let prf, let asked)? = payloads.notify(.puzzle)?.decoded else { return nil }
        let limits = configuration.limits
        // RFC 8019 §7.1.1.1: zero leaves the choice to us.
        let difficulty = asked == 0 ? limits.puzzleDifficulty.lowerBound : asked
        let offered = sa.handshake?.offered.contains { $0.transforms.contains(Transform(type: .prf, id: prf.rawValue)) }
        guard offered == true, difficulty <= limits.puzzleDifficultyAccepted else { return nil }
        return PuzzleRequest(ikeSA: sa.id, prf: prf, difficulty: difficulty, subject: cookie)
    }

    /// The puzzle is solved, or given up: then the responder may still let us in by lot.
    func puzzleSolved(_ sa: IKESA, _ keys: [UInt8]?) {
        guard let handshake = sa.handshake else { return }
        handshake.puzzleSolution = keys.map { PuzzleSolutionPayload(data: $0) }
        sendInitialRequest(sa, handshake)
    }
}
