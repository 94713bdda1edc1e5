import IPsecTypes
import Testing

@testable import IKECrypto

@Suite struct SharedKeyTests {
    private let provider = StandardCryptoProvider()

    private func bits(_ text: String) -> Int { PreSharedKey.estimatedBits(SecretBytes(Array(text.utf8))) }

    @Test(arguments: [
        "", "a", "secret12", "password", "correct horse battery staple",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "12345678901234567890123456789012345678901234567890", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "passwordpasswordpasswordpasswordpasswordpassword", "0123456789abcdef0123456789abcdef0123456789abcdef",
        "Tr0ub4dor&3", "MyVPNSecretKey2024!", "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "Xk9#mP2$vL5@",
    ])
    func aKeyThatCanBeGuessedIsRefused(text: String) {
        #expect(bits(text) < 128, "\(bits(text))")
        #expect(throws: KeyRefusal.weakPreSharedKey(estimatedBits: bits(text))) {
            try PreSharedKey(SecretBytes(Array(text.utf8)))
        }
    }

    @Test(arguments: [
        "9f86d081884c7d659a2feaa0c55ad015", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDw", "vK3!x9Qz@Lm7#pR2$wT5&yU8",
        "5mQ7xZ2kP9vB4nR8sT3wY6aC1dF0gH",
        "velvet cactus ribbon onion planet gravity saddle mosaic umbrella falcon harvest",
    ])
    func aKeyOf128BitsIsTaken(text: String) throws {
        #expect(bits(text) >= 128, "\(bits(text))")
        #expect(try PreSharedKey(SecretBytes(Array(text.utf8))).secret.revealed == Array(text.utf8))
    }

    @Test func sixteenRandomBytesAreEnoughAndFewerAreNot() {
        let random = Hex("f3091c77a8e2405bd6913e0c8855bb2a").bytes
        #expect(throws: Never.self) { try PreSharedKey(SecretBytes(random)) }
        #expect(throws: KeyRefusal.self) { try PreSharedKey(SecretBytes(random.dropLast())) }
        #expect(throws: KeyRefusal.self) { try PreSharedKey(SecretBytes([UInt8](repeating: 0, count: 64))) }
    }

    @Test func aWeakKeyIsTakenOnlyWhenTheConfigurationSaysSoAndNeverAnEmptyOne() {
        #expect(throws: Never.self) { try PreSharedKey(SecretBytes(Array("secret12".utf8)), allowWeak: true) }
        #expect(throws: KeyRefusal.weakPreSharedKey(estimatedBits: 0)) {
            try PreSharedKey(SecretBytes([]), allowWeak: true)
        }
    }

    @Test func authenticationFollowsRFC7296Section2Point15() throws {
        let secret = SecretBytes(pattern(32))
        let octets = pattern(300)
        for prf in [PRFAlgorithm.hmacSHA256, .hmacSHA384, .hmacSHA512] {
            let padded = try provider.prf(prf, key: secret, [.bytes(Array("Key Pad for IKEv2".utf8))])
            let expected = try provider.prf(prf, key: padded, [.bytes(octets)]).revealed
            let data = try provider.sharedKeyAuthentication(prf, secret: secret, octets: octets)
            #expect(data == expected)
            #expect(provider.isValidSharedKeyAuthentication(data, prf: prf, secret: secret, octets: octets))
        }
    }

    @Test func touchedAuthenticationIsRefused() throws {
        let secret = SecretBytes(pattern(32))
        let data = try provider.sharedKeyAuthentication(.hmacSHA256, secret: secret, octets: pattern(50))
        func valid(_ data: [UInt8], _ octets: [UInt8] = pattern(50), _ key: SecretBytes? = nil) -> Bool {
            provider.isValidSharedKeyAuthentication(data, prf: .hmacSHA256, secret: key ?? secret, octets: octets)
        }
        #expect(valid(data))
        for index in data.indices {
            var touched = data
            touched[index] ^= 0x80
            #expect(!valid(touched))
        }
        for wrong in [[], [0], Array(data.dropLast()), data + [0], [UInt8](repeating: 0, count: 32)] {
            #expect(!valid(wrong))
        }
        #expect(!valid(data, pattern(49)))
        #expect(!valid(data, pattern(50), SecretBytes(pattern(31))))
        #expect(!valid(data, pattern(50), SecretBytes([])))
        #expect(
            !provider.isValidSharedKeyAuthentication(
                data,
                prf: PRFAlgorithm(rawValue: 2),
                secret: secret,
                octets: pattern(50)
            )
        )
    }

    @Test func signedOctetsAreMessageNonceAndMaskedIdentity() throws {
        let skP = SecretBytes(pattern(32, from: 9))
        let identification: [UInt8] = [2, 0, 0, 0] + Array("vpn.example.com".utf8)
        let masked = try provider.prf(.hmacSHA256, key: skP, [.bytes(identification)]).revealed
        let octets = try AuthenticationOctets.make(
            message: pattern(100),
            otherNonce: pattern(32),
            identification: identification,
            prf: .hmacSHA256,
            skP: skP,
            provider: provider
        )
        #expect(octets == pattern(100) + pattern(32) + masked)
    }
}
