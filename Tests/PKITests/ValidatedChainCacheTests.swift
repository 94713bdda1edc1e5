import IPsecTypes
import Testing

@testable import PKI

@Suite struct ValidatedChainCacheTests {
    private typealias Cache = ValidatedChainCache<String>

    /// A peer whose leaf ends before its authorities do.
    private func peer() async throws -> (peer: ValidatedPeer, chain: [[UInt8]]) {
        let authority = try TestAuthority()
        let leaf = try authority.leafDraft().signed(by: authority.issuing)
        return (try await authority.validate(leaf).get(), [leaf.der, authority.issuing.der])
    }

    @Test func aChainThatComesBackIsKnownWithinItsTimes() async throws {
        let (peer, chain) = try await peer()
        var cache = Cache(limit: 8)
        let key = Cache.Key(label: "gw", chain: chain)
        #expect(cache.find(key, wallClock: noon, revocation: RevokedSerials()) == nil)
        cache.insert(key, peer, "key")
        let again = Cache.Key(label: "gw", chain: chain)
        let found = cache.find(again, wallClock: noon, revocation: RevokedSerials())
        #expect(found?.peer == peer && found?.companion == "key")
        #expect(peer.path.count == 2 && peer.path.first?.serial == peer.serial)
        let late = peer.pathNotAfter.advanced(bySeconds: 61)
        #expect(cache.find(key, wallClock: late, revocation: RevokedSerials()) == nil, "a minute of skew and no more")
        #expect(cache.count == 0, "and it is forgotten")
        cache.insert(key, peer, "key")
        let early = peer.pathNotBefore.advanced(bySeconds: -61)
        #expect(cache.find(key, wallClock: early, revocation: RevokedSerials()) == nil)
    }

    @Test(arguments: [0, 1])
    func aRevocationAnywhereInThePathCounts(position: Int) async throws {
        let (peer, chain) = try await peer()
        var cache = Cache(limit: 8)
        let key = Cache.Key(label: "gw", chain: chain)
        cache.insert(key, peer, "key")
        var revoked = RevokedSerials()
        revoked.insert(peer.path[position].serial, issuer: peer.path[position].issuer, at: noon)
        #expect(cache.find(key, wallClock: noon, revocation: revoked) == nil)
    }

    /// P06: whatever differs by a byte is another chain.
    @Test func p06_variantsOfAChainAreStrangersAndPushOutTheLeastUsed() async throws {
        let (peer, chain) = try await peer()
        var cache = Cache(limit: 100)
        let key = Cache.Key(label: "gw", chain: chain)
        cache.insert(key, peer, "key")
        #expect(Cache.Key(label: "other", chain: chain) != key)
        #expect(Cache.Key(label: "gw", chain: Array(chain.reversed())) != key)
        #expect(Cache.Key(label: "gw", chain: [chain[0] + chain[1]]) != key, "lengths are hashed too")
        for variant in 0..<10_000 {
            cache.insert(Cache.Key(label: "\(variant)", chain: chain), peer, "variant")
            #expect(cache.count <= 100)
            if variant.isMultiple(of: 20) {
                #expect(cache.find(key, wallClock: noon, revocation: RevokedSerials()) != nil, "it is used")
            }
        }
        #expect(cache.find(Cache.Key(label: "1", chain: chain), wallClock: noon, revocation: RevokedSerials()) == nil)
    }
}
