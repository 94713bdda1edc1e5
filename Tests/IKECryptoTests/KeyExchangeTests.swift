import IPsecTypes
import Testing

@testable import IKECrypto

@Suite struct KeyExchangeTests {
    private let provider = StandardCryptoProvider()

    private struct ECPFile: Decodable {
        struct Case: Decodable {
            var group: UInt16
            var private_i: Hex
            var private_r: Hex
            var shared_x: Hex
            var ke_payload_i: Hex
            var ke_payload_r: Hex
        }
        var tests: [Case]
    }

    private struct ModularFile: Decodable {
        struct Case: Decodable {
            var bits: Int
            var private_i: Hex
            var public_i: Hex
            var private_r: Hex
            var public_r: Hex
            var shared: Hex
        }
        var tests: [Case]
    }

    private struct PrimeFile: Decodable {
        struct Case: Decodable {
            var group: UInt16
            var prime: Hex
        }
        var tests: [Case]
    }

    private let modular: [KeyExchangeMethod] = [.modp2048, .modp3072, .modp4096, .modp6144, .modp8192]
    private let methods: [KeyExchangeMethod] = [
        .x25519, .ecp256, .ecp384, .ecp521, .modp2048, .modp3072, .modp4096, .modp6144, .modp8192,
    ]

    @Test func rfc5903Section8GivesItsPublicValuesAndSecrets() throws {
        for test in try Vectors.json("ipsec/ecp-rfc5903.json", as: ECPFile.self).tests {
            let method = KeyExchangeMethod(rawValue: test.group)
            let one = try provider.keyExchange(method, privateBytes: SecretBytes(test.private_i.bytes))
            let two = try provider.keyExchange(method, privateBytes: SecretBytes(test.private_r.bytes))
            // A KE payload has 8 bytes before its Key Exchange Data.
            #expect(one.publicValue == Array(test.ke_payload_i.bytes.dropFirst(8)))
            #expect(two.publicValue == Array(test.ke_payload_r.bytes.dropFirst(8)))
            #expect(try provider.sharedSecret(one, peerValue: two.publicValue).revealed == test.shared_x.bytes)
            #expect(try provider.sharedSecret(two, peerValue: one.publicValue).revealed == test.shared_x.bytes)
        }
    }

    @Test func rfc3526GroupsGiveKnownAnswers() throws {
        var seen = 0
        for test in try Vectors.json("ipsec/modp-dh-known-answers.json", as: ModularFile.self).tests {
            guard let method = modular.first(where: { $0.publicValueLength == test.bits / 8 }) else { continue }
            let one = try provider.keyExchange(method, privateBytes: SecretBytes(test.private_i.bytes))
            let two = try provider.keyExchange(method, privateBytes: SecretBytes(test.private_r.bytes))
            #expect(one.publicValue == test.public_i.bytes)
            #expect(two.publicValue == test.public_r.bytes)
            #expect(try provider.sharedSecret(one, peerValue: test.public_r.bytes).revealed == test.shared.bytes)
            seen += 1
        }
        #expect(seen == 5)
    }

    @Test func modularValuesOutsideTheOpenIntervalAreRefused() throws {
        // RFC 6989 section 2.1: 1 < y < p-1.
        for test in try Vectors.json("ipsec/modp-rfc3526.json", as: PrimeFile.self).tests where test.group != 5 {
            let method = KeyExchangeMethod(rawValue: test.group)
            let length = test.prime.bytes.count
            let key = try provider.keyExchange(method, privateBytes: SecretBytes(pattern(8, from: 1)))
            let zeros = [UInt8](repeating: 0, count: length - 1)
            var minusOne = test.prime.bytes
            minusOne[length - 1] -= 1
            var minusTwo = test.prime.bytes
            minusTwo[length - 1] -= 2
            let refused: [[UInt8]] = [
                zeros + [0], zeros + [1], minusOne, test.prime.bytes, [UInt8](repeating: 0xFF, count: length), [], [2],
                zeros + [2, 2],
            ]
            for value in refused {
                #expect(throws: CryptoFailure.invalidPublicValue) { try provider.sharedSecret(key, peerValue: value) }
            }
            #expect(try provider.sharedSecret(key, peerValue: zeros + [2]).count == length)
            #expect(try provider.sharedSecret(key, peerValue: minusTwo).count == length)
        }
    }

    @Test func freshKeysOfEveryMethodAgreeAndDiffer() throws {
        for method in methods {
            let one = try provider.generateKeyExchange(method)
            let two = try provider.generateKeyExchange(method)
            #expect(one.publicValue.count == method.publicValueLength)
            #expect(one.publicValue != two.publicValue)
            let secret = try provider.sharedSecret(one, peerValue: two.publicValue)
            #expect(secret.isEqual(to: try provider.sharedSecret(two, peerValue: one.publicValue)))
        }
    }

    @Test func valuesOfAnotherLengthAreRefusedForEveryMethod() throws {
        for method in methods {
            let key = try provider.generateKeyExchange(method)
            for value in [[], [0x04], Array(key.publicValue.dropLast()), key.publicValue + [0], [4] + key.publicValue] {
                #expect(throws: CryptoFailure.invalidPublicValue) { try provider.sharedSecret(key, peerValue: value) }
            }
        }
    }

    @Test func methodsThatWeDoNotImplementAreRefused() {
        for number: UInt16 in [0, 1, 2, 5, 22, 23, 24, 27, 32, 35, 65535] {
            #expect(throws: CryptoFailure.unsupportedAlgorithm) {
                try provider.generateKeyExchange(KeyExchangeMethod(rawValue: number))
            }
        }
    }

    @Test(arguments: [
        ("ecdh_secp256r1_ecpoint", KeyExchangeMethod.ecp256), ("ecdh_secp384r1_ecpoint", .ecp384),
        ("ecdh_secp521r1_ecpoint", .ecp521),
    ])
    func pointsOffTheCurveAreRefused(name: String, method: KeyExchangeMethod) throws {
        let length = try #require(method.publicValueLength)
        for group in try Vectors.wycheproof(name) {
            for test in group.tests {
                // Wycheproof writes scalars as signed integers, KE payloads leave the leading 0x04 out.
                let scalar = try #require(test.private).bytes
                let padded = [UInt8](repeating: 0, count: length) + scalar
                let key = try provider.keyExchange(method, privateBytes: SecretBytes(padded.suffix(length / 2)))
                let point = try #require(test.public).bytes
                let secret = try? provider.sharedSecret(key, peerValue: Array(point.dropFirst())).revealed
                switch test.result {
                case "valid": #expect(secret == test.shared?.bytes, "\(name) \(test.tcId)")
                case "invalid": #expect(secret == nil, "\(name) \(test.tcId)")
                // A compressed point has another length, so KE cannot carry it.
                default: #expect(secret == nil, "\(name) \(test.tcId)")
                }
            }
        }
    }

    @Test func x25519RefusesOnlyAllZeroSecrets() throws {
        var zeros = 0
        for group in try Vectors.wycheproof("x25519") {
            for test in group.tests {
                let key = try provider.keyExchange(.x25519, privateBytes: SecretBytes(try #require(test.private).bytes))
                let secret = try? provider.sharedSecret(key, peerValue: try #require(test.public).bytes).revealed
                let expected = try #require(test.shared).bytes
                if expected.allSatisfy({ $0 == 0 }) {
                    #expect(secret == nil, "\(test.tcId)")
                    zeros += 1
                } else {
                    #expect(secret == expected, "\(test.tcId)")
                }
            }
        }
        #expect(zeros > 0)
    }
}
