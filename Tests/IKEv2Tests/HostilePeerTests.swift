import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// What an authenticated peer can do to us: messages that pass their integrity check and mean harm or nonsense.
@Suite struct HostilePeerTests {
    /// Seals any plaintext as A would.
    private func seal(_ pair: Pair, _ exchange: ExchangeType, first: PayloadType, _ plain: [UInt8]) -> Packet? {
        guard let sa = pair.a.endpoint.engine.sas.values.first, let keys = sa.sendKeys else { return nil }
        let header = IKEHeader(
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            exchangeType: exchange,
            flags: sa.isInitiator ? .initiator : [],
            messageID: sa.requests.nextID
        )
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: first,
            bodyLength: keys.sealedLength(plaintextCount: plain.count)
        )
        let iv: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, UInt8(truncatingIfNeeded: plain.count)]
        guard let body = try? pair.a.crypto.seal(plain, associatedData: prefix, iv: iv, keys: keys) else { return nil }
        return Packet(bytes: prefix + body, path: pair.pathA, sender: "A")
    }

    private func send(_ pair: Pair, _ exchange: ExchangeType, _ payloads: [Payload]) {
        let chain = IKEMessage.serialiseChain(payloads)
        if let packet = seal(pair, exchange, first: chain.first, chain.bytes) { pair.inject(packet) }
    }

    /// What B answered, opened with A's keys.
    private func answer(_ pair: Pair) -> [Payload]? {
        guard let packet = pair.wire.last, let sa = pair.a.endpoint.engine.sas.values.first, let keys = sa.receiveKeys,
            let header = packet.header,
            let envelope = try? ProtectedEnvelope.parse(header, packet.bytes.span),
            let plain = try? pair.a.crypto.open(message: packet.bytes, bodyOffset: envelope.bodyOffset, keys: keys)
        else { return nil }
        return try? IKEMessage.parseChain(first: envelope.first, plain)
    }

    @Test func anUnknownCriticalPayloadIsRefusedAndTheIKESAStays() {
        let pair = establishedPair()
        if let packet = seal(pair, .informational, first: PayloadType(rawValue: 200), [0, 0x80, 0, 4]) {
            pair.inject(packet)
        }
        #expect(answer(pair) == [.notify(NotifyPayload(.unsupportedCriticalPayload, data: [200]))])
        #expect(pair.statusB?.phase == .established)
    }

    @Test func anUnknownPayloadThatIsNotCriticalIsSkipped() {
        let pair = establishedPair()
        if let packet = seal(pair, .informational, first: PayloadType(rawValue: 200), [0, 0, 0, 4]) {
            pair.inject(packet)
        }
        #expect(answer(pair)?.isEmpty == true)
    }

    @Test func malformedContentIsInvalidSyntaxAndFatal() {
        let pair = establishedPair()
        if let packet = seal(pair, .informational, first: .notify, [0, 0, 0, 99, 1]) { pair.inject(packet) }
        #expect(answer(pair) == [.notify(NotifyPayload(.invalidSyntax))])
        pair.expectNothing(pair.b)
        #expect(closes(pair.b).count == 1)
    }

    /// A message of a kind that was parsed and not thought of skipped authorization elsewhere. Whoever has keys and no
    /// identity gets nothing, whatever exchange it calls what it says.
    @Test(arguments: 0...255 as ClosedRange<UInt8>) func cve_2026_30836_everyExchangeNeedsAuthentication(
        _ type: UInt8
    ) throws {
        let pair = Pair(pskA(), pskB())
        pair.delivers = { $0.header?.exchangeType != .ikeAuth }
        pair.initiate(pskA())
        pair.settle()
        let (a, b) = (pair.a.endpoint.engine, pair.b.endpoint.engine)
        let sa = try #require(a.sas.values.first)
        #expect(b.sas.values.first?.keys != nil)
        var content: [Payload] = [.nonce(NoncePayload(data: [UInt8](repeating: 3, count: 32)))]
        content += [
            .securityAssociation(
                SecurityAssociationPayload(
                    proposals: ProposalBuilder.esp(ESPProposal.offered, spi: SPI(0xC000_0001), withKeyExchange: false)
                )
            ),
            .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [networkA])),
            .trafficSelectorsResponder(TrafficSelectorPayload(selectors: [networkB])),
            .notify(.initialContact), .delete(.ikeSA),
        ]
        let chain = IKEMessage.serialiseChain(content)
        let exchange = ExchangeType(rawValue: type)
        for id in [UInt32(0), 1, 2] {
            let bytes = Forge.seal(sa, exchange, id, first: chain.first, chain.bytes, crypto: pair.a.crypto)
            pair.inject(Packet(bytes: try #require(bytes), path: pair.pathA, sender: "A"))
        }
        #expect(pair.b.installed.isEmpty && pair.b.authorizations.isEmpty)
        #expect(b.statistics.established == 0 && !b.sas.values.contains { $0.isEstablished })
    }

    @Test func aChildSAThatIsDeletedTwiceIsDeletedOnce() throws {
        let pair = establishedPair()
        let spi = try #require(pair.childA).inboundSPI
        let spis = [spi, spi, SPI(7777)]
        send(
            pair,
            .informational,
            [
                .delete(DeletePayload(protocolID: .esp, spis: spis)),
                .delete(DeletePayload(protocolID: .esp, spis: [SPI](repeating: SPI(9999), count: 16_000))),
            ]
        )
        let ours = try #require(pair.b.reports.compactMap { closedChild($0) }.first)
        #expect(answer(pair) == [.delete(DeletePayload(protocolID: .esp, spis: [ours]))])
        #expect(pair.b.installed.isEmpty)
    }

    private func closedChild(_ report: IKEReport) -> SPI? {
        if case .childClosed(_, let child, .deletedByPeer) = report { child.inboundSPI } else { nil }
    }

    @Test func aDeleteOfTheIKESAWithMoreBehindItIsProcessedOnce() throws {
        let pair = establishedPair()
        let spi = try #require(pair.childA).inboundSPI
        send(
            pair,
            .informational,
            [.delete(.ikeSA), .delete(DeletePayload(protocolID: .esp, spis: [spi])), .notify(.initialContact)]
        )
        #expect(answer(pair)?.isEmpty == true)
        pair.expectNothing(pair.b)
    }

    @Test func aRekeyingCannotWidenWhatWasGranted() throws {
        let pair = establishedPair()
        let old = try #require(pair.childA)
        var spi = WireWriter()
        spi.writeUInt32(old.inboundSPI.rawValue)
        let proposals = ProposalBuilder.esp(
            [ESPProposal(ciphers: [.aes256GCM])],
            spi: SPI(0x4444),
            withKeyExchange: true
        )
        send(
            pair,
            .createChildSA,
            [
                .notify(NotifyPayload(protocolID: .esp, spi: spi.bytes, type: .rekeySA)),
                .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
                .nonce(NoncePayload(data: [UInt8](repeating: 3, count: 32))),
                .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [.everything(.v4)])),
                .trafficSelectorsResponder(TrafficSelectorPayload(selectors: [.everything(.v4)])),
            ]
        )
        let fresh = try #require(pair.b.installed.values.first { $0.parameters.outboundSPI == SPI(0x4444) })
        #expect(fresh.parameters.localSelectors == [networkB])
        #expect(fresh.parameters.remoteSelectors == [networkA])
    }

    @Test func aRekeyingOfAnUnknownSAIsNotFound() {
        let pair = establishedPair()
        let proposals = ProposalBuilder.esp(ESPProposal.offered, spi: SPI(0x4444), withKeyExchange: false)
        let rekey = NotifyPayload(protocolID: .esp, spi: [1, 2, 3, 4], type: .rekeySA)
        send(
            pair,
            .createChildSA,
            [
                .notify(rekey), .securityAssociation(SecurityAssociationPayload(proposals: proposals)),
                .nonce(NoncePayload(data: [UInt8](repeating: 3, count: 32))),
                .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [networkA])),
                .trafficSelectorsResponder(TrafficSelectorPayload(selectors: [networkB])),
            ]
        )
        #expect(
            answer(pair) == [
                .notify(NotifyPayload(protocolID: .esp, spi: [1, 2, 3, 4], type: .childSANotFound))
            ]
        )
        pair.expectAgreement()
    }

    /// Mutated plaintext of real requests, sealed with the right keys: the node survives, and answers or drops.
    @Test(arguments: 0..<8) func mutatedContentNeverHarmsTheNode(part: Int) throws {
        var random = SplitMix64(state: UInt64(part) &+ 11)
        let exchanges: [ExchangeType] = [.createChildSA, .informational, .ikeAuth]
        for round in 0..<60 {
            let pair = establishedPair(seed: UInt64(part * 100 + round) + 1)
            let spi = try #require(pair.childA).inboundSPI
            var rekey = WireWriter()
            rekey.writeUInt32(spi.rawValue)
            let ike = ProposalBuilder.ike(IKEProposal.offered, spi: IKESPI(0x1234_5678))
            let esp = ProposalBuilder.esp(ESPProposal.offered, spi: SPI(0x4444), withKeyExchange: true)
            let base: [Payload] = [
                .notify(NotifyPayload(protocolID: .esp, spi: rekey.bytes, type: .rekeySA)),
                .securityAssociation(SecurityAssociationPayload(proposals: round % 3 == 0 ? ike : esp)),
                .nonce(NoncePayload(data: [UInt8](repeating: 3, count: 32))),
                .keyExchange(KeyExchangePayload(method: .x25519, data: [UInt8](repeating: 5, count: 32))),
                .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [networkA])),
                .trafficSelectorsResponder(TrafficSelectorPayload(selectors: [networkB])),
                .delete(DeletePayload(protocolID: .esp, spis: [spi])),
                .notify(.initialContact),
            ]
            let chosen = base.filter { _ in random.next() % 4 != 0 }
            let chain = IKEMessage.serialiseChain(chosen)
            var bytes = chain.bytes
            for _ in 0..<(random.next() % 5) where !bytes.isEmpty {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            let exchange = exchanges[Int(random.next() % 3)]
            guard let packet = seal(pair, exchange, first: chain.first, bytes) else { continue }
            pair.inject(packet)
            pair.wire = []
            pair.run(.seconds(3))
            #expect(pair.b.endpoint.statuses().count <= 1)
            #expect(pair.b.keys.isEmpty)
        }
    }
}
