import IKEMessage
import IPsecTypes

/// What is known of a peer that does not answer.
extension Engine {
    /// To be called before the request that is given up is let go of.
    func silence(of sa: IKESA) -> PeerSilence {
        let lengths = sa.lengths
        let unanswered = sa.requests.outstanding.map { request in
            PeerSilence.Unanswered(
                exchange: request.exchange,
                transmissions: request.attempt + 1,
                waited: now - request.since,
                lengths: request.datagrams.map(\.count),
                isFirstToPort: !lengths.hasPassed((request.detour ?? sa.path).remote.port)
            )
        }
        let repeated =
            lengths.repeats > 0
            ? PeerSilence.Repeated(times: lengths.repeats, lengths: sa.responses.lastResponse.map(\.count)) : nil
        return PeerSilence(
            unanswered: unanswered,
            partial: sa.responseReassembly?.partial(isResponse: true) ?? sa.requestReassembly?.partial(
                isResponse: false
            )
                ?? lengths.partial,
            repeated: repeated,
            longestArrived: lengths.longestArrived,
            lastHeard: sa.lastInbound.map { now - $0 }
        )
    }

    /// The time of messages that came in part is over.
    func expireReassemblies(_ sa: IKESA) {
        sa.lengths.partial =
            sa.responseReassembly?.partial(isResponse: true) ?? sa.requestReassembly?.partial(isResponse: false)
            ?? sa.lengths.partial
        sa.requestReassembly = nil
        sa.responseReassembly = nil
    }
}
