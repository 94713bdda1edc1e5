import IPsecTypes
import Sessions
import Testing

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

func seconds(_ count: Int64) -> Instant { Instant.zero + .seconds(count) }

@Test func networkBroadcastAndGatewayAddressesAreNeverGiven() throws {
    var pool = AddressPool([try prefix("10.9.0.0/29"), try prefix("fd00::/125")])
    #expect(pool.gatewayAddresses.map(\.description) == ["10.9.0.1", "fd00::1"])
    var given: [String] = []
    for index in 0..<5 {
        given.append(try pool.lease(.v4, session: "s\(index)", identity: "i\(index)", now: .zero).description)
    }
    #expect(given == ["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"])
    #expect(throws: AddressPoolFailure.exhausted(.v4)) {
        try pool.lease(.v4, session: "x", identity: "x", now: .zero)
    }
    // IPv6 has no broadcast address: the highest is given too.
    var six: [String] = []
    for index in 0..<6 {
        six.append(try pool.lease(.v6, session: "s\(index)", identity: "i\(index)", now: .zero).description)
    }
    #expect(six.last == "fd00::7")
    #expect(throws: AddressPoolFailure.exhausted(.v6)) {
        try pool.lease(.v6, session: "x", identity: "x", now: .zero)
    }
}

@Test func anAddressRestsBeforeAnotherIdentityGetsIt() throws {
    var pool = AddressPool([try prefix("10.9.0.0/30")])
    let address = try pool.lease(.v4, session: "a", identity: "a", now: .zero)
    pool.release(address, now: seconds(10))
    #expect(throws: AddressPoolFailure.exhausted(.v4)) {
        try pool.lease(.v4, session: "b", identity: "b", now: seconds(309))
    }
    #expect(try pool.lease(.v4, session: "b", identity: "b", now: seconds(310)) == address)
}

@Test func anIdentityThatComesBackGetsItsAddressAgain() throws {
    var pool = AddressPool([try prefix("10.9.0.0/24")])
    let mine = try pool.lease(.v4, session: "a1", identity: "a", now: .zero)
    let other = try pool.lease(.v4, session: "b1", identity: "b", now: .zero)
    pool.release(mine, now: seconds(1))
    pool.release(other, now: seconds(1))
    #expect(try pool.lease(.v4, session: "a2", identity: "a", now: seconds(2)) == mine)
    #expect(try pool.lease(.v4, session: "a3", identity: "a", now: seconds(2)) != mine)
    #expect(try pool.lease(.v4, session: "b2", identity: "b", now: seconds(299)) == other)
}

@Test func aFixedAddressIsClaimedByOneSessionAtATime() throws {
    let fixed = try #require(IPAddress("10.9.0.5"))
    var pool = AddressPool([try prefix("10.9.0.0/28")], reserved: [fixed])
    try pool.claim(fixed, session: "a", identity: "a")
    #expect(throws: AddressPoolFailure.taken(fixed, session: "a")) {
        try pool.claim(fixed, session: "b", identity: "b")
    }
    for index in 0..<11 {
        #expect(try pool.lease(.v4, session: "s\(index)", identity: "\(index)", now: .zero) != fixed)
    }
    pool.release(fixed, now: .zero)
    try pool.claim(fixed, session: "b", identity: "b")
    #expect(pool.session(holding: fixed) == "b")
    #expect(AddressPoolFailure.taken(fixed, session: "b").error.code == .poolExhausted)
}

@Test func aReloadKeepsHeldAddressesAndForgetsPoolsThatAreGone() throws {
    var pool = AddressPool([try prefix("10.9.0.0/29")])
    let kept = try pool.lease(.v4, session: "a", identity: "a", now: .zero)
    let resting = try pool.lease(.v4, session: "b", identity: "b", now: .zero)
    pool.release(resting, now: .zero)
    pool.replace([try prefix("10.8.0.0/29")], reserved: [])
    #expect(pool.session(holding: kept) == "a")
    #expect(pool.restingCount == 0)
    pool.release(kept, now: .zero)
    #expect(pool.restingCount == 0)
    #expect(try pool.lease(.v4, session: "c", identity: "a", now: .zero).description == "10.8.0.2")
}

@Test func memoryFollowsTheSessionsAndNotTheSizeOfThePool() throws {
    var pool = AddressPool([try prefix("fd00::/64")])
    var seen: Set<IPAddress> = []
    for step in 0..<20_000 {
        let now = seconds(Int64(step) * 60)
        let address = try pool.lease(.v6, session: "s\(step)", identity: "i\(step)", now: now)
        seen.insert(address)
        pool.release(address, now: now)
    }
    #expect(seen.count <= 8)
    #expect(pool.restingCount <= 8)
}

@Test func noAddressEverHasTwoHoldersNorAnotherIdentityWithinItsRest() throws {
    for seed in 0..<60 {
        var random = SplitMix(state: UInt64(seed))
        let prefixes = [try prefix("10.9.0.0/28"), try prefix("10.9.1.0/29"), try prefix("fd00::/124")]
        var pool = AddressPool(prefixes, reserved: [.v4(0x0a09_0009)], holdDown: .seconds(50))
        var held: [IPAddress: String] = [:]
        var released: [IPAddress: (identity: String, at: Instant)] = [:]
        var now = Instant.zero
        for step in 0..<400 {
            now = now + .seconds(Int64.random(in: 0..<20, using: &random))
            let identity = "i\(Int.random(in: 0..<12, using: &random))"
            let family: IPAddress.Family = Bool.random(using: &random) ? .v4 : .v6
            if Bool.random(using: &random), let address = held.keys.sorted().randomElement(using: &random) {
                pool.release(address, now: now)
                released[address] = (held.removeValue(forKey: address) ?? "", now)
                continue
            }
            do throws(AddressPoolFailure) {
                let address = try pool.lease(family, session: "s\(step)", identity: identity, now: now)
                #expect(held[address] == nil, "seed \(seed)")
                #expect(prefixes.contains { $0.contains(address) } && address != .v4(0x0a09_0009), "seed \(seed)")
                if let rest = released[address], rest.identity != identity {
                    #expect(now - rest.at >= .seconds(50), "seed \(seed)")
                }
                held[address] = identity
            } catch {
                let free = prefixes.filter { $0.address.family == family }.reduce(0) { total, prefix in
                    total + (family == .v4 ? (1 << (32 - prefix.length)) - 3 : (1 << (128 - prefix.length)) - 2)
                }
                let used = held.keys.filter { $0.family == family }.count
                let resting = released.filter { address, rest in
                    address.family == family && held[address] == nil && now - rest.at < .seconds(50)
                }.count
                #expect(used + resting >= free - (family == .v4 ? 1 : 0), "seed \(seed)")
            }
            #expect(pool.activeCount == held.count)
        }
    }
}

@Test func anAddressFromBeforeARestartGoesToItsIdentityAndToNobodyElse() throws {
    var pool = AddressPool([try prefix("10.9.0.0/28")])
    let mine = try #require(IPAddress("10.9.0.7"))
    pool.remember([(mine, "a", .seconds(300))], now: .zero)
    // A stranger asks for it by name while it rests, and later.
    #expect(try pool.lease(.v4, session: "b", identity: "b", wanting: [mine], now: seconds(1)) != mine)
    #expect(try pool.lease(.v4, session: "c", identity: "c", wanting: [mine], now: seconds(1)) != mine)
    #expect(try pool.lease(.v4, session: "a", identity: "a", now: seconds(200)) == mine)
    #expect(try pool.lease(.v4, session: "d", identity: "a", wanting: [mine], now: seconds(200)) != mine)
}

@Test func aRememberedAddressRestsNoLongerThanAnyOther() throws {
    var pool = AddressPool([try prefix("10.9.0.0/30")], holdDown: .seconds(60))
    let only = try #require(IPAddress("10.9.0.2"))
    pool.remember([(only, "a", .seconds(1_000_000))], now: .zero)
    #expect(throws: AddressPoolFailure.exhausted(.v4)) {
        try pool.lease(.v4, session: "b", identity: "b", now: seconds(59))
    }
    #expect(try pool.lease(.v4, session: "b", identity: "b", now: seconds(60)) == only)
}

@Test func addressesThatArePoolsNoMoreAreNotRemembered() throws {
    let fixed = try #require(IPAddress("10.9.0.5"))
    var pool = AddressPool([try prefix("10.9.0.0/28")], reserved: [fixed])
    let outside = try #require(IPAddress("10.8.0.5"))
    let gateway = try #require(IPAddress("10.9.0.1"))
    pool.remember([(fixed, "a", .zero), (outside, "a", .zero), (gateway, "a", .zero)], now: .zero)
    #expect(pool.restingCount == 0)
    #expect(
        try pool.lease(.v4, session: "a", identity: "a", wanting: [fixed, outside, gateway], now: .zero)
            .description == "10.9.0.2"
    )
}

@Test func aWishIsHeardForWhatNobodyHad() throws {
    var pool = AddressPool([try prefix("10.9.0.0/28"), try prefix("fd00::/120")])
    let wish = try #require(IPAddress("10.9.0.9"))
    let other = try #require(IPAddress("fd00::9"))
    #expect(try pool.lease(.v4, session: "a", identity: "a", wanting: [other, wish], now: .zero) == wish)
    #expect(try pool.lease(.v6, session: "a", identity: "a", wanting: [other, wish], now: .zero) == other)
    #expect(try pool.lease(.v4, session: "b", identity: "b", wanting: [wish], now: .zero) != wish)
    pool.release(wish, now: .zero)
    // What it had itself comes before what it wishes for.
    #expect(try pool.lease(.v4, session: "a2", identity: "a", wanting: [], now: .zero) == wish)
}

@Test func twoSessionsOfASiteGetTheirOwnAddressesAgain() throws {
    var pool = AddressPool([try prefix("10.9.0.0/28")])
    let first = try pool.lease(.v4, session: "1", identity: "site", now: .zero)
    let second = try pool.lease(.v4, session: "2", identity: "site", now: .zero)
    pool.release(first, now: seconds(1))
    pool.release(second, now: seconds(2))
    #expect(try pool.lease(.v4, session: "3", identity: "site", wanting: [first], now: seconds(3)) == first)
    #expect(try pool.lease(.v4, session: "4", identity: "site", wanting: [second], now: seconds(3)) == second)
}

@Test func whoeverComesAndGoesOrWishesLeavesLittleBehind() throws {
    var pool = AddressPool([try prefix("fd00::/64")], holdDown: .seconds(1))
    for step in 0..<5000 {
        let now = seconds(Int64(step))
        let wish = try #require(IPAddress("fd00::1:\(String(step, radix: 16))"))
        let address = try pool.lease(.v6, session: "s", identity: "a", wanting: [wish], now: now)
        pool.release(address, now: now)
    }
    #expect(pool.restingCount == 1)
}
