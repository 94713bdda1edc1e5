import IPsecTypes

/// From whom cookies were demanded lately, so that a demand does not come and go between two copies of one request: whoever
/// was asked for a cookie sends another request from then on, and an IKE SA made from the first would not be the one that it
/// signs.
struct DemandMemory {
    private var everybodyUntil: Instant?
    private var sources: [IPAddress: Instant] = [:]

    /// Sources remembered at most: each had several half-open IKE SAs. Beyond, everybody must show a cookie.
    private static let limit = 1024

    /// Notes a demand on everybody until `end`.
    mutating func note(until end: Instant) { everybodyUntil = end }

    /// Notes a demand on one source until `end`.
    mutating func note(_ source: IPAddress, until end: Instant, now: Instant) {
        if sources.count >= Self.limit { sources = sources.filter { $0.value > now } }
        guard sources.count < Self.limit else { return note(until: end) }
        sources[source] = end
    }

    /// Whether a demand on this source still stands.
    func stands(for source: IPAddress, _ now: Instant) -> Bool {
        if let everybodyUntil, now < everybodyUntil { return true }
        return sources[source].map { now < $0 } ?? false
    }
}
