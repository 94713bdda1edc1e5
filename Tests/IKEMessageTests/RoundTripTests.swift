import IKEMessage
import IPsecTypes
import Testing

@Test(arguments: SeededGenerator.makers.indices)
func everyPayloadSurvivesWritingAndParsing(maker: Int) throws {
    var generator = SeededGenerator(seed: UInt64(maker) + 1)
    for _ in 0..<150 {
        let payload = SeededGenerator.makers[maker](&generator)
        let (first, bytes) = IKEMessage.serialiseChain([payload])
        #expect(first == payload.type)
        #expect(try IKEMessage.parseChain(first: first, bytes) == [payload])
    }
}

@Test func chainsOfAnyPayloadsSurviveWritingAndParsing() throws {
    var generator = SeededGenerator(seed: 4718)
    for _ in 0..<200 {
        let payloads = generator.list(0...8) { $0.payload() }
        let (first, bytes) = IKEMessage.serialiseChain(payloads)
        #expect(try IKEMessage.parseChain(first: first, bytes) == payloads)
    }
}

@Test func messagesSurviveWritingAndParsing() throws {
    var generator = SeededGenerator(seed: 7296)
    for _ in 0..<200 {
        var payloads = generator.list(0...4) { $0.payload() }
        if generator.chance(2) { payloads.append(generator.sealed()) }
        let message = IKEMessage(header: generator.header(), payloads: payloads)
        let bytes = message.serialise()
        let parsed = try IKEMessage.parse(bytes)
        #expect(Int(parsed.header.length) == bytes.count)
        #expect(parsed.serialise() == bytes)
        #expect(IKEMessageProperties.violation(message: bytes) == nil)
    }
}

@Test func everyTruncationOfAChainIsRefusedOrShorter() throws {
    var generator = SeededGenerator(seed: 99)
    for maker in SeededGenerator.makers {
        let payload = maker(&generator)
        let (first, bytes) = IKEMessage.serialiseChain([payload])
        for length in 0..<bytes.count {
            #expect(throws: IKEMessageError.self) {
                try IKEMessage.parseChain(first: first, Array(bytes.prefix(length)))
            }
        }
    }
}

@Test func anEncryptedPayloadTellsWhereItsBodyStarts() throws {
    let header = IKEHeader(
        initiatorSPI: IKESPI(1),
        responderSPI: IKESPI(2),
        exchangeType: .ikeAuth,
        flags: .initiator,
        messageID: 1
    )
    let body = [UInt8](1...40)
    let plain = IKEMessage.encryptedPrefix(header: header, first: .identificationInitiator, bodyLength: body.count)
    let message = try IKEMessage.parse(plain + body)
    guard case .encrypted(let payload)? = message.payloads.last else { throw Missing() }
    #expect(payload.bodyOffset == plain.count)
    #expect(payload.body == body)
    #expect(payload.firstPayload == .identificationInitiator)
    #expect(
        IKEMessage(
            header: header,
            payloads: [.encrypted(EncryptedPayload(firstPayload: payload.firstPayload, body: body))]
        ).serialise() == plain + body
    )
}

@Test func aFragmentTellsWhereItsBodyStarts() throws {
    let header = IKEHeader(
        initiatorSPI: IKESPI(1),
        responderSPI: IKESPI(2),
        exchangeType: .ikeAuth,
        flags: .response,
        messageID: 1
    )
    let body = [UInt8](1...40)
    let plain = IKEMessage.encryptedPrefix(
        header: header,
        first: .none,
        fragment: (number: 2, total: 3),
        bodyLength: body.count
    )
    let message = try IKEMessage.parse(plain + body)
    guard case .encryptedFragment(let payload)? = message.payloads.last else { throw Missing() }
    #expect(payload.bodyOffset == plain.count)
    #expect(payload.body == body)
    #expect((payload.fragmentNumber, payload.totalFragments) == (2, 3))
}

struct Missing: Error {}
