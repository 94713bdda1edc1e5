import IKEMessage
import IPsecTypes

// Repeated authentication (RFC 4478): the responder says how long its authentication holds, the initiator comes again before.

extension Engine {
    // MARK: Responder

    /// AUTH_LIFETIME, for as long as certificate, lease or configuration let the authentication hold.
    func lifetimePayloads(_ sa: IKESA) -> [Payload] {
        guard sa.authorizesPeer else { return [] }
        var seconds = sa.connection.returning.reauthentication?.components.seconds
        if let since = sa.establishedAt { seconds = seconds.map { max(0, $0 - (now - since).components.seconds) } }
        if let end = sa.notAfter {
            let left = Self.seconds(from: wallClock, to: end)
            seconds = min(seconds ?? left, left)
        }
        // Beyond ten years it says nothing.
        guard let seconds, seconds < 315_360_000 else { return [] }
        var data = WireWriter(capacity: 4)
        data.writeUInt32(UInt32(clamping: seconds))
        return [.notify(.authLifetime, data.bytes)]
    }

    // MARK: Initiator

    /// RFC 4478 §2: we come again within the time, measured from here.
    func noteLifetime(_ sa: IKESA, _ payloads: [Payload]) {
        guard !sa.authorizesPeer else { return }
        var due: [Instant] = [sa.returning.reauthenticateAt].compactMap { $0 }
        if case .authLifetime(let seconds)? = payloads.notify(.authLifetime)?.decoded {
            due = [now + early(.seconds(Int64(min(seconds, 315_360_000))))]
        }
        // RFC 4478 §5: our own policy may be stricter.
        if let own = sa.connection.returning.reauthentication, let since = sa.establishedAt {
            due.append(since + early(own))
        }
        guard let first = due.min() else { return }
        sa.returning.reauthenticateAt = first
        sa.timers[.reauthenticate] = max(first, now + Self.reauthenticationPause.lowerBound)
    }

    /// Time for a new IKE SA and another try before the end, and not all clients at once: between 80 and 90 % of the time,
    /// at most five minutes early.
    private func early(_ lifetime: Duration) -> Duration {
        let margin = min(lifetime / 5, .seconds(300))
        return lifetime - jittered(margin / 2...margin)
    }

    /// A lifetime of zero means now; whoever says so again and again is obeyed this often.
    private static let reauthenticationPause: ClosedRange<Duration> = .seconds(2) ... .seconds(30)

    /// The driver makes another IKE SA and lets go of this one when it stands. Until then it is asked again.
    func reauthenticationDue(_ sa: IKESA) {
        guard sa.isEstablished, !sa.authorizesPeer else { return }
        sa.timers[.reauthenticate] = now + Self.reauthenticationPause.upperBound
        report(.reauthenticationDue(sa.id))
    }

    // MARK: Make before break at the responder

    /// How long the IKE SA before stays beside its successor of the same identity: the peer still sends on it, and deletes it.
    static let supersededLinger: Duration = .seconds(10)

    /// A newer IKE SA of the identity stands, and its peer did not say that it has no other (INITIAL_CONTACT): it makes before
    /// it breaks. What it sends on the old one in the meantime is not lost (RFC 7296 §2.8.3).
    func supersede(_ older: IKESA) {
        guard older.timers[.superseded] == nil else { return }
        older.timers[.superseded] = now + Self.supersededLinger
        if let identity = older.remoteIdentity { superseded[identity, default: []].append(older.localSPI) }
        forgetIdentity(older)
    }

    /// Whether an IKE SA of the same identity is about to make room for this one.
    func hasSuperseded(_ sa: IKESA) -> Bool {
        guard let identity = sa.remoteIdentity else { return false }
        return superseded[identity]?.contains { sas[$0]?.connection.name == sa.connection.name } ?? false
    }

    /// The old one goes: whatever still leaves by it takes the new one.
    func confirmSuccessors(_ older: IKESA) {
        guard let identity = older.remoteIdentity, var spis = superseded[identity], spis.contains(older.localSPI) else {
            return
        }
        spis.removeAll { $0 == older.localSPI }
        superseded[identity] = spis.isEmpty ? nil : spis
        for id in byIdentity[identity] ?? [] {
            guard let sa = newest(id), sa !== older, sa.isEstablished else { continue }
            touch(sa)
            confirmChildren(sa)
        }
    }
}
