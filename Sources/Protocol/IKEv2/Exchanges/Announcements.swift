import IKEMessage
import IPsecTypes

/// INFORMATIONAL requests that tell or ask something about fast return.
enum Announcement: Hashable, Sendable {
    /// QCD_TOKEN of a rekeyed IKE SA (RFC 6290 §4.3).
    case crashToken
    /// TICKET_REQUEST (RFC 5723 §4.1).
    case ticketRequest
    /// AUTH_LIFETIME has changed (RFC 4478 §2).
    case lifetime
}

extension Engine {
    func announce(_ sa: IKESA, _ what: Announcement) {
        let payloads: [Payload] =
            switch what {
            case .crashToken: crashTokenPayloads(sa)
            case .ticketRequest: ticketRequest(sa)
            case .lifetime: lifetimePayloads(sa)
            }
        if !payloads.isEmpty { sendRequest(sa, .informational, payloads, .announcement) }
    }

    /// What an INFORMATIONAL request says about fast return; the rest of it is handled as ever. Returns what the answer
    /// carries for it.
    func noteAnnouncements(_ sa: IKESA, _ payloads: [Payload]) -> [Payload] {
        noteCrashToken(sa, payloads)
        if payloads.notify(.authLifetime) != nil { noteLifetime(sa, payloads) }
        noteRedirect(sa, payloads)
        return sa.isEstablished ? ticketPayloads(sa, requestedBy: payloads) : []
    }
}
