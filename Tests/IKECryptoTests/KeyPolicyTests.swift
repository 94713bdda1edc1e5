import IPsecTypes
import Testing

@testable import IKECrypto

/// Hostile and unusable keys (A05, A06), and the formats of private keys.
@Suite struct KeyPolicyTests {
    private let provider = StandardCryptoProvider()

    private func modulus(bits: Int) -> [UInt8] {
        let count = (bits + 7) / 8
        var bytes = [UInt8](repeating: 0xFF, count: count)
        bytes[0] = UInt8(truncatingIfNeeded: (1 << ((bits - 1) % 8 + 1)) - 1)
        return bytes
    }

    @Test func rsaKeysOfHostileSizeAreRefusedBeforeAnyArithmetic() {
        let clock = ContinuousClock()
        for bits in [1, 9, 512, 1024, 2047, 8193, 16384, 65536] {
            let der = MakeDER.rsaPublicKey(modulus: modulus(bits: bits), exponent: [1, 0, 1])
            let time = clock.measure {
                #expect(throws: KeyRefusal.rsaModulusLength(bits: bits)) { try provider.verificationKey(spkiDER: der) }
            }
            #expect(time < .milliseconds(50))
        }
        for bits in [2048, 3072, 4096, 8192] {
            let der = MakeDER.rsaPublicKey(modulus: modulus(bits: bits), exponent: [1, 0, 1])
            #expect(throws: Never.self) { try provider.verificationKey(spkiDER: der) }
        }
    }

    @Test func rsaExponentsThatAreSmallEvenOrHugeAreRefused() {
        let exponents: [[UInt8]] = [
            [0], [1], [2], [3], [17], [0xFF, 0xFF], [1, 0, 0], [1, 0, 2], [2, 0, 0, 0, 1],
            [UInt8](repeating: 0xFF, count: 5), [UInt8](repeating: 0xFF, count: 256),
        ]
        for exponent in exponents {
            let der = MakeDER.rsaPublicKey(modulus: modulus(bits: 2048), exponent: exponent)
            #expect(throws: KeyRefusal.rsaExponentOrModulus) { try provider.verificationKey(spkiDER: der) }
        }
        var even = modulus(bits: 2048)
        even[255] = 0xFE
        #expect(throws: KeyRefusal.rsaExponentOrModulus) {
            try provider.verificationKey(spkiDER: MakeDER.rsaPublicKey(modulus: even, exponent: [1, 0, 1]))
        }
    }

    @Test func negativeRSANumbersAreRefused() {
        let algorithm = MakeDER.sequence([6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1], [5, 0])
        let key = MakeDER.sequence(MakeDER.node(2, modulus(bits: 2048)), [2, 3, 1, 0, 1])
        #expect(throws: KeyRefusal.unreadable) {
            try provider.verificationKey(spkiDER: MakeDER.sequence(algorithm, MakeDER.node(3, [0] + key)))
        }
    }

    @Test func edwardsKeysOfSmallOrderAreRefused() {
        let points = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ]
        for point in points.map({ Hex($0).bytes }) {
            for sign: UInt8 in [0, 0x80] {
                var key = point
                key[31] |= sign
                #expect(throws: KeyRefusal.invalidPoint) {
                    try provider.verificationKey(spkiDER: MakeDER.ed25519PublicKey(key))
                }
            }
        }
        for count in [0, 31, 33] {
            #expect(throws: KeyRefusal.invalidPoint) {
                try provider.verificationKey(spkiDER: MakeDER.ed25519PublicKey(pattern(count)))
            }
        }
    }

    @Test func pointsThatAreOffTheCurveCompressedOrInfiniteAreRefused() throws {
        let good = Hex(try Vectors.text("keys/ec-p256-sec1.spki.hex")).bytes
        let point = Array(good.suffix(65))
        #expect(throws: Never.self) { try provider.verificationKey(spkiDER: MakeDER.p256PublicKey(point)) }
        var off = point
        off[64] ^= 1
        let zero: [UInt8] = [4] + [UInt8](repeating: 0, count: 64)
        let compressed = [3] + Array(point[1..<33])
        let hybrid = [6] + Array(point.dropFirst())
        let refused: [[UInt8]] = [off, zero, [0], [], compressed, Array(point.dropLast()), point + [0], hybrid]
        for bad in refused {
            #expect(throws: KeyRefusal.invalidPoint) {
                try provider.verificationKey(spkiDER: MakeDER.p256PublicKey(bad))
            }
        }
    }

    @Test func otherAlgorithmsAndCurvesAreNamed() {
        let dsa = MakeDER.sequence(MakeDER.sequence([6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x38, 4, 1]), [3, 2, 0, 0])
        #expect(throws: KeyRefusal.unsupportedAlgorithm("1.2.840.10040.4.1")) {
            try provider.verificationKey(spkiDER: dsa)
        }
        let ecPublicKey: [UInt8] = [6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]
        let koblitz = MakeDER.sequence(MakeDER.sequence(ecPublicKey, [6, 5, 0x2B, 0x81, 4, 0, 10]), [3, 2, 0, 4])
        #expect(throws: KeyRefusal.unsupportedAlgorithm("1.3.132.0.10")) {
            try provider.verificationKey(spkiDER: koblitz)
        }
        let explicit = MakeDER.sequence(MakeDER.sequence(ecPublicKey, MakeDER.sequence([2, 1, 1])), [3, 2, 0, 4])
        #expect(throws: KeyRefusal.unsupportedAlgorithm("explicit curve")) {
            try provider.verificationKey(spkiDER: explicit)
        }
    }

    @Test func anyBytesAreRefusedWithoutATrap() throws {
        let good = Hex(try Vectors.text("keys/rsa-pkcs8.spki.hex")).bytes
        for count in 0..<good.count {
            #expect(throws: KeyRefusal.self) { try provider.verificationKey(spkiDER: Array(good.prefix(count))) }
        }
        #expect(throws: KeyRefusal.unreadable) { try provider.verificationKey(spkiDER: good + [0]) }
        var random: UInt64 = 1
        for _ in 0..<2000 {
            var changed = good
            for _ in 0..<3 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                changed[Int(random >> 33) % 40] = UInt8(truncatingIfNeeded: random >> 20)
            }
            _ = try? provider.verificationKey(spkiDER: changed)
        }
    }

    @Test(arguments: [
        ("rsa-pkcs8", "rsa-pkcs8"), ("rsa-pkcs1", "rsa-pkcs8"), ("ec-p256-sec1", "ec-p256-sec1"),
        ("ec-p256-pkcs8", "ec-p256-sec1"), ("ec-p384-pkcs8", "ec-p384-pkcs8"), ("ec-p521-pkcs8", "ec-p521-pkcs8"),
        ("ed25519", "ed25519"),
    ])
    func privateKeysAreReadFromEveryUsualFile(name: String, publicName: String) throws {
        let key = try SigningKey(pem: Array(Vectors.text("keys/\(name).pem").utf8))
        #expect(key.publicKeyDER == Hex(try Vectors.text("keys/\(publicName).spki.hex")).bytes)
        let octets = pattern(100)
        let auth = try provider.sign(
            octets,
            key: key,
            peerHashes: Set(SignatureHash.allCases),
            policy: SignaturePolicy()
        )
        let peer = try provider.verificationKey(spkiDER: key.publicKeyDER)
        try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy())
        #expect("\(key)" == "<redacted>")
    }

    @Test func privateKeysThatCannotBeUsedSayWhy() throws {
        func refusal(_ name: String) throws -> KeyRefusal? {
            let pem = Array(try Vectors.text("keys/\(name).pem").utf8)
            do {
                _ = try SigningKey(pem: pem)
                return nil
            } catch {
                return error
            }
        }
        #expect(try refusal("ec-p256-encrypted") == .encrypted)
        #expect(try refusal("ec-p256-old-encryption") == .encrypted)
        #expect(try refusal("rsa-1024") == .rsaModulusLength(bits: 1024))
        #expect(try refusal("ec-secp256k1") == .unsupportedAlgorithm("1.3.132.0.10"))
        #expect(try refusal("ed448") == .unsupportedAlgorithm("1.3.101.113"))
        for text in ["", "no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            #expect(throws: KeyRefusal.unreadable) { try SigningKey(pem: Array(text.utf8)) }
        }
        #expect(throws: KeyRefusal.unreadable) { try SigningKey(der: []) }
        #expect(throws: KeyRefusal.unreadable) { try SigningKey(der: pattern(200)) }
    }
}
