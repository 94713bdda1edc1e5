import IPsecTypes

/// Families about the return of sessions, and about transport mode.
extension Scenario {
    /// Demands for cookies that come and go with two or three agents at once, over a network that repeats and reorders.
    mutating func adaptToReturning(using random: inout SplitMix64) {
        agents = random.number(2...3)
        demandsCookies = true
        cookieThreshold = random.pick([0, 1, 1, 2])
        cookieSecretLifetime = random.pick([.milliseconds(300), .seconds(2), nil])
        cookieDemandMemory = random.pick([.zero, .milliseconds(500), nil])
        conditions.loss = random.pick([0, 50, 150])
        conditions.reordering = random.pick([0, 200, 400])
        conditions.duplication = random.pick([0, 200, 400])
        disturbances = [.crash, .crash, .crash, .restartWithState, .probe, .rekeyIKE, .partition]
        disturbancePause = .seconds(4) ... .seconds(20)
        turmoil = .seconds(120)
    }

    /// Two hosts a Child SA, whose addresses each end sees otherwise where a NAT is on the way (RFC 7296 §2.23.1).
    mutating func adaptToTransport(using random: inout SplitMix64) {
        transport = true
        children = 1
        virtualAddresses = false
        usesIPv6 = false
        nat = nil
        if random.chance(700) { drawNAT(using: &random) }
        // Two hosts behind one address could not be told apart (RFC 3948 §5.2).
        sharesNAT = false
        gatewayNAT = random.chance(300)
        if nat != nil, random.chance(300) { nat?.lifetime = .seconds(15) }
        conditions.loss = random.pick([0, 50, 150])
        conditions.reordering = random.pick([0, 200])
        conditions.duplication = random.pick([0, 200])
        if random.chance(400) {
            childRekey = .seconds(8) ... .seconds(12)
            childHard = .seconds(60)
            ikeRekey = .seconds(20) ... .seconds(30)
        }
        if random.chance(300) { adversary = .random(using: &random) }
        disturbances = Disturbance.commands + [.crash, .handOver, .rebootNAT, .rebootNAT]
    }

    /// Where the gateway's packets to an agent go, in transport mode.
    func outerAddress(of agent: SimulatedHost) -> IPAddress {
        agent.description.nat?.outside ?? agent.description.address
    }
}
