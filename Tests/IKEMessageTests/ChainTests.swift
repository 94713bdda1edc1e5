import IKEMessage
import IPsecTypes
import Testing

let exampleHeader = IKEHeader(
    initiatorSPI: IKESPI(0x0102_0304_0506_0708),
    responderSPI: .zero,
    exchangeType: .ikeSAInit,
    flags: .initiator,
    messageID: 0
)

func message(_ payloads: [Payload]) -> [UInt8] { IKEMessage(header: exampleHeader, payloads: payloads).serialise() }

func error(_ bytes: [UInt8]) -> IKEMessageError? {
    do throws(IKEMessageError) {
        _ = try IKEMessage.parse(bytes)
        return nil
    } catch { return error }
}

/// The error of a chain of one payload with the given body.
func chainError(_ type: PayloadType, _ body: [UInt8]) -> IKEMessageError? {
    let length = body.count + 4
    do throws(IKEMessageError) {
        _ = try IKEMessage.parseChain(first: type, [0, 0, UInt8(length >> 8), UInt8(length & 255)] + body)
        return nil
    } catch { return error }
}

/// The one payload with the given body.
func parsed(_ type: PayloadType, _ body: [UInt8]) throws -> Payload {
    let length = body.count + 4
    let payloads = try IKEMessage.parseChain(first: type, [0, 0, UInt8(length >> 8), UInt8(length & 255)] + body)
    return try #require(payloads.first)
}

private let nonce = Payload.nonce(NoncePayload(data: [UInt8](repeating: 7, count: 32)))

@Test(arguments: [0, 1, 4, 27]) func runtsHaveNoHeader(length: Int) {
    #expect(error([UInt8](repeating: 0xFF, count: length)) == .header(.truncated))
}

@Test func theHeaderIsWrittenAsTheRFCDraws() {
    let header = IKEHeader(
        initiatorSPI: IKESPI(0x0102_0304_0506_0708),
        responderSPI: IKESPI(0x1112_1314_1516_1718),
        exchangeType: .createChildSA,
        flags: [.initiator, .response],
        messageID: 0x2122_2324
    )
    let expected: [UInt8] = [
        1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0, 0x20, 36, 0x28, 0x21, 0x22, 0x23,
        0x24, 0, 0, 0, 28,
    ]
    #expect(IKEMessage(header: header, payloads: []).serialise() == expected)
}

@Test(arguments: [0, 27, 63, 65, 0xFFFF_FFFF] as [UInt32])
func aHeaderLengthThatIsNotTheDatagramsIsRefused(length: UInt32) {
    var bytes = message([nonce])
    #expect(bytes.count == 64)
    for index in 0..<4 { bytes[24 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * (3 - index))) }
    #expect(error(bytes) == .lengthMismatch(declared: length, actual: 64))
    #expect(error(bytes)?.notification == nil)
}

@Test func foreignMajorVersionsAreRefusedAndMinorOnesAccepted() {
    var bytes = message([nonce])
    bytes[17] = 0x10
    #expect(error(bytes) == .unsupportedVersion(major: 1))
    #expect(error(bytes)?.notification == nil)
    bytes[17] = 0x30
    #expect(error(bytes) == .unsupportedVersion(major: 3))
    #expect(error(bytes)?.notification?.type == .invalidMajorVersion)
    bytes[17] = 0x2F
    #expect(error(bytes) == nil)
}

@Test func reservedBitsAreIgnoredOnReceiptAndZeroOnSending() throws {
    let payloads: [Payload] = [
        .keyExchange(KeyExchangePayload(method: .x25519, data: [1])),
        .identificationInitiator(IdentificationPayload(type: .fqdn, data: Array("a.example".utf8))),
        .authentication(AuthenticationPayload(method: .sharedKey, data: [1])),
        .securityAssociation(
            SecurityAssociationPayload(proposals: [
                Proposal(number: 1, protocolID: .ike, transforms: [.encryption(.aesGCM16, keyBits: 256)])
            ])
        ),
        .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [.everything(.v4)])),
        .configuration(ConfigurationPayload(type: .request, attributes: [.internalIP4Address(nil)])),
    ]
    let clean = message(payloads)
    var noisy = clean
    noisy[19] |= 0xC7  // flags
    var offset = 28
    for payload in payloads {
        let length = Int(noisy[offset + 2]) << 8 | Int(noisy[offset + 3])
        noisy[offset + 1] = 0xFF  // critical bit and RESERVED of a known payload
        switch payload {
        case .keyExchange: for index in 6..<8 { noisy[offset + index] = 0xFF }
        case .identificationInitiator, .authentication, .trafficSelectorsInitiator:
            for index in 5..<8 { noisy[offset + index] = 0xFF }
        case .securityAssociation: for index in [5, 13, 17] { noisy[offset + index] = 0xFF }
        default:
            for index in 5..<8 { noisy[offset + index] = 0xFF }
            noisy[offset + 8] |= 0x80  // the R bit of an attribute
        }
        offset += length
    }
    let parsed = try IKEMessage.parse(noisy)
    #expect(parsed.payloads == payloads)
    #expect(parsed.serialise() == clean)
    guard case .identificationInitiator(let id) = parsed.payloads[1] else { throw Missing() }
    #expect(Array(id.restOfPayload.prefix(4)) == [2, 0xFF, 0xFF, 0xFF], "AUTH covers the octets as received")
}

@Test func anUnknownPayloadIsKeptAndACriticalOneNamed() throws {
    let unknown = Payload.unknown(UnknownPayload(type: PayloadType(rawValue: 200), body: [1, 2, 3]))
    #expect(try IKEMessage.parse(message([unknown, nonce])).payloads == [unknown, nonce])
    let critical = Payload.unknown(UnknownPayload(type: PayloadType(rawValue: 201), critical: true, body: []))
    #expect(error(message([nonce, critical])) == .unsupportedCriticalPayload(201))
    #expect(error(message([nonce, critical]))?.notification?.data == [201])
    #expect(
        error(message([.unknown(UnknownPayload(type: .securePassword, critical: true, body: []))]))
            == .unsupportedCriticalPayload(49)
    )
}

@Test func aPayloadLengthBelowFourOrBeyondTheEndIsRefused() {
    for length in [0, 1, 3, 37, 0xFFFF] as [UInt16] {
        var bytes = message([nonce])
        bytes[30] = UInt8(length >> 8)
        bytes[31] = UInt8(length & 255)
        guard case .invalidSyntax(.nonce, _) = error(bytes) else {
            Issue.record("length \(length)")
            continue
        }
        #expect(error(bytes)?.notification?.type == .invalidSyntax)
    }
}

@Test func octetsAfterTheLastPayloadAreRefused() {
    var bytes = message([nonce]) + [0]
    bytes[27] += 1
    #expect(error(bytes) == .invalidSyntax(.none, .trailingBytes))
}

@Test func moreThan64PayloadsAreRefused() {
    let payload = Payload.vendorID(VendorIDPayload(data: [1]))
    #expect(error(message(Array(repeating: payload, count: 64))) == nil)
    #expect(error(message(Array(repeating: payload, count: 65))) == .tooManyPayloads)
}

@Test func aMessageLongerThan64KiBIsRefused() {
    #expect(error([UInt8](repeating: 0, count: 65_537)) == .messageTooLong(65_537))
}

@Test func nothingFollowsAnEncryptedPayloadAndNoneIsInsideAnother() {
    let sealed = Payload.encrypted(EncryptedPayload(firstPayload: .nonce, body: [UInt8](repeating: 0, count: 32)))
    #expect(error(message([nonce, sealed])) == nil)
    var bytes = message([sealed]) + [0, 0, 0, 4]
    bytes[27] += 4
    #expect(error(bytes) == .invalidSyntax(.encrypted, .trailingBytes))
    let (first, chain) = IKEMessage.serialiseChain([sealed])
    #expect(throws: IKEMessageError.invalidSyntax(.encrypted, .badValue)) {
        try IKEMessage.parseChain(first: first, chain)
    }
}

@Test func anEmptyChainHasNoPayloads() throws {
    #expect(try IKEMessage.parseChain(first: .none, []) == [])
    #expect(IKEMessage.serialiseChain([]).first == .none)
}

@Test func aMessageDescribesItselfInTheNotationOfTheRFC() {
    let payloads: [Payload] = [
        nonce, .notify(NotifyPayload(.cookie, data: [1])), .delete(.ikeSA),
        .configuration(ConfigurationPayload(type: .reply, attributes: [])),
    ]
    #expect(
        IKEMessage(header: exampleHeader, payloads: payloads).description
            == "IKE_SA_INIT request 0 { Nonce, N(COOKIE), D(IKE), CP(CFG_REPLY) }"
    )
}

@Test(arguments: [0, 1, 15, 16, 256, 257, 1000])
func noncesHave16To256Octets(length: Int) {
    let fault = chainError(.nonce, [UInt8](repeating: 1, count: length))
    #expect(fault == ((16...256).contains(length) ? nil : .invalidSyntax(.nonce, .badLength)))
}

@Test func aKeyExchangeWithoutDataIsRefused() {
    #expect(chainError(.keyExchange, [0, 31, 0, 0]) == .invalidSyntax(.keyExchange, .badLength))
    #expect(chainError(.keyExchange, [0, 31, 0]) == .invalidSyntax(.keyExchange, .truncated))
}

@Test func deletionsAreReadInOrderAndTheirCountMustFit() throws {
    #expect(
        try parsed(.delete, [3, 4, 0, 2, 0, 0, 1, 0, 0, 0, 1, 0])
            == .delete(DeletePayload(protocolID: .esp, spis: [SPI(256), SPI(256)]))
    )
    #expect(try parsed(.delete, [1, 0, 0, 0]) == .delete(.ikeSA))
    for body in [[3, 4, 0, 2, 0, 0, 1, 0], [3, 4, 0, 0, 1], [3, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], [1, 8, 0, 1]]
        as [[UInt8]]
    {
        #expect(chainError(.delete, body) == .invalidSyntax(.delete, .badLength))
    }
    // W18: 16k SPIs in one payload are read, not multiplied.
    let many: [UInt8] = [3, 4, 0x3E, 0x80] + [UInt8](repeating: 9, count: 64_000)
    guard case .delete(let payload) = try parsed(.delete, many) else { throw Missing() }
    #expect(payload.spis.count == 16_000)
}

@Test func anEAPLengthMustBeThatOfThePayload() throws {
    #expect(try parsed(.eap, [3, 7, 0, 4]) == .eap(EAPPayload(code: 3, identifier: 7, content: [])))
    for body in [[1, 1, 0, 4], [1, 1, 0, 6, 1], [1, 1, 0, 4, 1], [1, 1, 0], [1, 1, 0xFF, 0xFF, 1]] as [[UInt8]] {
        #expect(chainError(.eap, body) != nil)
    }
    #expect(EAPPayload(packet: [2, 5, 0, 6, 1, 65])?.type == 1)
    #expect(EAPPayload(packet: [2, 5, 0, 6, 1, 65, 0]) == nil)
}

@Test func certificateRequestsAreHintsWithWholeHashes() throws {
    let hash = [UInt8](repeating: 5, count: 20)
    #expect(CertificateRequestPayload(encoding: .x509Signature, authorities: hash + hash).hashes() == [hash, hash])
    #expect(CertificateRequestPayload(encoding: .x509Signature, authorities: hash + [1]).hashes() == nil)
    #expect(CertificateRequestPayload(encoding: .pkcs7, authorities: hash).hashes() == nil)
    let huge = CertificateRequestPayload(encoding: .x509Signature, authorities: [UInt8](repeating: 1, count: 60_000))
    #expect(huge.hashes()?.count == 64)
}
