import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Limits on what strangers and authenticated peers can make an endpoint hold, send or forget.
@Suite struct AbuseTests {
    private func engine(_ node: Node) -> Engine { node.endpoint.engine }

    /// A request of A's that A knows nothing of; returns the notifies of the answer.
    private func send(
        _ pair: Pair,
        _ exchange: ExchangeType,
        _ messageID: UInt32,
        _ payloads: [Payload]
    ) -> [NotifyType]? {
        guard let sa = engine(pair.a).sas.values.first else { return nil }
        let chain = IKEMessage.serialiseChain(payloads)
        guard let bytes = Forge.seal(sa, exchange, messageID, first: chain.first, chain.bytes, crypto: pair.a.crypto)
        else { return nil }
        pair.wire = []
        pair.inject(Packet(bytes: bytes, path: pair.pathA, sender: "A"))
        guard let answer = pair.wire.last?.bytes,
            let (first, plain) = Forge.open(answer, keys: sa.receiveKeys, crypto: pair.a.crypto),
            let content = try? IKEMessage.parseChain(first: first, plain)
        else { return nil }
        return content.notifies.map(\.type)
    }

    /// CREATE_CHILD_SA without a key exchange; `outbound` is what B will send with.
    private func childRequest(_ outbound: SPI, replacing old: SPI? = nil) -> [Payload] {
        let proposals = ProposalBuilder.esp([ESPProposal(ciphers: [.aes256GCM])], spi: outbound, withKeyExchange: true)
        var payloads: [Payload] = []
        if let old {
            var spi = WireWriter()
            spi.writeUInt32(old.rawValue)
            payloads.append(.notify(NotifyPayload(protocolID: .esp, spi: spi.bytes, type: .rekeySA)))
        }
        return payloads + [
            .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
            .nonce(NoncePayload(data: [UInt8](repeating: 3, count: 32))),
            .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [networkA])),
            .trafficSelectorsResponder(TrafficSelectorPayload(selectors: [networkB])),
        ]
    }

    // MARK: Strangers

    @Test func whatIsHeldForAStrangerIsBoundedAndTheHonestMessageGetsThrough() throws {
        let pair = Pair(pskA(), pskB())
        pair.b.holdsOperations = true
        pair.initiate(pskA())
        pair.step()
        pair.b.releaseOne(pair.now, pair.wall)
        let sa = try #require(engine(pair.b).sas.values.first)
        let header = IKEHeader(
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            nextPayload: .encrypted,
            exchangeType: .ikeAuth,
            flags: .initiator,
            messageID: 1,
            length: 6_000
        )
        var writer = WireWriter()
        header.write(into: &writer)
        writer.writeZeros(6_000 - writer.bytes.count)
        for _ in 0..<200 { pair.inject(Packet(bytes: writer.bytes, path: pair.pathA, sender: "A")) }
        #expect(sa.held.reduce(0) { $0 + $1.bytes.count } <= 16_384)
        pair.settle()
        pair.b.holdsOperations = false
        while !pair.b.heldEvents.isEmpty { pair.b.releaseOne(pair.now, pair.wall) }
        pair.run(.seconds(2))
        pair.expectAgreement()
    }

    @Test func aVeryLongFirstRequestIsNotKept() throws {
        let pair = Pair(pskA(), pskB())
        pair.initiate(pskA())
        pair.collect()
        let packet = try #require(pair.wire.first)
        var message = try IKEMessage.parse(packet.bytes.span)
        message.payloads.append(.vendorID(VendorIDPayload(data: [UInt8](repeating: 1, count: 20_000))))
        pair.wire = []
        pair.inject(Packet(bytes: message.serialise(), path: packet.path, sender: "A"))
        #expect(pair.wire.isEmpty)
        pair.expectNothing(pair.b)
    }

    @Test func refusedPeersAreBoundedAndForgotten() {
        let pair = Pair(pskA(), pskB())
        engine(pair.b).configuration.limits.halfOpenLimit = 3
        pair.b.preSharedKeys["psk"] = SecretBytes(Array("quite another secret, also long".utf8))
        for _ in 0..<6 {
            pair.initiate(pskA())
            pair.settle()
        }
        #expect(engine(pair.b).sas.count == 3)
        #expect(engine(pair.b).sas.values.allSatisfy { $0.remoteIdentity == nil && $0.keys == nil })
        pair.run(.seconds(11))
        #expect(engine(pair.b).sas.isEmpty && engine(pair.b).refusedCount == 0)
        pair.expectNothing(pair.b)
    }

    @Test func anAnswerInClearIsNeverLongerThanWhatItAnswers() {
        let pair = Pair(pskA(), pskB())
        for major in [UInt8(2), 3] {
            var header = IKEHeader(
                initiatorSPI: IKESPI(1),
                responderSPI: IKESPI(2),
                exchangeType: .informational,
                flags: .initiator,
                messageID: 0
            )
            header.length = UInt32(IKEHeader.byteCount)
            var bare = WireWriter()
            header.write(into: &bare)
            var bytes = bare.bytes
            bytes[17] = major << 4
            pair.inject(Packet(bytes: bytes, path: pair.pathA, sender: "A"))
            #expect(pair.wire.isEmpty)
            bytes[27] = 64
            bytes += [UInt8](repeating: 0, count: 36)
            pair.inject(Packet(bytes: bytes, path: pair.pathA, sender: "A"))
            #expect(pair.wire.count == 1 && (pair.wire.first?.bytes.count ?? 99) <= 64)
            pair.wire = []
        }
    }

    @Test func aRecordedRequestDrawsNoLongAnswerToAnotherAddress() throws {
        var right = certificateB()
        right.localAuthentication = .certificate(
            chain: [certificate(nameB), [UInt8](repeating: 9, count: 3_000)],
            key: KeyID(nameB.description)
        )
        let pair = establishedPair(certificateA(), right)
        let request = try #require(pair.trace.first { $0.summary == "A IKE_AUTH 1" })
        #expect(pair.trace.count { $0.summary == "B IKE_AUTH 1 response" } >= 3)
        var forged = request
        forged.path.local = Endpoint(.v4(0xCB00_7107), port: 500)
        pair.inject(forged)
        #expect(pair.wire.isEmpty)
        pair.inject(request)
        #expect(pair.wire.count >= 3, "the peer itself is answered again")
        pair.wire = []
        let id = try #require(pair.statusA).id
        pair.command(pair.a, .probe(id))
        var probe = try #require(pair.wire.first)
        pair.settle()
        probe.path.local = Endpoint(.v4(0xCB00_7107), port: 500)
        pair.inject(probe)
        #expect(pair.wire.map(\.bytes.count) == [probe.bytes.count], "as short as the request")
    }

    // MARK: Authenticated peers

    @Test func aPeerThatRekeysWithoutDeletingIsPutOff() throws {
        let pair = establishedPair()
        engine(pair.b).configuration.limits.children = 4
        var old = try #require(pair.childA).inboundSPI
        var answers: [[NotifyType]] = []
        for number in 0..<20 {
            let next = SPI(0x5000 + UInt32(number))
            let answer = try #require(
                send(pair, .createChildSA, 2 + UInt32(number), childRequest(next, replacing: old))
            )
            answers.append(answer)
            if answer.isEmpty { old = next }
        }
        #expect(answers.count { $0.isEmpty } == 7)
        #expect(answers.last == [.temporaryFailure])
        #expect(pair.b.installed.count == 8)
    }

    @Test func requestsForChildrenHaveARate() throws {
        let pair = establishedPair()
        engine(pair.b).configuration.limits.childRequestBurst = 5
        var accepted = 0
        for number in 0..<12 {
            let answer = try #require(
                send(pair, .createChildSA, 2 + UInt32(number), childRequest(SPI(0x5000 + UInt32(number))))
            )
            if answer.isEmpty { accepted += 1 } else { #expect(answer == [.temporaryFailure]) }
        }
        #expect(accepted == 5)
        pair.advance(to: pair.now + .seconds(1))
        #expect(send(pair, .createChildSA, 14, childRequest(SPI(0x6000))) == [])
    }

    @Test func anIKESAIsNotRekeyedAgainBeforeItsPredecessorIsGone() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA).id
        pair.delivers = { !($0.sender == "A" && $0.header?.exchangeType == .informational) }
        for _ in 0..<4 {
            pair.command(pair.a, .rekeyIKE(id))
            pair.settle()
        }
        #expect(engine(pair.b).sas.count == 2)
        #expect(pair.statusB?.rekeyings == 1)
        pair.delivers = { _ in true }
        pair.run(.seconds(30))
        pair.expectAgreement()
        #expect(pair.statusB?.rekeyings == 2)
    }

    @Test func anIdentityThatMayHaveSeveralIKESAsHasNotTooMany() {
        var right = pskB()
        right.replacesOlder = false
        let pair = establishedPair(pskA(), right)
        engine(pair.b).configuration.limits.ikeSAsPerIdentity = 3
        for _ in 0..<5 {
            pair.initiate(pskA())
            pair.settle()
        }
        #expect(pair.b.endpoint.statuses().count == 3)
        #expect(pair.b.installed.count == 3)
        #expect(engine(pair.b).byIdentity[nameA]?.count == 3)
    }

    @Test func whoIsGrantedNothingTakesNothingAway() {
        let pair = establishedPair()
        pair.b.authorizer = { _ in .deny(reason: "the pool is empty", .addressFailure) }
        pair.initiate(pskA())
        pair.settle()
        #expect(pair.b.endpoint.statuses().count == 2)
        #expect(pair.b.installed.count == 1)
    }

    @Test func initialContactLeavesWhatAnotherConnectionAuthenticated() throws {
        var other = certificateB()
        other.name = "by certificate"
        let pair = establishedPair()
        engine(pair.b).configuration.connections.append(other)
        pair.command(pair.a, .forget(try #require(pair.statusA).id))
        pair.initiate(certificateA())
        pair.settle()
        #expect(pair.b.endpoint.statuses().map(\.connection) == ["ba", "by certificate"])
        #expect(pair.b.installed.count == 2)
    }

    @Test func theLastMessageIDIsNotUsed() throws {
        let pair = establishedPair()
        let sa = try #require(engine(pair.b).sas.values.first)
        sa.responses.expected = .max
        #expect(send(pair, .informational, .max, []) == nil)
        #expect(sa.responses.expected == .max)
    }

    // MARK: Authentication

    @Test func aPeerThatClaimsOurIdentityIsRefused() {
        var left = pskA()
        left.localIdentity = nameB
        var right = pskB()
        right.remoteIdentity = .oneOf([nameA, nameB])
        var pair = Pair(left, right)
        pair.initiate(left)
        pair.settle()
        #expect(pair.trace.last?.summary == "B IKE_AUTH 1 response")
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        left = pskA()
        left.remoteIdentity = .oneOf([nameA, nameB])
        right = pskB()
        right.localIdentity = nameA
        right.remoteIdentity = .oneOf([nameA])
        pair = Pair(left, right)
        pair.initiate(left)
        pair.settle()
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func aReloadDuringVerificationKeepsThePeerOut() {
        let pair = Pair(certificateA(), certificateB())
        pair.b.holdsOperations = true
        pair.initiate(certificateA())
        while true {
            pair.settle()
            if case .peerVerified? = pair.b.heldEvents.first { break }
            guard !pair.b.heldEvents.isEmpty else { break }
            pair.b.releaseOne(pair.now, pair.wall)
        }
        var changed = certificateB()
        changed.remoteAuthentication = .certificate(authorityKeyHashes: [[UInt8](repeating: 8, count: 20)])
        pair.command(pair.b, .reload(IKEConfiguration(connections: [changed])))
        pair.b.holdsOperations = false
        while !pair.b.heldEvents.isEmpty { pair.b.releaseOne(pair.now, pair.wall) }
        pair.settle()
        #expect(pair.trace.last?.summary == "B IKE_AUTH 1 response")
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }
}
