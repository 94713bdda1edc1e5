import IPsecTypes

/// The timers of one IKE SA, a fixed table.
struct Timers {
    enum Kind: Int, CaseIterable {
        /// Sends the outstanding request again.
        case retransmit
        /// Gives up on the outstanding request.
        case giveUp
        /// Checks whether the peer lives.
        case probe
        /// Sends a NAT keepalive.
        case keepalive
        /// Rekeys the IKE SA.
        case rekey
        /// Ends the IKE SA because it could not be rekeyed.
        case hard
        /// Ends the IKE SA because lease or certificate end.
        case lease
        /// Forgets a half-open, replaced or finished IKE SA.
        case forget
        /// Drops an unfinished reassembly.
        case reassembly
        /// Starts a task that had to wait.
        case task
        /// Forgets additional key exchanges that the peer did not go on with.
        case series
        /// Tells the driver that the peer is to be authenticated anew (RFC 4478).
        case reauthenticate
        /// Closes an IKE SA whose successor of the same identity has stood for a while.
        case superseded
    }

    private var table = InlineArray<13, Instant?>(repeating: nil)

    subscript(kind: Kind) -> Instant? {
        get { table[kind.rawValue] }
        set { table[kind.rawValue] = newValue }
    }

    /// The earliest.
    var next: Instant? {
        var earliest: Instant?
        for index in table.indices {
            guard let at = table[index] else { continue }
            earliest = earliest.map { min($0, at) } ?? at
        }
        return earliest
    }

    /// Whether a timer has come; stops it if so.
    mutating func fire(_ kind: Kind, _ now: Instant) -> Bool {
        guard let at = self[kind], at <= now else { return false }
        self[kind] = nil
        return true
    }

    /// Stops all but those given.
    mutating func stopAll(except kept: Set<Kind> = []) {
        for kind in Kind.allCases where !kept.contains(kind) { self[kind] = nil }
    }
}
