import IPsecTypes

/// IKE SAs that a peer began and has not authenticated: how many, of whom, and by which message (RFC 7296 §2.1, §2.6).
/// Those that failed weigh on for a while (RFC 8019 §4.2): whoever fails fast must not be cheaper than whoever parks.
struct HalfOpenTable {
    /// Tells a retransmitted IKE_SA_INIT from a new one, together with the bytes of the message.
    struct Key: Hashable {
        var initiatorSPI: IKESPI
        var remote: Endpoint
    }

    private struct Failure {
        var source: IPAddress
        var until: Instant
    }

    private var byKey: [Key: [IKESPI]] = [:]
    private var perSource: [IPAddress: Int] = [:]
    /// Oldest first, from `failuresStart` on.
    private var failures: [Failure] = []
    private var failuresStart = 0
    private var failuresPerSource: [IPAddress: Int] = [:]

    /// Failures remembered at most; then the oldest is forgotten.
    private static let failureLimit = 8192

    /// How many there are.
    private(set) var count = 0

    /// How many there are from where this peer is.
    func count(of remote: IPAddress) -> Int { perSource[Self.source(remote)] ?? 0 }

    /// How many there are, and how many failed lately.
    mutating func pressure(_ now: Instant) -> Int {
        forgetFailures(now)
        return count + failures.count - failuresStart
    }

    /// How many there are from where this peer is, and how many from there failed lately.
    mutating func pressure(of remote: IPAddress, _ now: Instant) -> Int {
        forgetFailures(now)
        let source = Self.source(remote)
        return (perSource[source] ?? 0) + (failuresPerSource[source] ?? 0)
    }

    /// Those that the same initiator SPI and address began, oldest first.
    func candidates(_ key: Key) -> [IKESPI] { byKey[key] ?? [] }

    mutating func insert(_ key: Key, _ spi: IKESPI) {
        byKey[key, default: []].append(spi)
        perSource[Self.source(key.remote.address), default: 0] += 1
        count += 1
    }

    mutating func remove(_ key: Key, _ spi: IKESPI) {
        guard var spis = byKey[key], let index = spis.firstIndex(of: spi) else { return }
        spis.remove(at: index)
        byKey[key] = spis.isEmpty ? nil : spis
        Self.decrement(&perSource, Self.source(key.remote.address))
        count -= 1
    }

    /// Remembers a failed authentication until `until`, which never goes back from one call to the next.
    mutating func noteFailure(of remote: IPAddress, until: Instant) {
        let source = Self.source(remote)
        failures.append(Failure(source: source, until: until))
        failuresPerSource[source, default: 0] += 1
        if failures.count - failuresStart > Self.failureLimit { forgetOldestFailure() }
    }

    private mutating func forgetFailures(_ now: Instant) {
        while failuresStart < failures.count, failures[failuresStart].until <= now { forgetOldestFailure() }
    }

    private mutating func forgetOldestFailure() {
        Self.decrement(&failuresPerSource, failures[failuresStart].source)
        failuresStart += 1
        // Half of the list is gone: the rest moves to its front, so that each entry moves once on average.
        guard failuresStart * 2 > failures.count else { return }
        failures.removeFirst(failuresStart)
        failuresStart = 0
    }

    private static func decrement(_ counts: inout [IPAddress: Int], _ source: IPAddress) {
        let left = (counts[source] ?? 1) - 1
        counts[source] = left > 0 ? left : nil
    }

    /// One source is an IPv4 address or an IPv6 /64: whoever has one address of it has them all.
    static func source(_ address: IPAddress) -> IPAddress {
        switch address {
        case .v4: address
        case .v6(let high, _): .v6(high, 0)
        }
    }
}
