import Crypto
import IPsecTypes

/// Paths that were validated lately, so that a peer that comes back costs one signature check and no path building.
///
/// What a path depends on besides its bytes is asked again each time: the time and the revocations. What else it depends on
/// (anchors, rules) belongs to the owner, which keeps one cache for each such set and drops it when they change. Only
/// successes are kept, by a digest of all bytes that the peer sent, so that nobody can be mistaken for another (P06); the
/// least recently used go first.
public struct ValidatedChainCache<Companion: Sendable>: Sendable {
    /// Names a chain: SHA-256 over its certificates with their lengths, and a label of the owner's.
    public struct Key: Hashable, Sendable {
        fileprivate let digest: [UInt8]

        /// Hashes a chain as the peer sent it, leaf first.
        public init(label: String, chain: [[UInt8]]) {
            var hash = SHA256()
            for part in [Array(label.utf8)] + chain {
                var length = WireWriter(capacity: 8)
                length.writeUInt64(UInt64(part.count))
                hash.update(data: length.bytes)
                hash.update(data: part)
            }
            digest = Array(hash.finalize())
        }
    }

    private struct Entry {
        var peer: ValidatedPeer
        var companion: Companion
        var usedAt: UInt64
    }

    private var entries: [Key: Entry] = [:]
    private var uses: UInt64 = 0
    private let limit: Int

    /// Makes an empty cache for at most `limit` chains, at least four.
    public init(limit: Int) { self.limit = max(4, limit) }

    /// How many chains it holds.
    public var count: Int { entries.count }

    /// What was found of a chain; nil when it is not known, when the time is outside its path's validity, or when a
    /// certificate of its path has been revoked. Then a full validation says what is wrong.
    public mutating func find(
        _ key: Key,
        wallClock: WallTime,
        revocation: any RevocationView
    ) -> (peer: ValidatedPeer, companion: Companion)? {
        guard var entry = entries[key] else { return nil }
        let skew = PathValidator.clockSkewSeconds
        let isCurrent =
            wallClock >= entry.peer.pathNotBefore.advanced(bySeconds: -skew)
            && wallClock <= entry.peer.pathNotAfter.advanced(bySeconds: skew)
            && entry.peer.path.allSatisfy { revocation.status(of: $0.serial, issuer: $0.issuer) == .notRevoked }
        guard isCurrent else {
            entries[key] = nil
            return nil
        }
        uses += 1
        entry.usedAt = uses
        entries[key] = entry
        return (entry.peer, entry.companion)
    }

    /// Keeps what a full validation found.
    public mutating func insert(_ key: Key, _ peer: ValidatedPeer, _ companion: Companion) {
        uses += 1
        entries[key] = Entry(peer: peer, companion: companion, usedAt: uses)
        guard entries.count > limit else { return }
        // A quarter goes at once, so that a flood of new chains sorts the cache seldom.
        let oldest = entries.sorted { $0.value.usedAt < $1.value.usedAt }.prefix(limit / 4)
        for (key, _) in oldest { entries[key] = nil }
    }
}
