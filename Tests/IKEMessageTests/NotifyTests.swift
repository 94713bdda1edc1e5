import IKEMessage
import IPsecTypes
import Testing

private func decoded(_ type: NotifyType, _ data: [UInt8] = []) -> NotifyData { NotifyPayload(type, data: data).decoded }

private let hash20 = [UInt8](repeating: 9, count: 20)

@Test func theDataOfEveryNotificationIsRead() throws {
    let address4 = try #require(IPAddress("192.0.2.1"))
    let nonce = [UInt8](repeating: 1, count: 16)
    let expected: [(NotifyType, [UInt8], NotifyData)] = [
        (.unsupportedCriticalPayload, [200], .unsupportedCriticalPayload(PayloadType(rawValue: 200))),
        (.invalidMessageID, [0, 0, 1, 0], .invalidMessageID(256)), (.invalidSPI, [0, 0, 1, 0], .invalidSPI(SPI(256))),
        (.invalidKEPayload, [0, 31], .invalidKEPayload(.x25519)), (.setWindowSize, [0, 0, 0, 5], .windowSize(5)),
        (.ipcompSupported, [1, 2, 3], .ipcompSupported(cpi: 258, transform: 3)),
        (.natDetectionSourceIP, hash20, .natDetection(hash: hash20)),
        (.natDetectionDestinationIP, hash20, .natDetection(hash: hash20)), (.cookie, [1], .cookie([1])),
        (.cookie2, nonce, .cookie2(nonce)), (.additionalIP4Address, [192, 0, 2, 1], .additionalAddress(address4)),
        (.authLifetime, [0, 0, 14, 16], .authLifetime(seconds: 3600)),
        (.redirect, [1, 4, 192, 0, 2, 1] + nonce, .redirect(.address(address4), nonce: nonce)),
        (.redirect, [3, 3] + Array("a.b".utf8), .redirect(.fqdn("a.b"), nonce: [])),
        (.redirectedFrom, [1, 4, 192, 0, 2, 1], .redirectedFrom(.address(address4))),
        (.ticketLTOpaque, [0, 0, 0, 9, 1, 2], .ticket(lifetimeSeconds: 9, ticket: [1, 2])),
        (.ticketOpaque, [5], .opaque([5])),
        (
            .messageIDSync, [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
            .messageIDSync(nonce: 1, expectedSend: 2, expectedReceive: 3)
        ),
        (.replayCounterSync, [0, 0, 0, 7], .replayCounterSync(delta: 7, extended: false)),
        (.replayCounterSync, [0, 0, 0, 1, 0, 0, 0, 0], .replayCounterSync(delta: 1 << 32, extended: true)),
        (.signatureHashAlgorithms, [0, 2, 0, 3, 0, 5], .signatureHashAlgorithms([2, 3, 5])),
        (.securePasswordMethods, [0, 1], .securePasswordMethods([1])),
        (.puzzle, [0, 5, 20], .puzzle(.hmacSHA256, difficulty: 20)),
        (.ppkIdentity, [2, 65], .ppkIdentity(type: 2, id: [65])), (.noPPKAuth, [1], .opaque([1])),
        (.useAGGFRAG, [3], .aggfrag(flags: 3)), (.additionalKeyExchange, [1], .opaque([1])),
        (
            .supportedAuthMethods, [2, 2, 3, 1, 4, 5, 14, 0, 0x30, 0],
            .supportedAuthMethods([
                .init(method: .sharedKey), .init(method: .rsaSignature, certificateLink: 4),
                .init(method: .digitalSignature, algorithmIdentifier: [0x30, 0]),
            ])
        ),
        (.saResourceInfo, [], .opaque([])), (NotifyType(rawValue: 40_000), [1], .opaque([1])),
        (.initialContact, [], .empty), (.mobikeSupported, [], .empty), (.mobikeSupported, [1], .empty),
        (.noProposalChosen, [], .empty), (.usePPK, [], .empty), (.fragmentationSupported, [], .empty),
    ]
    for (type, data, value) in expected { #expect(decoded(type, data) == value, "\(type)") }
}

@Test func malformedNotificationDataIsToldApart() {
    let cases: [(NotifyType, [UInt8])] = [
        (.unsupportedCriticalPayload, []), (.unsupportedCriticalPayload, [1, 2]), (.invalidKEPayload, [1]),
        (.invalidKEPayload, [0, 1, 2]), (.setWindowSize, [0, 0, 0, 0]), (.setWindowSize, [1]), (.cookie, []),
        (.cookie, [UInt8](repeating: 0, count: 65)), (.cookie2, [1]), (.natDetectionSourceIP, [1]),
        (.natDetectionSourceIP, hash20 + [1]), (.additionalIP4Address, [1, 2, 3]),
        (.additionalIP6Address, [1, 2, 3, 4]), (.signatureHashAlgorithms, [0]), (.redirect, []),
        (.redirect, [1, 5, 1, 2, 3, 4, 5]), (.redirect, [1, 200, 1]), (.redirect, [4, 1, 1]),
        (.redirect, [3, 2, 0x2E, 0x2E]), (.redirect, [1, 4, 192, 0, 2, 1, 1]), (.redirectedFrom, [3, 1, 65]),
        (.supportedAuthMethods, [0]), (.supportedAuthMethods, [1, 14]), (.supportedAuthMethods, [9, 14]),
        (.replayCounterSync, [1, 2, 3, 4, 5]), (.ppkIdentity, [1]), (.authLifetime, []), (.puzzle, [0, 5]),
        (.signatureHashAlgorithms, [UInt8](repeating: 1, count: 130)),
    ]
    for (type, data) in cases {
        guard case .malformed = decoded(type, data) else {
            Issue.record("\(type) \(data)")
            continue
        }
    }
}

@Test func rekeyNamesAChildSAInItsSPIField() {
    let spi: [UInt8] = [0, 0, 1, 1]
    #expect(NotifyPayload(protocolID: .esp, spi: spi, type: .rekeySA).decoded == .childSA(.esp, SPI(257)))
    #expect(NotifyPayload(protocolID: .ah, spi: spi, type: .childSANotFound).decoded == .childSA(.ah, SPI(257)))
    #expect(NotifyPayload(protocolID: .ike, spi: spi, type: .rekeySA).decoded == .malformed(.badValue))
    #expect(NotifyPayload(protocolID: .esp, spi: [1], type: .rekeySA).decoded == .malformed(.badLength))
}

@Test func anSPILongerThanTheNotificationIsRefused() {
    #expect(chainError(.notify, [3, 200, 0x40, 9, 1, 2, 3]) == .invalidSyntax(.notify, .truncated))
    #expect(chainError(.notify, [0, 0, 0x40]) == .invalidSyntax(.notify, .truncated))
}

@Test func notificationsHaveNamesAndKnowErrorsFromStatus() {
    #expect(NotifyType.noProposalChosen.description == "NO_PROPOSAL_CHOSEN")
    #expect(NotifyType(rawValue: 50_000).description == "notify(50000)")
    #expect(NotifyType.childSANotFound.isError)
    #expect(!NotifyType.initialContact.isError)
    #expect(ExchangeType(rawValue: 240).description == "exchange(240)")
}
