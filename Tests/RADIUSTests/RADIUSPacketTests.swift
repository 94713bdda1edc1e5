import IPsecTypes
import LegacyDigests
import Testing

@testable import RADIUS

/// The examples of RFC 2865 §7, whose secret is "xyzzy5461".
@Suite("RADIUS packets, RFC 2865 §7")
struct RADIUSPacketTests {
    static let secret = SecretBytes(Array("xyzzy5461".utf8))

    static let nemoRequest = """
        01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d 93 d4 13 ce
        31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03
        """
    static let nemoAccept = """
        02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00
        0e 06 c0 a8 01 03
        """
    static let flopsyRequest = """
        01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 16 e9
        75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14 06 06 00 00 00
        02 07 06 00 00 00 01
        """
    static let flopsyAccept = """
        02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 00 01
        08 06 ff ff ff fe 0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc
        """
    static let mopsyRequest = """
        01 02 00 39 f3 a4 7a 1f 6a 6d 76 71 0b 94 7a b9 30 41 a0 39 01 07 6d 6f 70 73 79 02 12 33 65 75
        73 77 82 89 b5 70 88 5e 15 08 48 25 c5 04 06 c0 a8 01 10 05 06 00 00 00 07
        """
    static let mopsyChallenge = """
        0b 02 00 4e 36 f3 c8 76 4a e8 c7 11 57 40 3c 0c 71 ff 9c 45 12 30 43 68 61 6c 6c 65 6e 67 65 20
        33 32 37 36 39 34 33 30 2e 20 20 45 6e 74 65 72 20 72 65 73 70 6f 6e 73 65 20 61 74 20 70 72 6f
        6d 70 74 2e 18 0a 33 32 37 36 39 34 33 30
        """
    static let mopsySecond = """
        01 03 00 43 b1 22 55 6d 42 8a 13 d0 d6 25 38 07 c4 57 ec f0 01 07 6d 6f 70 73 79 02 12 69 2c 1f
        20 5f c0 81 b9 19 b9 51 95 f5 61 a5 81 04 06 c0 a8 01 10 05 06 00 00 00 07 18 10 33 32 37 36 39
        34 33 30
        """
    static let mopsyReject = "03 03 00 14 a4 2f 4f ca 45 91 6c 4e 09 c8 34 0f 9e 74 6a a0"

    static func octets(_ text: String) -> [UInt8] {
        Hex.decode(Array(text.utf8.filter { $0 > 32 })) ?? []
    }

    @Test(
        "What is read is written the same",
        arguments: [nemoRequest, nemoAccept, flopsyRequest, flopsyAccept, mopsyRequest, mopsyChallenge, mopsyReject]
    )
    func roundTrip(_ text: String) throws {
        let bytes = Self.octets(text)
        #expect(try RADIUSPacket(parsing: bytes).encoded == bytes)
    }

    @Test("The last example's Length is one short of its State: the packet is truncated inside it")
    func erratum() {
        // RFC 2865 §7.3 prints Length 67 (0x43) and State of length 16 for 10 octets: an erratum of the RFC.
        #expect(throws: ParseError.self) { try RADIUSPacket(parsing: Self.octets(Self.mopsySecond)) }
    }

    @Test(
        "Passwords are hidden as in the examples",
        arguments: [
            (nemoRequest, "arctangent"), (mopsyRequest, "challenge"),
        ]
    )
    func password(_ text: String, _ password: String) throws {
        let packet = try RADIUSPacket(parsing: Self.octets(text))
        let hidden = HiddenValues.hide(
            password: SecretBytes(Array(password.utf8)),
            secret: Self.secret,
            authenticator: packet.authenticator
        )
        #expect(hidden == packet.attributes.first(.userPassword))
    }

    @Test(
        "Response Authenticators are those of the examples",
        arguments: [
            (nemoRequest, nemoAccept), (flopsyRequest, flopsyAccept), (mopsyRequest, mopsyChallenge),
        ]
    )
    func responseAuthenticator(_ request: String, _ answer: String) throws {
        let request = try RADIUSPacket(parsing: Self.octets(request))
        let answer = try RADIUSPacket(parsing: Self.octets(answer))
        try answer.checkAnswer(to: request.authenticator, Self.secret, needsMessageAuthenticator: false)
        // They carry no Message-Authenticator, so a client of ours does not believe them.
        #expect(throws: RADIUSForgery.messageAuthenticatorMissing) {
            try answer.checkAnswer(to: request.authenticator, Self.secret, needsMessageAuthenticator: true)
        }
    }

    @Test("The values of the examples are read")
    func values() throws {
        let nemo = try RADIUSPacket(parsing: Self.octets(Self.nemoRequest)).attributes
        #expect(try nemo.text(.userName) == "nemo")
        #expect(try nemo.address(.nasIPAddress, .v4) == IPAddress("192.168.1.16"))
        #expect(try nemo.number(.nasPort) == 3)
        let flopsy = try RADIUSPacket(parsing: Self.octets(Self.flopsyAccept)).attributes
        let authorization = try RADIUSAuthorization(flopsy)
        #expect(authorization.framedIPv4 == nil)
        let challenge = try RADIUSPacket(parsing: Self.octets(Self.mopsyChallenge)).attributes
        #expect(challenge.first(.state) == Array("32769430".utf8))
    }

    @Test("Service-Type Login is treated as a Reject (RFC 2865 §5.6)")
    func unsupportedService() throws {
        let attributes = try RADIUSPacket(parsing: Self.octets(Self.nemoAccept)).attributes
        #expect(throws: RADIUSValueError.self) { try RADIUSAuthorization(attributes) }
    }

    @Test("A request carries its Message-Authenticator in front, and whoever changes it is seen")
    func messageAuthenticatorFirst() throws {
        var request = RADIUSPacket(code: .coaRequest, identifier: 7)
        request.attributes = [RADIUSAttribute(.userName, text: "nemo")]
        request.sealRequest(Self.secret, random: RADIUSPacket.zeros)
        #expect(request.attributes.first?.type == .messageAuthenticator)
        try request.checkRequest(Self.secret)
        var bytes = request.encoded
        bytes[bytes.count - 1] ^= 1
        let changed = try RADIUSPacket(parsing: bytes)
        #expect(throws: RADIUSForgery.messageAuthenticatorWrong) { try changed.checkRequest(Self.secret) }
        #expect(throws: RADIUSForgery.self) { try request.checkRequest(SecretBytes(Array("other".utf8))) }
    }

    @Test("E09: a forged answer with a Response Authenticator that fits but no Message-Authenticator is refused")
    func blastRADIUS() throws {
        // What a chosen-prefix collision would give an attacker: a fitting digest over attributes of his choice.
        let request = RADIUSPacket(code: .accessRequest, identifier: 1, authenticator: Array(1...16))
        var forged = RADIUSPacket(code: .accessAccept, identifier: 1, authenticator: request.authenticator)
        forged.attributes = [RADIUSAttribute(.proxyState, Array(repeating: 7, count: 40))]
        forged.authenticator = FixedLegacyDigests.md5(forged.encoded, Self.secret)
        #expect(throws: RADIUSForgery.messageAuthenticatorMissing) {
            try forged.checkAnswer(to: request.authenticator, Self.secret, needsMessageAuthenticator: true)
        }
    }

    @Test("Two Message-Authenticators, or one of another length, are none")
    func oddMessageAuthenticators() {
        for octets in [[16, 16], [15], [17], []] as [[Int]] {
            var answer = RADIUSPacket(code: .accessAccept, identifier: 1)
            answer.attributes = octets.map { RADIUSAttribute(.messageAuthenticator, Array(repeating: 0, count: $0)) }
            #expect(throws: RADIUSForgery.messageAuthenticatorMissing) {
                try answer.checkAnswer(to: RADIUSPacket.zeros, Self.secret, needsMessageAuthenticator: true)
            }
        }
    }

    @Test("An EAP packet is split at 253 octets and joined again (RFC 3579 §3.1)")
    func eapMessage() throws {
        for length in [4, 253, 254, 506, 507, 1500] {
            let packet = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            var attributes: [RADIUSAttribute] = []
            attributes.append(eapPacket: packet)
            #expect(attributes.count == (length + 252) / 253)
            let wire = RADIUSPacket(code: .accessRequest, identifier: 0, attributes: attributes).encoded
            #expect(try RADIUSPacket(parsing: wire).attributes.eapPacket == packet)
        }
    }

    @Test("A tag in front of Tunnel-Private-Group-ID is no part of the group (RFC 2868 §3.6)")
    func tunnelGroup() throws {
        let attributes = [RADIUSAttribute(.tunnelPrivateGroupID, [1] + Array("ops".utf8))]
        #expect(try RADIUSAuthorization(attributes).filters == ["ops"])
    }
}

/// E09: packets that are malformed are discarded whole, and reading ends.
@Suite("E09: malformed RADIUS packets")
struct MalformedPacketTests {
    static let good = RADIUSPacketTests.octets(RADIUSPacketTests.nemoAccept)

    static func header(_ attributes: [UInt8], length: Int? = nil) -> [UInt8] {
        let size = length ?? 20 + attributes.count
        return [2, 0, UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size)]
            + RADIUSPacket.zeros + attributes
    }

    @Test("Attribute lengths 0 and 1")
    func attributeLength() {
        #expect(throws: ParseError.badLength) { try RADIUSPacket(parsing: Self.header([1, 0])) }
        #expect(throws: ParseError.badLength) { try RADIUSPacket(parsing: Self.header([1, 1])) }
        #expect(throws: ParseError.badLength) { try RADIUSPacket(parsing: Self.header([1, 3, 9, 1, 0, 0])) }
    }

    @Test("Every truncation of a packet")
    func truncated() {
        for count in 0..<Self.good.count {
            #expect(throws: ParseError.self) { try RADIUSPacket(parsing: Array(Self.good.prefix(count))) }
        }
    }

    @Test("Length below 20, and an attribute beyond Length")
    func length() {
        for length in [0, 1, 19] {
            #expect(throws: ParseError.badLength) { try RADIUSPacket(parsing: Self.header([], length: length)) }
        }
        #expect(throws: ParseError.truncated) { try RADIUSPacket(parsing: Self.header([1, 6, 0, 0, 0])) }
        #expect(throws: ParseError.truncated) { try RADIUSPacket(parsing: Self.header([1])) }
    }

    @Test("4096 octets are read, 4097 are not, declared or sent")
    func tooLong() throws {
        var attributes: [UInt8] = []
        for _ in 0..<15 { attributes += [25, 255] + [UInt8](repeating: 1, count: 253) }
        attributes += [25, 251] + [UInt8](repeating: 1, count: 249)
        #expect(try RADIUSPacket(parsing: Self.header(attributes)).attributes.count == 16)
        #expect(throws: ParseError.limitExceeded) { try RADIUSPacket(parsing: Self.header(attributes + [0])) }
        #expect(throws: ParseError.badLength) { try RADIUSPacket(parsing: Self.header([], length: 4097)) }
    }

    @Test("Padding behind Length is ignored (RFC 2865 §3)")
    func padding() throws {
        let packet = try RADIUSPacket(parsing: Self.good + [0, 0, 0])
        #expect(packet.encoded == Self.good)
    }

    @Test("Vendor-Specific too short, and Microsoft's attributes of length 0 and 1")
    func vendor() {
        let values: [[UInt8]] = [
            [], [0, 0, 1], [0, 0, 1, 0x37], [0, 0, 1, 0x37, 16, 0], [0, 0, 1, 0x37, 16, 1], [0, 0, 1, 0x37, 16, 9, 1],
        ]
        for value in values {
            let attribute = [26, UInt8(value.count + 2)] + value
            #expect(throws: ParseError.self) { try RADIUSPacket(parsing: Self.header(attribute)) }
        }
    }

    @Test("Other vendors' octets are theirs")
    func otherVendor() throws {
        #expect(try RADIUSPacket(parsing: Self.header([26, 8, 0, 0, 0, 9, 1, 0])).attributes.count == 1)
    }

    @Test("Values that do not fit their type")
    func values() {
        let wrong: [RADIUSAttribute] = [
            RADIUSAttribute(.sessionTimeout, [1, 2, 3]), RADIUSAttribute(.framedIPAddress, [1, 2, 3, 4, 5]),
            RADIUSAttribute(.framedIPv6Address, [1, 2, 3, 4]), RADIUSAttribute(.filterID, [0xff]),
            RADIUSAttribute(.filterID, []), RADIUSAttribute(.framedIPAddress, [255, 255, 255, 255]),
        ]
        for attribute in wrong { #expect(throws: RADIUSValueError.self) { try RADIUSAuthorization([attribute]) } }
    }
}
