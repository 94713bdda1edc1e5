import AdminAPI
import Foundation
import Glibc
import IKEv2
import IPsecTypes
import PacketIO
import RuntimeDoubles
import Synchronization
import Testing

@testable import Agent
@testable import Runtime

@Suite(.serialized) struct AgentControllerTests {
    @Test func aTunnelPutsItsAddressAndRoutesOnTheInterfaceAndTakesThemBack() async throws {
        let agent = try AgentFixture(grants: ["10.20.0.0/16", "192.0.2.0/30"])
        let status = try #require(try await agent.up(agent.connection()))
        #expect(status.state == .up && status.setupMilliseconds != nil)
        #expect(agent.interface.addresses.map(\.description) == ["10.99.0.2"])
        // The gateway itself is 192.0.2.1: packets to it stay outside.
        #expect(
            Set(agent.interface.routes.map(\.description))
                == ["10.20.0.0/16", "192.0.2.0/32", "192.0.2.2/31"]
        )
        #expect(agent.dataplane.installed.count == 1)
        let names = try await agent.controller { controller, core in controller.down(nil, shard: core) }
        #expect(names == ["branch"])
        #expect(agent.interface.isEmpty)
        #expect(try await eventually { agent.dataplane.installed.isEmpty })
        #expect(try await eventually { agent.gateway.established.isEmpty })
        #expect(try await agent.state() == nil)
        #expect(try await agent.controller { controller, _ in controller.isIdle } == true)
        try await agent.stop()
    }

    @Test func aTunnelFollowsTheHostToAnotherAddress() async throws {
        let agent = try AgentFixture()
        let status = try #require(try await agent.up(agent.connection()))
        #expect(status.tunnel?.mobility?.supported == true)
        let moved = IPAddress.v4(0xc633_6402)
        agent.network.attach(agent.dataplane, at: moved)
        agent.interface.state.withLock { $0.address = moved }
        _ = try await agent.controller { controller, core in controller.networkChanged(core) }
        #expect(agent.dataplane.installed.values.map(\.parameters.path.local.address) == [moved])
        #expect(
            try await eventually {
                agent.gateway.dataplane.installed.values.map(\.parameters.path.remote.address) == [moved]
            }
        )
        #expect(try await agent.state()?.state == .up)
        #expect(agent.interface.addresses.count == 1, "the inner address stays")
        try await agent.stop()
    }

    @Test func aGrantThatLiesInALocalNetworkIsRefusedAndNothingStays() async throws {
        let agent = try AgentFixture(grants: ["10.20.0.0/16", "192.168.7.0/25"])
        agent.interface.state.withLock { $0.local = [prefix("192.168.7.0/24")] }
        let status = try #require(try await agent.up(agent.connection()))
        #expect(status.state == .failed && status.lastError?.code == .routeConflict)
        #expect(status.lastError?.message.contains("192.168.7.0/24") == true)
        #expect(agent.interface.isEmpty, "half a configuration is none")
        #expect(try await eventually { agent.gateway.established.isEmpty })
        #expect(try await agent.controller { controller, _ in controller.isIdle } == true)
        try await agent.stop()
    }

    @Test func aGrantOfEverythingIsTakenOnlyWhereTheConfigurationAsksForIt() async throws {
        let agent = try AgentFixture(grants: ["0.0.0.0/0"])
        let refused = try #require(try await agent.up(agent.connection()))
        #expect(refused.state == .failed && refused.lastError?.code == .routeConflict)
        #expect(agent.interface.isEmpty)
        let taken = try #require(try await agent.up(agent.connection(wantsEverything: true)))
        #expect(taken.state == .up)
        #expect(!agent.interface.routes.contains { $0.length == 0 }, "the host's default route is not replaced")
        #expect(!agent.interface.routes.contains { $0.contains(gatewayAddress) })
        try await agent.stop()
    }

    @Test func anAddressThatNoHostHasIsRefused() async throws {
        let agent = try AgentFixture(addresses: [.v4(0x7f00_0001)])
        let status = try #require(try await agent.up(agent.connection()))
        #expect(status.state == .failed && status.lastError?.message.contains("127.0.0.1") == true)
        #expect(agent.interface.isEmpty)
        try await agent.stop()
    }

    @Test func aRefusedTunnelFailsAtOnceAndAKeptOneIsTriedAgain() async throws {
        let agent = try AgentFixture(refuses: true)
        let once = try #require(try await agent.up(agent.connection()))
        #expect(once.state == .failed && once.lastError?.code == .authenticationFailed)
        #expect(try await agent.controller { controller, _ in controller.isIdle } == true)
        let kept = try #require(try await agent.up(agent.connection(isKept: true)))
        #expect(kept.state == .waiting)
        #expect(try #require(kept.retrySeconds) <= 2)
        #expect(try await agent.controller { controller, _ in controller.isIdle } == false)
        try await agent.stop()
    }

    @Test func aTunnelThatTheGatewayDeletesComesBackAndTwoThatFightSlowDown() async throws {
        let agent = try AgentFixture()
        #expect(try await agent.up(agent.connection())?.state == .up)
        for failures in 1...2 {
            _ = try await blocking { agent.gateway.shard.call { core, _ in core.perform(.closeAll) } }
            let told = try await blocking {
                agent.shard.wait(seconds: 5) { _, delegate -> Int? in
                    guard let tunnel = (delegate as? AgentController)?.tunnels["branch"],
                        case .waiting = tunnel.phase
                    else { return nil }
                    return tunnel.schedule.failures
                }
            }
            #expect(told == failures, "a short life counts as a failure in a row")
            #expect(agent.interface.isEmpty)
            let up = try await blocking {
                agent.shard.wait(seconds: 8) { _, delegate -> Bool? in
                    (delegate as? AgentController)?.ikeSA("branch") == nil ? nil : true
                }
            }
            #expect(up == true)
        }
        try await agent.stop()
    }

    /// Make before break: the interface keeps what both tunnels have, and the old one goes afterwards.
    @Test func aTunnelThatIsAuthenticatedAnewNeverLeavesTheInterface() async throws {
        let agent = try AgentFixture()
        #expect(try await agent.up(agent.connection())?.state == .up)
        let before = try #require(try await agent.controller { controller, _ in controller.ikeSA("branch")?.1 } ?? nil)
        let addresses = agent.interface.addresses
        _ = try await agent.controller { controller, core in controller.reauthenticate(before, core) }
        let after = try await blocking {
            agent.shard.wait(seconds: 5) { _, delegate -> IKESAID? in
                guard let id = (delegate as? AgentController)?.ikeSA("branch")?.1, id != before else { return nil }
                return id
            }
        }
        #expect(after != nil)
        #expect(agent.interface.addresses == addresses && !agent.interface.routes.isEmpty)
        #expect(try await eventually { agent.dataplane.installed.count == 1 }, "the old one goes")
        #expect(try await eventually { agent.gateway.established.count == 1 })
        try await agent.stop()
    }

    @Test func aLeaseEndsATunnelAndAskingAgainRenewsIt() async throws {
        let agent = try AgentFixture()
        #expect(try await agent.up(agent.connection(), UpArguments(leaseSeconds: 1))?.state == .up)
        #expect(try await agent.up(agent.connection(), UpArguments(leaseSeconds: 3))?.state == .up)
        try await Task.sleep(for: .milliseconds(1500))
        #expect(try await agent.state()?.state == .up)
        let gone = try await blocking {
            agent.shard.wait(seconds: 5) { _, delegate -> Bool? in
                (delegate as? AgentController)?.tunnels.isEmpty == true ? true : nil
            }
        }
        #expect(gone == true && agent.interface.isEmpty)
        #expect(
            try await agent.up(agent.connection(), UpArguments(leaseSeconds: .max))?.state == .up,
            "the largest number is no trap"
        )
        try await agent.stop()
    }

    @Test func theEndOfTheOwnerEndsTheTunnel() async throws {
        let agent = try AgentFixture()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        try process.run()
        let owner = process.processIdentifier
        #expect(try await agent.up(agent.connection(), UpArguments(ownerProcess: owner))?.state == .up)
        try await Task.sleep(for: .milliseconds(1200))
        #expect(try await agent.state()?.state == .up)
        kill(owner, SIGKILL)
        try await blocking { process.waitUntilExit() }
        let gone = try await blocking {
            agent.shard.wait(seconds: 5) { _, delegate -> Bool? in
                (delegate as? AgentController)?.tunnels.isEmpty == true ? true : nil
            }
        }
        #expect(gone == true && agent.interface.isEmpty)
        try await agent.stop()
    }

    @Test func theNextAddressIsTriedWhenOneDoesNotAnswer() async throws {
        let agent = try AgentFixture()
        let silentGateway = IPAddress.v4(0xc000_02fe)
        let connection = agent.connection(giveUp: .milliseconds(300), remotes: [silentGateway, gatewayAddress])
        #expect(try await agent.up(connection)?.state == .up)
        agent.interface.state.withLock { $0.hasRoute = false }
        let other = try AgentFixture()
        other.interface.state.withLock { $0.hasRoute = false }
        let status = try #require(try await other.up(other.connection()))
        #expect(status.lastError?.code == .gatewayUnreachable && status.lastError?.message.contains("no route") == true)
        try await agent.stop()
        try await other.stop()
    }

    @Test func whoWaitsNoLongerIsToldWhatIsKnownByThen() async throws {
        let agent = try AgentFixture()
        agent.dataplane.cut(true)
        let connection = agent.connection()
        agent.shard.post { core, delegate in
            (delegate as? AgentController)?.up(connection, arguments: UpArguments(), shard: core) { _ in }
        }
        #expect(try await agent.state()?.state == .connecting)
        let told = try await agent.controller { controller, core in controller.timeOut("branch", after: 7, shard: core)
        }
        let error = try #require(told)
        #expect(error.code == .connectionTimeout && error.message.contains("within 7 s"))
        #expect(error.values("reason") == ["timeout"])
        #expect(error.values("offered").first?.contains("IKE_SA_INIT") == true)
        #expect(error.values("compared").last == "never heard")
        #expect(try await agent.state()?.lastError == error, "the status keeps it")
        #expect(try await agent.controller { controller, _ in controller.isIdle } == true)
        agent.dataplane.cut(false)
        #expect(try await agent.up(agent.connection())?.state == .up, "it may be asked for again")
        let late = try await agent.controller { controller, core in controller.timeOut("branch", after: 7, shard: core)
        }
        #expect(late?.code == .connectionTimeout)
        #expect(try await agent.state()?.state == .up, "what stands is left alone")
        try await agent.stop()
    }

    @Test func whatEndedOneAddressOfTheGatewaysIsToldToo() async throws {
        let agent = try AgentFixture()
        let remotes = [IPAddress.v4(0xc000_02fe), .v4(0xc000_02fd)]
        let connection = agent.connection(giveUp: .milliseconds(300), remotes: remotes)
        agent.shard.post { core, delegate in
            (delegate as? AgentController)?.up(connection, arguments: UpArguments(), shard: core) { _ in }
        }
        let isAtNext = try await blocking {
            agent.shard.wait(seconds: 5) { _, delegate -> Bool? in
                (delegate as? AgentController)?.tunnels["branch"]?.lastError == nil ? nil : true
            }
        }
        #expect(isAtNext == true)
        let told = try await agent.controller { controller, core in controller.timeOut("branch", after: 1, shard: core)
        }
        #expect(told?.values("last").first?.contains("192.0.2.254") == true, "\(String(describing: told))")
        try await agent.stop()
    }

    @Test func whoeverWaitsIsToldToo() async throws {
        let agent = try AgentFixture()
        agent.dataplane.cut(true)
        let first = Waiting<AgentTunnelStatus>()
        let second = Waiting<AgentTunnelStatus?>()
        let third = Waiting<AgentTunnelStatus>()
        let connection = agent.connection()
        agent.shard.post { core, delegate in
            guard let controller = delegate as? AgentController else { return }
            controller.up(connection, arguments: UpArguments(), shard: core) { first.finish($0) }
            controller.wait("branch", shard: core) { second.finish($0) }
            controller.up(connection, arguments: UpArguments(), shard: core) { third.finish($0) }
        }
        #expect(try await agent.state()?.state == .connecting)
        agent.dataplane.cut(false)
        let states = try await blocking {
            [first.wait(seconds: 5)?.state, second.wait(seconds: 5)??.state, third.wait(seconds: 5)?.state]
        }
        #expect(states == [.up, .up, .up])
        try await agent.stop()
    }
}

@Suite struct AgentRulesTests {
    @Test func pushedAddressesMustBeAHosts() throws {
        for text in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1", "fe80::1"] {
            let address = try #require(IPAddress(text))
            #expect(PushedSettings.refusal(address) != nil, "\(text)")
        }
        for text in ["10.99.0.2", "100.64.0.1", "fd00:99::2", "2001:db8::1"] {
            let address = try #require(IPAddress(text))
            #expect(PushedSettings.refusal(address) == nil, "\(text)")
        }
    }

    @Test func everythingIsSeenHoweverItIsCut() {
        #expect(PushedSettings.isEverything([prefix("0.0.0.0/0")]))
        #expect(PushedSettings.isEverything([prefix("0.0.0.0/1")]))
        #expect(PushedSettings.isEverything([prefix("0.0.0.0/2"), prefix("128.0.0.0/2")]))
        #expect(PushedSettings.isEverything([prefix("::/1")]))
        #expect(!PushedSettings.isEverything([prefix("10.0.0.0/8"), prefix("172.16.0.0/12"), prefix("fd00::/8")]))
        #expect(!PushedSettings.isEverything([]))
    }

    @Test func routesLeaveTheGatewayOutAndNeverReplaceADefaultRoute() throws {
        let all = PushedSettings.routes(to: .all(.v6), gateways: [gatewayAddress])
        #expect(all.map(\.description) == ["::/1", "8000::/1"])
        let some = PushedSettings.routes(to: prefix("192.0.2.0/24").range, gateways: [gatewayAddress])
        #expect(!some.contains { $0.contains(gatewayAddress) })
        #expect(some.contains { $0.contains(.v4(0xc000_0202)) } && some.contains { $0.contains(.v4(0xc000_02ff)) })
    }

    /// TunnelCrack: clients left the network that they were in, or what DNS said the gateway was, out of the tunnel. Of what is
    /// granted only the gateway's one address is left out, whatever network it says it is in, and each neighbour of it is
    /// led into the tunnel. (A network of the host itself that is narrower than the grant keeps its own route, see D08.)
    @Test func cve_2023_36672_onlyTheGatewaysAddressIsLeftOut() throws {
        let gateways = [gatewayAddress, try #require(IPAddress("192.0.2.77")), try #require(IPAddress("10.9.8.7"))]
        for grant in ["192.0.2.0/24", "192.0.0.0/8", "128.0.0.0/1", "10.0.0.0/8"] {
            let range = prefix(grant).range
            let routes = PushedSettings.routes(to: range, gateways: gateways)
            for gateway in gateways where range.contains(gateway) {
                #expect(!routes.contains { $0.contains(gateway) }, "\(grant)")
                for neighbour in [gateway.previous, gateway.next].compactMap({ $0 }) where range.contains(neighbour) {
                    #expect(routes.contains { $0.contains(neighbour) }, "\(grant) without \(neighbour)")
                }
            }
            let addresses = routes.reduce(0.0) { $0 + Double(sign: .plus, exponent: 32 - $1.length, significand: 1) }
            let left = Double(gateways.filter { range.contains($0) }.count)
            #expect(addresses == Double(sign: .plus, exponent: 32 - prefix(grant).length, significand: 1) - left)
        }
    }

    @Test func aLiteralAddressNeedsNoResolver() throws {
        #expect(try GatewayName.resolve("192.0.2.1") == [gatewayAddress])
        #expect(try GatewayName.resolve("2001:db8::1").count == 1)
        let failure = #expect(throws: CulvertError.self) { try GatewayName.resolve("no-such-name.invalid") }
        #expect(failure?.code == .nameNotResolved)
    }
}
