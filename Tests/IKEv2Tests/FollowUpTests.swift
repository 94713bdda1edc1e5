import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// IKE_FOLLOWUP_KE (RFC 9370 §2.2.4): new and rekeyed Child SAs and rekeyed IKE SAs, both roles, collisions, losses.
@Suite struct FollowUpTests {
    static let seeds = Array(UInt64(1)...16)
    static let places: [[KeyExchangeMethod]] = [[.mlKEM768], [.ecp384]]

    private func hybridPair(_ seed: UInt64, _ places: [[KeyExchangeMethod]] = [[.mlKEM768]]) -> Pair {
        establishedPair(Hybrid.left(places), Hybrid.right(places), seed: seed)
    }

    @Test(arguments: [true, false]) func childRekeyingsDoAllKeyExchanges(byInitiator: Bool) throws {
        let pair = hybridPair(31, Self.places)
        pair.watchesTraffic = true
        let node = byInitiator ? pair.a : pair.b
        let status = try #require(node.status)
        pair.command(node, .rekeyChild(status.id, status.children[0].inboundSPI))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        #expect(pair.childA?.suite.description == "aes256gcm esn x25519+mlkem768+ecp384")
        #expect(pair.requests(.ikeFollowupKE) >= 2)
    }

    @Test(arguments: [true, false]) func ikeRekeyingsDoAllKeyExchanges(byInitiator: Bool) throws {
        let pair = hybridPair(32, Self.places)
        let node = byInitiator ? pair.a : pair.b
        pair.command(node, .rekeyIKE(try #require(node.status).id))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.statusA?.rekeyings == 1)
        #expect(pair.statusA?.suite?.additionalKeyExchanges == [.mlKEM768, .ecp384])
        // And the IKE SA that it made is good for another round, by the other end.
        let other = byInitiator ? pair.b : pair.a
        pair.command(other, .rekeyIKE(try #require(other.status).id))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.statusA?.rekeyings == 2)
    }

    @Test func newChildrenDoAllKeyExchanges() throws {
        var left = Hybrid.left()
        var second = left.children[0]
        second.name = "second"
        left.children.append(second)
        let pair = establishedPair(left, Hybrid.right(), seed: 33)
        pair.run(.seconds(6))
        pair.expectAgreement(children: 2)
        #expect(pair.childA?.suite.additionalKeyExchanges == [.mlKEM768])
    }

    @Test func realCryptographyAgrees() throws {
        let left = Hybrid.left(Self.places)
        let pair = Pair(left, Hybrid.right(Self.places), seed: 34, crypto: StandardCryptoProvider())
        pair.b.authorizer = { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA]
                )
            )
        }
        pair.initiate(left)
        pair.settle()
        pair.command(pair.b, .rekeyChild(try #require(pair.statusB).id, try #require(pair.childB).inboundSPI))
        pair.run(.seconds(6))
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA).id))
        pair.run(.seconds(6))
        pair.expectAgreement()
    }

    @Test(arguments: seeds) func lossesAreMadeGood(seed: UInt64) throws {
        let pair = hybridPair(seed, Self.places)
        var dice = SplitMix64(state: seed)
        pair.delivers = { _ in dice.next() % 6 != 0 }
        let a = try #require(pair.statusA)
        let b = try #require(pair.statusB)
        pair.command(pair.a, .rekeyChild(a.id, a.children[0].inboundSPI))
        pair.run(.seconds(8))
        pair.command(pair.b, .rekeyIKE(b.id))
        pair.run(.seconds(30))
        pair.delivers = { _ in true }
        pair.run(.seconds(120))
        pair.expectAgreement()
    }

    // MARK: Simultaneous rekeying

    @Test(arguments: seeds, [false, true])
    func simultaneousChildRekeyingsLeaveOneSA(seed: UInt64, swapped: Bool) throws {
        let pair = hybridPair(seed)
        pair.watchesTraffic = true
        let a = try #require(pair.statusA)
        let b = try #require(pair.statusB)
        pair.command(pair.a, .rekeyChild(a.id, a.children[0].inboundSPI))
        pair.command(pair.b, .rekeyChild(b.id, b.children[0].inboundSPI))
        if swapped { pair.wire.reverse() }
        pair.run(.seconds(90))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        // Whoever has the lowest nonce starts no further key exchange.
        #expect(pair.requests(.ikeFollowupKE) == 2)
        #expect(pair.childA?.suite.additionalKeyExchanges == [.mlKEM768])
    }

    @Test(arguments: seeds, [false, true])
    func simultaneousIKERekeyingsLeaveOneSA(seed: UInt64, swapped: Bool) throws {
        let pair = hybridPair(seed)
        pair.watchesTraffic = true
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA).id))
        pair.command(pair.b, .rekeyIKE(try #require(pair.statusB).id))
        if swapped { pair.wire.reverse() }
        pair.run(.seconds(90))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        #expect(pair.statusA?.rekeyings == 1 && pair.statusB?.rekeyings == 1)
    }

    /// Every pair of commands at once, with losses, comes to rest in agreement.
    @Test(arguments: seeds) func turmoilSettles(seed: UInt64) throws {
        let pair = hybridPair(seed, Self.places)
        var dice = SplitMix64(state: seed &* 77)
        for _ in 0..<6 {
            pair.delivers = { _ in dice.next() % 5 != 0 }
            for node in [pair.a, pair.b] {
                guard let status = node.status, let child = status.children.last else { continue }
                switch dice.next() % 3 {
                case 0: pair.command(node, .rekeyIKE(status.id))
                case 1: pair.command(node, .rekeyChild(status.id, child.inboundSPI))
                default: break
                }
            }
            pair.run(.milliseconds(Int64(dice.next() % 4000)))
        }
        pair.delivers = { _ in true }
        pair.run(.seconds(200))
        pair.expectAgreement()
    }

    // MARK: What the responder holds

    /// The initiator never goes on: the responder forgets, and the Child SA goes on.
    @Test func whatIsAwaitedIsForgottenInTime() throws {
        let pair = hybridPair(35)
        let status = try #require(pair.statusA)
        pair.delivers = { $0.header?.exchangeType != .ikeFollowupKE }
        pair.command(pair.a, .rekeyChild(status.id, status.children[0].inboundSPI))
        pair.settle()
        let sa = try #require(pair.b.endpoint.engine.sas.values.first)
        #expect(sa.awaitedSeries.count == 1)
        #expect(sa.awaitedSeries.first?.secrets.count == 1)
        pair.run(.seconds(19))
        #expect(sa.awaitedSeries.count == 1)
        pair.b.timeout(pair.now + .seconds(2), pair.wall)
        #expect(sa.awaitedSeries.isEmpty)
        #expect(sa.children.count == 1)
    }

    /// STATE_NOT_FOUND: the initiator starts again; when that goes on and on, it closes the IKE SA.
    @Test func aForgottenSeriesIsTriedAgain() throws {
        let pair = hybridPair(36)
        let status = try #require(pair.statusA)
        var forgets = 2
        pair.delivers = { packet in
            if packet.header?.exchangeType == .ikeFollowupKE, !packet.isResponse, forgets > 0 {
                forgets -= 1
                pair.b.endpoint.engine.sas.values.first?.awaitedSeries = []
            }
            return true
        }
        pair.command(pair.a, .rekeyChild(status.id, status.children[0].inboundSPI))
        pair.run(.seconds(30))
        pair.expectAgreement()
        #expect(pair.childA?.suite.additionalKeyExchanges == [.mlKEM768])
        forgets = 100
        pair.command(pair.a, .rekeyIKE(status.id))
        pair.run(.seconds(60))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        // Four times two fragments: three tries are repeated, the fourth is the last.
        #expect(forgets == 92)
    }

    /// Requests without their further key exchanges: memory stays bounded.
    @Test func abandonedRequestsDoNotPileUp() throws {
        let pair = hybridPair(37)
        let engine = pair.a.endpoint.engine
        let sa = try #require(engine.sas.values.first)
        let target = try #require(pair.b.endpoint.engine.sas.values.first)
        for index in 0..<12 {
            let child = ChildConfiguration(name: "x\(index)", remoteSelectors: [networkB])
            let offered = ProposalBuilder.esp([Hybrid.esp()], spi: SPI(0x1000 + UInt32(index)), withKeyExchange: true)
            let payloads: [Payload] = [
                .securityAssociation(SecurityAssociationPayload(proposals: offered)),
                .nonce(NoncePayload(data: [UInt8](repeating: UInt8(index), count: 32))),
                .keyExchange(KeyExchangePayload(method: .x25519, data: [UInt8](repeating: 3, count: 32))),
                .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [networkA])),
                .trafficSelectorsResponder(TrafficSelectorPayload(selectors: child.remoteSelectors)),
            ]
            let chain = IKEMessage.serialiseChain(payloads)
            let id = UInt32(target.responses.expected)
            let bytes = try #require(
                Forge.seal(sa, .createChildSA, id, first: chain.first, chain.bytes, crypto: pair.a.crypto)
            )
            pair.b.receive(bytes, pair.pathA.reversed, pair.now, pair.wall)
            #expect(target.awaitedSeries.count == min(index + 1, IKELimits().awaitedSeries))
        }
        #expect(target.children.count == 1)
        #expect(pair.b.keys.isEmpty)
    }

    /// A follow-up that nobody awaits, or with another link, method or size.
    @Test func followUpsThatDoNotFitAreRefused() throws {
        let good = Payload.keyExchange(KeyExchangePayload(method: .mlKEM768, data: [UInt8](repeating: 1, count: 1184)))
        let short = Payload.keyExchange(KeyExchangePayload(method: .mlKEM768, data: [UInt8](repeating: 1, count: 1183)))
        let other = Payload.keyExchange(KeyExchangePayload(method: .ecp256, data: [UInt8](repeating: 1, count: 64)))
        for (payloads, linked, expected) in [
            ([good], false, NotifyType.stateNotFound), ([], false, .stateNotFound), ([short], true, .invalidSyntax),
            ([other], true, .invalidSyntax), ([], true, .invalidSyntax), ([good, good], true, .invalidSyntax),
        ] as [([Payload], Bool, NotifyType)] {
            let pair = hybridPair(38)
            pair.delivers = { $0.header?.exchangeType != .ikeFollowupKE }
            let status = try #require(pair.statusA)
            pair.command(pair.a, .rekeyChild(status.id, status.children[0].inboundSPI))
            pair.settle()
            let target = try #require(pair.b.endpoint.engine.sas.values.first)
            let sa = try #require(pair.a.endpoint.engine.sas.values.first)
            let link = linked ? try #require(target.awaitedSeries.first).link : [9, 9]
            let chain = IKEMessage.serialiseChain(payloads + [.notify(.additionalKeyExchange, link)])
            let bytes = try #require(
                Forge.seal(
                    sa,
                    .ikeFollowupKE,
                    target.responses.expected,
                    first: chain.first,
                    chain.bytes,
                    crypto: pair.a.crypto
                )
            )
            pair.b.receive(bytes, pair.pathA.reversed, pair.now, pair.wall)
            let answer = try #require(pair.b.outbox.last)
            let opened = try #require(Forge.open(answer.bytes, keys: sa.receiveKeys, crypto: pair.a.crypto))
            let notifies = try IKEMessage.parseChain(first: opened.first, opened.plain).notifies.map(\.type)
            #expect(notifies == [expected])
        }
    }
}
