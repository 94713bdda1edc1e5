import IKECrypto
import IKEMessage
import IPsecTypes

// Tickets of session resumption (RFC 5723): asked for, made, read, spent.
//
// A ticket is version (1) | key number (8) | AES-256-GCM over the state, with what stands before as associated data.

extension Engine {
    private static let ticketVersion: UInt8 = 1
    private static let ticketPrefix = 9
    /// A ticket that is good for less is not worth its octets.
    private static let shortestTicket: Int64 = 30

    // MARK: Gateway

    /// Our answer to TICKET_REQUEST (RFC 5723 §4.1); nothing when it was not there or we give no tickets at all.
    func ticketPayloads(_ sa: IKESA, requestedBy payloads: [Payload]) -> [Payload] {
        guard payloads.notify(.ticketRequest) != nil else { return [] }
        return ticketPayloads(sa)
    }

    func ticketPayloads(_ sa: IKESA) -> [Payload] {
        guard sa.connection.returning.usesTickets, !secrets.tickets.isEmpty else { return [] }
        guard let (ticket, lifetime) = makeTicket(sa) else { return [.notify(.ticketNack)] }
        statistics.ticketsIssued += 1
        var data = WireWriter(capacity: ticket.count + 4)
        data.writeUInt32(lifetime)
        data.writeBytes(ticket)
        return [.notify(.ticketLTOpaque, data.bytes)]
    }

    private func makeTicket(_ sa: IKESA) -> (bytes: [UInt8], lifetime: UInt32)? {
        // What was proved by other means than these could not be looked at again.
        guard sa.authorizesPeer, sa.grant != nil, let suite = sa.suite, let skD = sa.keys?.skD,
            let note = sa.returning.note, isReviewable(sa), let key = secrets.tickets.first, let keys = ticketKeys(key)
        else { return nil }
        // RFC 5723 §6.2: no longer than our policy, nor than the authentication.
        var lifetime = sa.connection.returning.ticketLifetime.components.seconds
        let ends = [sa.notAfter, reauthenticationEnd(sa)].compactMap { $0 }.min()
        if let ends { lifetime = min(lifetime, Self.seconds(from: wallClock, to: ends)) }
        guard lifetime >= Self.shortestTicket else { return nil }
        let content = TicketContent(
            number: randomBytes(TicketContent.numberLength),
            issued: wallClock,
            expires: wallClock.advanced(bySeconds: lifetime),
            ends: ends,
            connection: sa.connection.name,
            initiator: sa.returning.claimed,
            responder: sa.connection.localIdentity.payload.restOfPayload,
            suite: suite,
            skD: skD,
            ppk: sa.returning.ppk,
            note: note,
            addresses: Array((sa.grant?.addresses ?? []).prefix(2)),
            rounds: sa.returning.evidence
        )
        guard let plain = content.encoded(), let number = ticketIV.next() else { return nil }
        var prefix = WireWriter(capacity: Self.ticketPrefix)
        prefix.writeUInt8(Self.ticketVersion)
        prefix.writeUInt64(key.id)
        var iv = WireWriter(capacity: 8)
        iv.writeUInt64(number)
        guard let body = try? crypto.seal(plain, associatedData: prefix.bytes, iv: iv.bytes, keys: keys) else {
            return nil
        }
        retireTicket(of: sa)
        sa.returning.issued = IssuedTicket(id: content.number, expires: content.expires)
        return (prefix.bytes + body, UInt32(clamping: lifetime))
    }

    /// Whether everything that proved the peer is there to be looked at again.
    private func isReviewable(_ sa: IKESA) -> Bool {
        let evidence = sa.returning.evidence
        return !sa.returning.claimed.isEmpty && evidence.map(\.proof) == sa.connection.proofs
            && evidence.allSatisfy { $0.proof != .certificate || !$0.certificates.isEmpty }
    }

    /// When the peer must have been authenticated anew: a resumption is no authentication (RFC 5723 §5).
    private func reauthenticationEnd(_ sa: IKESA) -> WallTime? {
        guard let period = sa.connection.returning.reauthentication, let since = sa.establishedAt else { return nil }
        return wallClock.advanced(bySeconds: (since + period - now).components.seconds)
    }

    /// Reads a ticket of ours that may still be used; the text says why not.
    func openTicket(_ bytes: [UInt8]) -> Result<TicketContent, ClaimError> {
        var reader = WireReader(count: bytes.count)
        guard let version = try? reader.readUInt8(bytes.span), version == Self.ticketVersion,
            let id = try? reader.readUInt64(bytes.span)
        else { return .failure(ClaimError(reason: "ticket_malformed: not a ticket of ours")) }
        guard let key = secrets.tickets.first(where: { $0.id == id }), let keys = ticketKeys(key) else {
            return .failure(ClaimError(reason: "ticket_key: sealed by a key that is gone"))
        }
        guard let plain = try? crypto.open(message: bytes, bodyOffset: Self.ticketPrefix, keys: keys),
            let content = try? TicketContent.decode(plain.span)
        else { return .failure(ClaimError(reason: "ticket_forged: it does not open")) }
        guard content.expires > wallClock, content.ends.map({ $0 > wallClock }) ?? true else {
            return .failure(ClaimError(reason: "ticket_expired"))
        }
        guard !spentTickets.contains(content.number) else { return .failure(ClaimError(reason: "ticket_spent")) }
        return .success(content)
    }

    /// Spends a ticket; false when it was spent before, or when nobody could remember that it is.
    func spend(_ content: TicketContent) -> Bool {
        guard !spentTickets.contains(content.number) else { return false }
        return spentTickets.insert(
            content.number,
            until: content.expires,
            now: wallClock,
            limit: configuration.limits.spentTickets
        )
    }

    /// The ticket of an IKE SA that is deleted or replaced is not to be used (RFC 5723 §6.2). Should there be no room to
    /// remember it, no ticket at all can be used, for then none can be spent either.
    func retireTicket(of sa: IKESA) {
        guard let issued = sa.returning.issued else { return }
        sa.returning.issued = nil
        _ = spentTickets.insert(
            issued.id,
            until: issued.expires,
            now: wallClock,
            limit: configuration.limits.spentTickets
        )
    }

    /// An IKE SA ends. Its ticket ends with it, unless the peer is merely out of reach or forgot it: that is what tickets are
    /// for (RFC 5723 §6.2).
    func retireTicket(of sa: IKESA, closedBy reason: CloseReason) {
        switch reason {
        case .peerDead, .peerRestarted, .outOfSync, .rekeyed: break
        default:
            retireTicket(of: sa)
            if sa.returning.holdsTicket { emit(.dropTicket(sa.id)) }
        }
    }

    private func ticketKeys(_ key: TicketKey) -> SKKeys? {
        try? SKKeys(
            cipher: .aesGCM16,
            integrity: .none,
            encryptionKey: key.secret.slice(0, count: 32),
            salt: key.secret.slice(32, count: 4),
            integrityKey: SecretBytes([])
        )
    }

    static func seconds(from start: WallTime, to end: WallTime) -> Int64 {
        let (left, overflow) = end.secondsSinceEpoch.subtractingReportingOverflow(start.secondsSinceEpoch)
        return overflow ? .max : max(0, left)
    }

    /// Takes secrets over. The first ticket key is a fresh one, so its IVs start anew.
    func useSecrets(_ new: ReturnSecrets) {
        if secrets.tickets.first?.id != new.tickets.first?.id { ticketIV = IVCounter(epoch: configuration.ivEpoch) }
        secrets = new
    }

    // MARK: Agent

    /// Asks for a ticket, where tickets are wanted.
    func ticketRequest(_ sa: IKESA) -> [Payload] {
        sa.connection.returning.usesTickets ? [.notify(.ticketRequest)] : []
    }

    /// Keeps what the gateway gave us with the state that belongs to it (RFC 5723 §4.2).
    func noteTicket(_ sa: IKESA, _ payloads: [Payload]) {
        guard !sa.authorizesPeer, sa.connection.returning.usesTickets,
            case .ticket(let lifetime, let ticket)? = payloads.notify(.ticketLTOpaque)?.decoded,
            (1...configuration.limits.ticketBytes).contains(ticket.count), lifetime > 0,
            let suite = sa.suite, let keys = sa.keys, let gateway = sa.remoteIdentity
        else { return }
        sa.returning.holdsTicket = true
        sa.returning.ticketExpires = wallClock.advanced(bySeconds: Int64(lifetime))
        let kept = SessionTicket(
            connection: sa.connection.name,
            expires: now + .seconds(Int64(lifetime)),
            gateway: gateway,
            ticket: ticket,
            suite: suite,
            skD: keys.skD,
            localIdentity: sa.connection.localIdentity,
            rounds: sa.returning.rounds,
            notAfter: sa.notAfter,
            reauthenticateAt: sa.returning.reauthenticateAt,
            ppk: sa.returning.ppk
        )
        emit(.keepTicket(sa.id, kept))
    }

    /// RFC 5723 §6.2: a rekeying makes the ticket useless; the client asks for another.
    func renewTicket(_ old: IKESA, _ successor: IKESA) {
        retireTicket(of: old)
        guard successor.returning.holdsTicket, !successor.authorizesPeer else { return }
        successor.returning.holdsTicket = false
        successor.returning.ticketExpires = nil
        successor.tasks.append(QueuedTask(task: .announce(.ticketRequest)))
    }
}

extension ConnectionConfiguration {
    /// Whether an IKE SA with this post-quantum pre-shared key in its keys, or none, may go on. A resumption mixes nothing
    /// in: it inherits SK_d, and with it the key that is in there (RFC 8784 §3).
    func takes(ppk: [UInt8]) -> Bool {
        guard ppk.isEmpty else { return self.ppk?.entries.contains { $0.identifier == ppk } ?? false }
        return self.ppk?.isRequired != true
    }
}
