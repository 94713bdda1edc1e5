import Crypto
import IPsecTypes
import Testing

@testable import PKI

@Test func claimsSurviveTheirEncoding() throws {
    let claims = try CertificateClaims([
        .init(name: "repository_id", value: "456789"), .init(name: "ref", value: "refs/heads/größe"),
        .init(name: "empty", value: ""),
    ])
    #expect(try CertificateClaims.decode(claims.encoded()) == claims)
    #expect(claims["ref"] == "refs/heads/größe")
    #expect(claims["nothing"] == nil)
}

@Test func claimsThatCannotBeCarriedAreRefused() {
    typealias Claim = CertificateClaims.Claim
    #expect(throws: CertificateClaims.Failure.empty) { try CertificateClaims([]) }
    #expect(throws: CertificateClaims.Failure.duplicate("a")) {
        try CertificateClaims([Claim(name: "a", value: "1"), Claim(name: "a", value: "2")])
    }
    #expect(throws: CertificateClaims.Failure.badValue(name: "a")) {
        try CertificateClaims([Claim(name: "a", value: "1\n2")])
    }
    for name in ["", "a b", "ä", "a=b", "a\u{0}"] {
        #expect(throws: CertificateClaims.Failure.self) { try CertificateClaims([Claim(name: name, value: "1")]) }
    }
    #expect(throws: CertificateClaims.Failure.tooMany(65)) {
        try CertificateClaims((0..<65).map { Claim(name: "c\($0)", value: "") })
    }
    #expect(throws: CertificateClaims.Failure.self) {
        try CertificateClaims([Claim(name: "a", value: String(repeating: "x", count: 2_048))])
    }
}

@Test func hostileClaimBytesAreRefused() throws {
    let good = try CertificateClaims([.init(name: "a", value: "b")]).encoded()
    for bytes: [UInt8] in [[], [0x30], [0x30, 0x00], good + [0], Array(good.dropLast()), [0x31] + good.dropFirst()] {
        #expect(throws: CertificateClaims.Failure.self) { try CertificateClaims.decode(bytes) }
    }
    // A third element in a pair, a name that is no UTF-8, indefinite length.
    for bytes: [UInt8] in [
        [0x30, 0x0B, 0x30, 0x09, 0x0C, 0x01, 0x61, 0x0C, 0x01, 0x62, 0x0C, 0x01, 0x63],
        [0x30, 0x08, 0x30, 0x06, 0x0C, 0x01, 0xFF, 0x0C, 0x01, 0x62],
        [0x30, 0x80, 0x30, 0x06, 0x0C, 0x01, 0x61, 0x0C, 0x01, 0x62, 0x00, 0x00],
    ] {
        #expect(throws: CertificateClaims.Failure.malformed) { try CertificateClaims.decode(bytes) }
    }
}

@Test func fingerprintsAreReadInEveryForm() throws {
    let key = Array(P256.Signing.PrivateKey().publicKey.derRepresentation)
    let pin = SPKIFingerprint(ofSPKI: key)
    let hex = pin.description
    let colons = stride(from: 0, to: 64, by: 2).map { String(Array(hex)[$0...$0 + 1]) }.joined(separator: ":")
    let base64 = String(decoding: Base64.encode(pin.bytes), as: UTF8.self)
    for form in [hex, hex.uppercased(), "sha256:" + hex, "SHA256:" + hex, colons, base64, "sha256/" + base64] {
        #expect(SPKIFingerprint(form) == pin, "\(form)")
    }
    for form in ["", String(hex.dropLast()), hex + "0", "g" + hex.dropFirst(), base64.dropLast() + "A", colons + ":00"]
    {
        #expect(SPKIFingerprint(String(form)) == nil, "\(form)")
    }
}

@Test func base64IsStrict() {
    for length in 0..<50 {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }
    for text in ["A", "AA", "AAA", "A===", "AB==", "AAB=", "AA=A", "AA==A", "A-==", "AAAA=", "AA\n=="] {
        #expect(Base64.decode(text.utf8) == nil, "\(text)")
    }
}

@Test func pemFilesAreReadWholeAndErrorsNameTheLine() throws {
    let first = PEM.encode(label: "CERTIFICATE", [UInt8](repeating: 1, count: 100))
    let second = PEM.encode(label: "CERTIFICATE", [2, 3])
    let file = Array("subject=one\r\n".utf8) + first + Array("\nsubject=two\n".utf8) + second
    #expect(try PEM.certificates(in: file) == [[UInt8](repeating: 1, count: 100), [2, 3]])

    let bad: [(String, Int)] = [
        ("x\n-----BEGIN CERTIFICATE-----\nAAAA\n", 2),
        ("-----END CERTIFICATE-----\n", 1),
        ("-----BEGIN A-----\n-----BEGIN A-----\n", 2),
        ("-----BEGIN A-----\nAAAA\n-----END B-----\n", 3),
        ("\n-----BEGIN A-----\nA*AA\n-----END A-----\n", 2),
        ("-----BEGIN A-----\n-----END A-----\n", 1),
        ("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n", 1),
        ("nothing here\n", 1),
    ]
    for (text, line) in bad {
        #expect(throws: PEM.Failure.self, "\(text)") {
            do throws(PEM.Failure) {
                _ = try PEM.certificates(in: Array(text.utf8))
            } catch {
                #expect(error.line == line, "\(text)")
                throw error
            }
        }
    }
}

@Test func serialNumbersAreCanonical() throws {
    #expect(CertificateSerial(magnitude: [0, 0, 5])?.bytes == [5])
    #expect(CertificateSerial(magnitude: [0]) == nil)
    #expect(CertificateSerial(magnitude: [UInt8](repeating: 1, count: 21)) == nil)
    #expect(CertificateSerial("0a:0B")?.description == "0a0b")
    #expect(CertificateSerial("f")?.bytes == [15])
    #expect(CertificateSerial("xyz") == nil)
    let serial = CertificateSerial(random: [UInt8](repeating: 0xFF, count: 20))
    #expect(serial.bytes.count == 20)
    #expect(serial.bytes.first == 0x7F)
}

@Test func timesAreWrittenInUTC() {
    #expect(WallTime(secondsSinceEpoch: 0).rfc3339 == "1970-01-01T00:00:00Z")
    #expect(noon.rfc3339 == "2026-11-23T12:00:00Z")
    #expect(WallTime(secondsSinceEpoch: 951_782_400).rfc3339 == "2000-02-29T00:00:00Z")
    #expect(WallTime(secondsSinceEpoch: -1).rfc3339 == "1969-12-31T23:59:59Z")
    #expect(WallTime(secondsSinceEpoch: 253_402_300_799).rfc3339 == "9999-12-31T23:59:59Z")
}

@Test func weakKeysAreRefusedBeforeAnyArithmetic() {
    func rsa(_ modulus: [UInt8], _ exponent: [UInt8]) -> [UInt8] {
        func node(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
        }
        func short(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            content.count < 128
                ? [tag, UInt8(content.count)] + content
                : content.count < 256 ? [tag, 0x81, UInt8(content.count)] + content : node(tag, content)
        }
        let key = short(0x30, short(0x02, modulus) + short(0x02, exponent))
        let algorithm: [UInt8] = [
            0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
        ]
        return short(0x30, algorithm + short(0x03, [0] + key))
    }
    func modulus(_ bits: Int) -> [UInt8] {
        let bytes = [UInt8](repeating: 0xFF, count: bits / 8)
        return bits % 8 == 0 ? [0] + bytes : [UInt8(1 << (bits % 8) - 1)] + bytes
    }
    let e: [UInt8] = [1, 0, 1]
    #expect(throws: Never.self) { try PublicKeyDescription(spki: rsa(modulus(2_048), e)) }
    #expect((try? PublicKeyDescription(spki: rsa(modulus(8_192), e))) == .rsa(bits: 8_192))
    for bits in [9, 512, 1_024, 2_040, 2_050, 8_200, 16_384] {
        #expect(throws: ParsedCertificateError.self, "\(bits)") {
            try PublicKeyDescription(spki: rsa(modulus(bits), e))
        }
    }
    for exponent: [UInt8] in [
        [0], [1], [2], [3], [1, 0, 0], [0x01, 0x00, 0x02], [1, 0, 0, 0, 0, 0, 0, 0, 1], [0x81],
    ] {
        #expect(throws: ParsedCertificateError.self, "\(exponent)") {
            try PublicKeyDescription(spki: rsa(modulus(2_048), exponent))
        }
    }
    // P-192, secp256k1, X25519, DSA.
    for spki: [UInt8] in [
        [
            0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
            0xCE, 0x3D, 0x03, 0x01, 0x01, 0x03, 0x02, 0x00, 0x04,
        ],
        [
            0x30, 0x16, 0x30, 0x10, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x05, 0x2B, 0x81, 0x04,
            0x00, 0x0A, 0x03, 0x02, 0x00, 0x04,
        ],
        [0x30, 0x0A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x6E, 0x03, 0x01, 0x00],
        [],
    ] {
        #expect(throws: ParsedCertificateError.self) { try PublicKeyDescription(spki: spki) }
    }
}
