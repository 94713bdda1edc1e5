import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// The proposals of these tests: hybrid first, classical as fallback.
enum Hybrid {
    static func ike(_ additional: [[KeyExchangeMethod]] = [[.mlKEM768]]) -> IKEProposal {
        IKEProposal(
            ciphers: [.aes256GCM],
            prfs: [.hmacSHA384],
            keyExchanges: [.x25519],
            additionalKeyExchanges: additional
        )
    }
    static let classical = IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA384], keyExchanges: [.x25519, .ecp384])

    static func esp(_ additional: [[KeyExchangeMethod]] = [[.mlKEM768]]) -> ESPProposal {
        ESPProposal(ciphers: [.aes256GCM], keyExchanges: [.x25519], additionalKeyExchanges: additional)
    }

    static func left(_ additional: [[KeyExchangeMethod]] = [[.mlKEM768]]) -> ConnectionConfiguration {
        var connection = pskA()
        connection.ikeProposals = [ike(additional), classical]
        connection.children[0].proposals = [esp(additional)] + ESPProposal.offered
        return connection
    }

    static func right(_ additional: [[KeyExchangeMethod]] = [[.mlKEM768]]) -> ConnectionConfiguration {
        var connection = pskB()
        connection.ikeProposals = [ike(additional), classical]
        connection.children[0].proposals = [esp(additional)] + ESPProposal.accepted
        return connection
    }
}

extension Pair {
    /// How often a request of this exchange was sent, retransmissions counted.
    func requests(_ exchange: ExchangeType) -> Int {
        trace.filter { $0.header?.exchangeType == exchange && !$0.isResponse }.count
    }
}

/// IKE_INTERMEDIATE (RFC 9242) and additional key exchanges (RFC 9370) during the set-up of an IKE SA.
@Suite struct PostQuantumSetupTests {
    @Test(arguments: [true, false]) func x25519IsFollowedByMLKEM768(real: Bool) throws {
        let left = Hybrid.left()
        let pair = Pair(left, Hybrid.right(), seed: 5, crypto: real ? StandardCryptoProvider() : nil)
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        #expect(pair.statusA?.suite?.description == "x25519+mlkem768 aes256gcm prf-sha384")
        // RFC 9242 §3.2: IKE_INTERMEDIATE has Message ID 1, IKE_AUTH the one after it.
        let ids = pair.trace.compactMap { $0.header.map { "\($0.exchangeType) \($0.messageID)" } }
        #expect(Set(ids) == ["IKE_SA_INIT 0", "IKE_INTERMEDIATE 1", "IKE_AUTH 2"])
    }

    @Test func sevenAdditionalKeyExchangesFollowInTheirOrder() throws {
        let places: [[KeyExchangeMethod]] = [
            [.mlKEM1024], [.ecp256], [.mlKEM768], [.ecp384], [.ecp521], [.modp2048], [.modp3072],
        ]
        let left = Hybrid.left(places)
        let pair = Pair(left, Hybrid.right(places), seed: 6, crypto: StandardCryptoProvider())
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        #expect(pair.statusA?.suite?.additionalKeyExchanges == places.flatMap { $0 })
        #expect(pair.trace.filter { $0.header?.exchangeType == .ikeAuth }.allSatisfy { $0.header?.messageID == 8 })
    }

    @Test(arguments: [KeyExchangeMethod.mlKEM768, .mlKEM1024])
    func mlKEMAloneServesAsTheFirstKeyExchange(method: KeyExchangeMethod) throws {
        var left = pskA()
        left.ikeProposals = [IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA384], keyExchanges: [method])]
        left.children[0].proposals = [ESPProposal(ciphers: [.aes256GCM], keyExchanges: [method])]
        var right = pskB()
        right.ikeProposals = left.ikeProposals
        right.children[0].proposals = left.children[0].proposals
        let pair = Pair(left, right, seed: 7, crypto: StandardCryptoProvider())
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        #expect(pair.requests(.ikeIntermediate) == 0)
        pair.command(pair.b, .rekeyChild(try #require(pair.statusB?.id), try #require(pair.childB).inboundSPI))
        pair.run(.seconds(6))
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA?.id)))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.childA?.suite.keyExchange == method)
        #expect(pair.statusA?.rekeyings == 1)
    }

    @Test func aPeerThatKnowsNoAdditionalKeyExchangesPicksTheClassicalProposal() throws {
        let left = Hybrid.left()
        let pair = establishedPair(left, pskB(), seed: 8)
        pair.expectAgreement()
        #expect(pair.statusA?.suite?.additionalKeyExchanges == [])
        #expect(pair.requests(.ikeIntermediate) == 0)
        let other = establishedPair(pskA(), Hybrid.right(), seed: 9)
        other.expectAgreement()
        #expect(other.statusB?.suite?.additionalKeyExchanges == [])
    }

    /// RFC 9242 §3.3.2: AUTH covers the messages as they were before fragmentation.
    @Test func fragmentsAreAuthenticatedAsTheWhole() throws {
        var left = Hybrid.left([[.mlKEM1024]])
        left.fragmentBytes = 576
        var right = Hybrid.right([[.mlKEM1024]])
        right.fragmentBytes = 900
        let pair = Pair(left, right, seed: 10, crypto: StandardCryptoProvider())
        pair.initiate(left)
        // In whatever order they come.
        while pair.step() { pair.wire.reverse() }
        pair.expectAgreement()
        #expect(pair.requests(.ikeIntermediate) > 2)
    }

    @Test(arguments: UInt64(1)...12) func lossesAreMadeGood(seed: UInt64) throws {
        var left = Hybrid.left([[.mlKEM768], [.ecp384]])
        left.timing.giveUp = .seconds(60)
        let pair = Pair(left, Hybrid.right([[.mlKEM768], [.ecp384]]), seed: seed)
        var dice = SplitMix64(state: seed)
        pair.delivers = { _ in dice.next() % 5 != 0 }
        pair.initiate(left)
        pair.run(.seconds(50))
        pair.delivers = { _ in true }
        pair.run(.seconds(30))
        pair.expectAgreement()
        #expect(pair.statusA?.suite?.additionalKeyExchanges == [.mlKEM768, .ecp384])
    }

    @Test func certificatesSignTheIntermediateExchangesToo() throws {
        var left = certificateA()
        left.ikeProposals = Hybrid.left().ikeProposals
        var right = certificateB()
        right.ikeProposals = Hybrid.right().ikeProposals
        let pair = establishedPair(left, right, seed: 11)
        pair.expectAgreement()
        #expect(pair.requests(.ikeIntermediate) > 0)
    }

    // MARK: What a peer cannot do

    /// S09: exchange types that nobody negotiated are dropped, before and after authentication.
    @Test(arguments: [UInt8(33), 38, 43, 44, 240]) func exchangesThatWereNotNegotiatedAreDropped(type: UInt8) throws {
        let pair = Pair(pskA(), pskB(), seed: 12)
        pair.initiate(pskA())
        pair.step()
        pair.step()
        // Both have keys; IKE_AUTH is on the wire.
        #expect(pair.wire.first?.header?.exchangeType == .ikeAuth)
        let sa = try #require(pair.a.endpoint.engine.sas.values.first)
        let forged = try #require(
            Forge.seal(sa, ExchangeType(rawValue: type), 1, first: .none, [], crypto: pair.a.crypto)
        )
        pair.b.receive(forged, pair.pathA.reversed, pair.now, pair.wall)
        #expect(pair.b.outbox.isEmpty)
        #expect(pair.b.endpoint.halfOpenCount == 1)
        pair.settle()
        pair.expectAgreement()
        guard type != 44 else { return }
        let late = try #require(
            Forge.seal(sa, ExchangeType(rawValue: type), 2, first: .none, [], crypto: pair.a.crypto)
        )
        pair.b.receive(late, pair.pathA.reversed, pair.now, pair.wall)
        #expect(pair.b.outbox.isEmpty)
        pair.expectAgreement()
    }

    /// Sends `payloads` where A's first IKE_INTERMEDIATE belongs, and returns the notifies of B's answer.
    private func intermediate(_ exchange: ExchangeType, _ payloads: [Payload]) throws -> (Pair, [NotifyType]) {
        let left = Hybrid.left()
        let pair = Pair(left, Hybrid.right(), seed: 13)
        pair.initiate(left)
        pair.step()
        pair.step()
        let genuine = try #require(pair.wire.first)
        #expect(genuine.header?.exchangeType == .ikeIntermediate)
        let sa = try #require(pair.a.endpoint.engine.sas.values.first)
        let chain = IKEMessage.serialiseChain(payloads)
        let forged = try #require(
            Forge.seal(sa, exchange, 1, first: chain.first, chain.bytes, crypto: pair.a.crypto)
        )
        pair.wire = []
        pair.inject(Packet(bytes: forged, path: genuine.path, sender: "A"))
        let answer = try #require(pair.wire.first)
        let opened = try #require(Forge.open(answer.bytes, keys: sa.receiveKeys, crypto: pair.a.crypto))
        return (pair, try IKEMessage.parseChain(first: opened.first, opened.plain).notifies.map(\.type))
    }

    /// S10: ADDKE left out, reordered, repeated, of a wrong size.
    @Test func aKeyExchangeThatWasAgreedCannotBeLeftOutOrChanged() throws {
        func value(_ method: KeyExchangeMethod, _ count: Int) -> Payload {
            .keyExchange(KeyExchangePayload(method: method, data: [UInt8](repeating: 1, count: count)))
        }
        let cases: [(ExchangeType, [Payload])] = [
            (.ikeAuth, []),
            (.ikeIntermediate, []),
            (.ikeIntermediate, [value(.x25519, 32)]),
            (.ikeIntermediate, [value(.mlKEM1024, 1568)]),
            (.ikeIntermediate, [value(.mlKEM768, 1183)]),
            (.ikeIntermediate, [value(.mlKEM768, 1088)]),
            (.ikeIntermediate, [value(.mlKEM768, 1184), value(.mlKEM768, 1184)]),
        ]
        for (exchange, payloads) in cases {
            let (pair, notifies) = try intermediate(exchange, payloads)
            #expect(notifies == [.invalidSyntax], "\(exchange) \(payloads.count)")
            #expect(pair.b.endpoint.statuses().isEmpty && pair.b.endpoint.halfOpenCount == 0)
            let causes = pair.b.reports.compactMap { report -> FailureReport? in
                if case .failed(_, let failure) = report { failure } else { nil }
            }
            #expect(causes.first?.stage == .intermediate)
        }
    }

    /// S10: the responder's ciphertext has a wrong size, or another method's.
    @Test(arguments: [(KeyExchangeMethod.mlKEM768, 1087), (.mlKEM768, 1184), (.x25519, 32), (.mlKEM768, 0)])
    func theInitiatorRefusesAWrongCiphertext(method: KeyExchangeMethod, count: Int) throws {
        let left = Hybrid.left()
        let pair = Pair(left, Hybrid.right(), seed: 14)
        pair.initiate(left)
        pair.step()
        pair.step()
        let request = pair.wire.removeFirst()
        pair.wire = []
        let sa = try #require(pair.b.endpoint.engine.sas.values.first)
        let payload = Payload.keyExchange(
            KeyExchangePayload(method: method, data: [UInt8](repeating: 1, count: count))
        )
        let chain = IKEMessage.serialiseChain([payload])
        let keys = try #require(sa.sendKeys)
        let header = IKEHeader(
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            exchangeType: .ikeIntermediate,
            flags: .response,
            messageID: 1
        )
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: chain.first,
            bodyLength: keys.sealedLength(plaintextCount: chain.bytes.count)
        )
        let body = try pair.b.crypto.seal(
            chain.bytes,
            associatedData: prefix,
            iv: [UInt8](repeating: 9, count: keys.ivLength),
            keys: keys
        )
        pair.inject(Packet(bytes: prefix + body, path: request.path.reversed, sender: "B"))
        pair.expectNothing(pair.a)
        #expect(!pair.trace.contains { $0.header?.exchangeType == .ikeAuth })
    }

    /// AUTH covers IKE_INTERMEDIATE: what differs there by one octet does not authenticate.
    @Test func intermediateMessagesAreCoveredByAuthentication() {
        var state = IntermediateState()
        #expect(state.authenticated.isEmpty)
        state.count = 2
        state.initiatorAuth = [1, 2]
        state.responderAuth = [3]
        #expect(state.authenticated == [1, 2, 3, 0, 0, 0, 3])
        let head = [UInt8](0..<16) + [53, 0x20, 43, 8, 0, 0, 0, 1, 0, 0, 9, 9] + [34, 0x80, 0, 77]
        let octets = IntermediateState.octets(head: head, first: .keyExchange, plain: [7, 8])
        #expect(octets == [UInt8](0..<16) + [46, 0x20, 43, 8, 0, 0, 0, 1, 0, 0, 0, 34, 34, 0x80, 0, 6, 7, 8])
        #expect(IntermediateState.octets(head: Array(head.prefix(29)), first: .keyExchange, plain: []) == nil)
    }
}
