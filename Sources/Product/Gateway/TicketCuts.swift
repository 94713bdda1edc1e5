import IPsecTypes

/// Who was thrown out and when: tickets from before that bring nobody back. It outlives a restart by the book of leases.
struct TicketCuts {
    /// Whoever can throw out more than this has no agents that must return quickly.
    private static let limit = 65_536

    private var times: [String: WallTime]
    /// Tickets from before this bring nobody back who cannot be asked about anew: what happened then is not known.
    private(set) var floor: WallTime

    /// - Parameters:
    ///   - times: what is remembered.
    ///   - born: since when it has been remembered.
    init(_ times: [String: WallTime], born: WallTime) {
        self.times = times
        floor = born
    }

    /// The key for an EAP user, whatever IKE identity stands for it.
    static func user(_ name: String) -> String { "eap:\(name)" }

    /// Notes one; `lifetime` is the longest that a ticket is good for.
    mutating func add(_ key: String, at time: WallTime, lifetime: Int64) {
        if times.count >= Self.limit {
            times = times.filter { $0.value.advanced(bySeconds: lifetime) > time }
            if times.count >= Self.limit {
                floor = max(floor, time.advanced(bySeconds: 1))
                times = [:]
            }
        }
        times[key] = time
    }

    /// Whether a ticket is from before any of the keys was thrown out; to the second, in doubt yes.
    func refuses(_ keys: [String], issued: WallTime) -> Bool {
        keys.contains { key in times[key].map { issued <= $0 } ?? false }
    }
}
