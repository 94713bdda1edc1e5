import IKEMessage
import IPsecTypes
import Testing

private func parseError(_ bytes: [UInt8]) -> IKEMessageError? {
    do throws(IKEMessageError) {
        _ = try IKEMessage.parse(bytes)
        return nil
    } catch { return error }
}

@Test func capturedExchangesParseAndAreWrittenBack() throws {
    for line in try Vectors.cases("exchanges.jsonl") {
        let bytes = Vectors.bytes(hex: line.message ?? "")
        let message = try IKEMessage.parse(bytes)
        #expect(try IKEMessage.parse(message.serialise()) == message, "\(line.name)")
        // The peer of the other capture sets the critical bit of known payloads, which is not written back.
        if line.name.hasPrefix("ikev2-esp-gcm") { #expect(message.serialise() == bytes, "\(line.name)") }
        guard let inner = line.inner else { continue }
        let payloads = try IKEMessage.parseChain(
            first: PayloadType(rawValue: line.first ?? 0),
            Vectors.bytes(hex: inner)
        )
        #expect(IKEMessage.serialiseChain(payloads).bytes == Vectors.bytes(hex: inner), "\(line.name)")
    }
}

@Test func theCapturedIKEAUTHRequestIsReadInFull() throws {
    let line = try #require(try Vectors.cases("exchanges.jsonl").first { $0.name == "ikev2-esp-gcm/3" })
    // HDR, SK { IDi, CERT, [N+,] CERTREQ, AUTH, CP(CFG_REQUEST), SA, TSi, TSr, [V+,] [N+] } -->
    let payloads = try IKEMessage.parseChain(first: .identificationInitiator, Vectors.bytes(hex: line.inner ?? ""))
    guard case .identificationInitiator(let id)? = payloads.first else { throw Missing() }
    // This client sends a mail address without a domain, which is no identity to match anything with.
    #expect((id.type, id.data) == (.rfc822, Array("ikev2-cert".utf8)))
    #expect(throws: IdentityError.badStructure) { try Identity(id) }
    #expect(payloads.contains { if case .authentication(let auth) = $0 { !auth.data.isEmpty } else { false } })
    #expect(
        payloads.contains { if case .trafficSelectorsInitiator(let ts) = $0 { ts.selectors.count == 1 } else { false } }
    )
    let configuration = payloads.compactMap { if case .configuration(let payload) = $0 { payload } else { nil } }
    #expect(configuration.first?.type == .request)
    #expect(configuration.first?.attributes.contains(.internalIP4Address(nil)) == true)
}

@Test func generatedMessagesMeetTheExpectationOfTheirClass() throws {
    for line in try Vectors.cases("ike-sa-init.jsonl") {
        let bytes = line.bytes
        let error = parseError(bytes)
        #expect(IKEMessageProperties.violation(message: bytes) == nil, "\(line.name)")
        switch line.cls {
        case "bad-header-length", "truncated", "truncated-payload", "trailing":
            #expect(error != nil, "\(line.name)")
        case "exchange-type", "flags", "message-id", "reserved-bits", "critical-known", "unknown-noncritical-payload",
            "spi", "missing-payload", "duplicate-payload", "notify-type", "cookie", "ke-group":
            #expect(error == nil, "\(line.name)")
        case "unknown-critical-payload":
            guard case .unsupportedCriticalPayload = error else {
                Issue.record("\(line.name): \(String(describing: error))")
                continue
            }
        case "version":
            guard line.name.hasSuffix("21") || line.name.hasSuffix("2f") else {
                guard case .unsupportedVersion = error else {
                    Issue.record("\(line.name): \(String(describing: error))")
                    continue
                }
                continue
            }
            #expect(error == nil, "\(line.name)")
        case "flood": #expect(error == .tooManyPayloads, "\(line.name)")
        case "nonce-length":
            let length = Int(line.name.split(separator: "-").last ?? "") ?? 0
            #expect((error == nil) == (16...256).contains(length), "\(line.name)")
        default: continue
        }
    }
}

@Test func generatedSealedMessagesNeverTrap() throws {
    for line in try Vectors.cases("ike-encrypted.jsonl") {
        #expect(IKEMessageProperties.violation(message: line.bytes) == nil, "\(line.name)")
    }
}

@Test func impossibleFragmentNumbersAreRefused() throws {
    for line in try Vectors.cases("ike-encrypted.jsonl") where line.cls == "fragment-numbers" {
        let numbers = line.name.split(separator: "-").compactMap { Int($0) }.suffix(2)
        let (number, total) = (numbers.first ?? 0, numbers.last ?? 0)
        #expect((parseError(line.bytes) == nil) == (number >= 1 && number <= total && total <= 64), "\(line.name)")
    }
}

@Test func generatedDecryptedContentMeetsTheExpectationOfItsClass() throws {
    for line in try Vectors.cases("ike-inner.jsonl") {
        let first = PayloadType(rawValue: line.first_payload ?? 0)
        let parsed = try? IKEMessage.parseChain(first: first, line.bytes)
        #expect(IKEMessageProperties.violation(decrypted: [first.rawValue] + line.bytes) == nil, "\(line.name)")
        if line.cls == "valid" { #expect(parsed != nil, "\(line.name)") }
        if line.cls == "truncated", !line.bytes.isEmpty { #expect(parsed == nil, "\(line.name)") }
    }
}

@Test func capturesOfIKEv2ParseAndIKEv1IsRefusedByVersion() throws {
    var versions: [UInt8: Int] = [:]
    for file in try Vectors.files(ike: "pcap") {
        for bytes in PcapReader.ikeMessages(file.bytes) {
            guard let header = try? IKEHeader.parse(bytes.span) else { continue }
            versions[header.majorVersion, default: 0] += 1
            let error = parseError(bytes)
            #expect(IKEMessageProperties.violation(message: bytes) == nil, "\(file.name)")
            if header.majorVersion == 1 {
                #expect(error == .unsupportedVersion(major: 1), "\(file.name)")
                #expect(error?.notification == nil, "IKEv1 gets no answer")
            }
            if file.name == "tcpdump-ikev2four.pcap" || file.name == "zeekplugin-ikev2.pcap" {
                #expect(error == nil, "\(file.name): \(bytes.count) octets: \(String(describing: error))")
            }
        }
    }
    #expect(versions[1, default: 0] > 5)
    #expect(versions[2, default: 0] > 10)
}
