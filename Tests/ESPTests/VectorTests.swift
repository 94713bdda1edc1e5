import ESP
import Foundation
import IPsecTypes
import Testing

private struct GCMFile: Decodable {
    struct Case: Decodable {
        var id: Int
        var key: String
        var salt: String
        var iv: String
        var spi: String
        var esn: Bool
        var sequence_number: String
        var plaintext_with_trailer: String
        var esp_packet: String
    }
    var tests: [Case]
}

private struct ChaChaFile: Decodable {
    struct Case: Decodable {
        var kind: String
        var key: String
        var salt: String
        var iv: String
        var spi: String?
        var seq: String?
        var plaintext_with_trailer: String?
        var esp_packet: String?
    }
    var tests: [Case]
}

private struct LinuxFile: Decodable {
    struct Case: Decodable {
        var title: String
        var encryption: String
        var integrity: String?
        var key: String
        var integrity_key: String?
        var spi: String
        var seq: String
        var esn_high: String?
        var esp_packet: String
        var plaintext_with_trailer: String
        var next_header: UInt8
    }
    var tests: [Case]
}

private struct CaptureFile: Decodable {
    struct SA: Decodable {
        var spi: String
        var key: String
    }
    struct Packet: Decodable {
        var kind: String
        var spi: String?
        var packet: String?
        var inner: String?
    }
    var esp_sas: [SA]
    var frames: [Packet]
}

private struct FuzzCase: Decodable {
    var name: String
    var b64: String
    var expect: String
}

private func number(_ text: String) -> UInt64 { UInt64(text, radix: 16) ?? 0 }

private struct Known {
    var suite: ESPSuite
    var keys: ESPKeys
    var spi: SPI
    var sequence: UInt64
    var iv: UInt64
    var plaintext: [UInt8]
    var packet: [UInt8]

    func checkOpen(_ comment: String) throws {
        var inbound = try InboundSA(
            spi: spi,
            suite: suite,
            keys: keys,
            replayWindow: 4096,
            highestSequence: sequence - 1
        )
        let frame = Frame(packet)
        let opened = try inbound.open(frame.window(Frame.headroom, packet.count))
        let padding = Int(plaintext[plaintext.count - 2])
        #expect(opened.sequence == sequence, "\(comment)")
        #expect(opened.nextHeader == plaintext.last, "\(comment)")
        #expect(opened.length == plaintext.count - 2 - padding, "\(comment)")
        let text = frame.read(Frame.headroom + opened.offset, plaintext.count)
        #expect(text == plaintext, "\(comment)")
    }

    /// Sealing must give the same bytes, where the vector pads as RFC 4303 §2.4 asks for.
    func checkSeal(_ comment: String) throws -> Bool {
        let padding = Int(plaintext[plaintext.count - 2])
        let length = plaintext.count - 2 - padding
        let trailer = Array(plaintext[length..<(length + padding)])
        guard padding < 4, plaintext.count % 4 == 0, trailer == (0..<padding).map({ UInt8($0 + 1) }) else {
            return false
        }
        var outbound = try OutboundSA(
            spi: spi,
            suite: suite,
            keys: keys,
            ivEpoch: UInt16(iv >> 48),
            firstSequence: sequence,
            firstIV: iv & IVCounter.limit
        )
        let frame = Frame(Array(plaintext.prefix(length)))
        let sealed = try outbound.seal(
            frame.bytes,
            at: Frame.headroom,
            length: length,
            nextHeader: plaintext[plaintext.count - 1]
        )
        let bytes = frame.read(sealed.offset, sealed.length)
        #expect(bytes == packet, "\(comment)")
        return true
    }
}

@Test func aesGCMPacketsOfMcGrewOpenAndSealToTheSameBytes() throws {
    let file = try JSONDecoder().decode(GCMFile.self, from: vectorFile("esp-aesgcm-mcgrew.json"))
    #expect(file.tests.count == 14)
    var sealed = 0
    for test in file.tests {
        let key = hex(test.key)
        let known = Known(
            suite: ESPSuite(encryption: .aesGCM16, keyBits: key.count * 8, extendedSequenceNumbers: test.esn),
            keys: ESPKeys(
                encryption: SecretBytes(key),
                salt: SecretBytes(hex(test.salt)),
                integrity: SecretBytes([UInt8]())
            ),
            spi: SPI(UInt32(number(test.spi))),
            sequence: number(test.sequence_number),
            iv: number(test.iv),
            plaintext: hex(test.plaintext_with_trailer),
            packet: hex(test.esp_packet)
        )
        try known.checkOpen("case \(test.id)")
        if try known.checkSeal("case \(test.id)") { sealed += 1 }
    }
    #expect(sealed >= 12)
}

@Test func chaCha20Poly1305PacketOfRFC7634OpensAndSealsToTheSameBytes() throws {
    let file = try JSONDecoder().decode(ChaChaFile.self, from: vectorFile("chacha20poly1305-rfc7634.json"))
    let test = try #require(file.tests.first { $0.kind == "ESP" })
    let known = Known(
        suite: ESPSuite(encryption: .chaCha20Poly1305, keyBits: 256, extendedSequenceNumbers: false),
        keys: ESPKeys(
            encryption: SecretBytes(hex(test.key)),
            salt: SecretBytes(hex(test.salt)),
            integrity: SecretBytes([UInt8]())
        ),
        spi: SPI(UInt32(number(test.spi ?? ""))),
        sequence: number(test.seq ?? ""),
        iv: number(test.iv),
        plaintext: hex(test.plaintext_with_trailer ?? ""),
        packet: hex(test.esp_packet ?? "")
    )
    try known.checkOpen("RFC 7634 appendix A")
    #expect(try known.checkSeal("RFC 7634 appendix A"))
}

@Test func packetsMadeByLinuxOpen() throws {
    let file = try JSONDecoder().decode(LinuxFile.self, from: vectorFile("esp-linux-reference.json"))
    var checked = 0
    for test in file.tests {
        let key = hex(test.key)
        let suite: ESPSuite
        let keys: ESPKeys
        if test.encryption == "AES-GCM" {
            suite = ESPSuite(
                encryption: .aesGCM16,
                keyBits: (key.count - 4) * 8,
                extendedSequenceNumbers: test.esn_high != nil
            )
            keys = ESPKeys(
                encryption: SecretBytes(key.dropLast(4)),
                salt: SecretBytes(key.suffix(4)),
                integrity: SecretBytes([UInt8]())
            )
        } else if test.encryption == "AES-CBC", test.integrity == "HMAC-SHA2-256-128" {
            suite = ESPSuite(
                encryption: .aesCBC,
                keyBits: key.count * 8,
                integrity: .hmacSHA256_128,
                extendedSequenceNumbers: test.esn_high != nil
            )
            keys = ESPKeys(
                encryption: SecretBytes(key),
                salt: SecretBytes([UInt8]()),
                integrity: SecretBytes(hex(test.integrity_key ?? ""))
            )
        } else {
            continue
        }
        let known = Known(
            suite: suite,
            keys: keys,
            spi: SPI(UInt32(number(test.spi))),
            sequence: number(test.esn_high ?? "0") << 32 | number(test.seq),
            iv: 0,
            plaintext: hex(test.plaintext_with_trailer),
            packet: hex(test.esp_packet)
        )
        try known.checkOpen(test.title)
        checked += 1
    }
    #expect(checked == 3)
}

@Test func capturedConversationOpensInOrderAndNotTwice() throws {
    let file = try JSONDecoder().decode(CaptureFile.self, from: vectorFile("ikev2-esp-gcm.json"))
    var opened = 0
    for sa in file.esp_sas {
        let key = hex(sa.key)
        let suite = ESPSuite(encryption: .aesGCM16, keyBits: 128, extendedSequenceNumbers: false)
        var inbound = try InboundSA(
            spi: SPI(UInt32(number(sa.spi))),
            suite: suite,
            keys: ESPKeys(
                encryption: SecretBytes(key.dropLast(4)),
                salt: SecretBytes(key.suffix(4)),
                integrity: SecretBytes([UInt8]())
            ),
            replayWindow: 64
        )
        for packet in file.frames where packet.kind == "ESP" && packet.spi == sa.spi {
            let bytes = hex(packet.packet ?? "")
            let frame = Frame(bytes)
            let result = try inbound.open(frame.window(Frame.headroom, bytes.count))
            let inner = frame.read(Frame.headroom + result.offset, result.length)
            #expect(inner == hex(packet.inner ?? ""))
            #expect(result.isNewest)
            let again = Frame(bytes)
            #expect(throws: OpenFault.replayed) { try inbound.open(again.window(Frame.headroom, bytes.count)) }
            opened += 1
        }
    }
    #expect(opened == 8)
}

@Test func changedPacketsMeetTheExpectedFate() throws {
    let capture = try JSONDecoder().decode(CaptureFile.self, from: vectorFile("ikev2-esp-gcm.json"))
    let sa = capture.esp_sas[0]
    let key = hex(sa.key)
    var fates: [String: String] = [:]
    for line in String(decoding: try vectorFile("esp-gcm.jsonl"), as: UTF8.self).split(separator: "\n") {
        let test = try JSONDecoder().decode(FuzzCase.self, from: Data(line.utf8))
        let bytes = [UInt8](try #require(Data(base64Encoded: test.b64)))
        var inbound = try InboundSA(
            spi: SPI(UInt32(number(sa.spi))),
            suite: ESPSuite(encryption: .aesGCM16, keyBits: 128, extendedSequenceNumbers: false),
            keys: ESPKeys(
                encryption: SecretBytes(key.dropLast(4)),
                salt: SecretBytes(key.suffix(4)),
                integrity: SecretBytes([UInt8]())
            ),
            replayWindow: 4096
        )
        fates[test.name] = fate(of: bytes, &inbound)
    }
    #expect(fates["valid"] == "accepted 84")
    #expect(fates["tfc-padded"] == "accepted 84")
    #expect(fates["bad-icv"] == "notAuthentic")
    #expect(fates["inner-ihl-0"] == "badHeader")
    #expect(fates["inner-ver-6-in-4"]?.hasPrefix("accepted") == false)
    #expect(fates["inner-src-multicast"] == "martian")
    for name in ["next-header-17", "next-header-60", "next-header-255"] { #expect(fates[name] == "not IP") }
    for name in ["trunc-8", "trunc-15", "trunc-16", "trunc-23"] { #expect(fates[name] == "malformed") }
    #expect(fates["trunc-33"] == "malformed" || fates["trunc-33"] == "notAuthentic")
}

private func fate(of bytes: [UInt8], _ inbound: inout InboundSA) -> String {
    let frame = Frame(bytes)
    do {
        let opened = try inbound.open(frame.window(Frame.headroom, bytes.count))
        guard opened.nextHeader == 4 || opened.nextHeader == 41 else { return "not IP" }
        let inner = frame.window(Frame.headroom + opened.offset, opened.length)
        let packet = try IPPacket.parse(inner)
        guard (packet.family == .v4) == (opened.nextHeader == 4) else { return "wrongVersion" }
        try packet.checkAddresses()
        return "accepted \(packet.totalLength)"
    } catch {
        return "\(error)"
    }
}
