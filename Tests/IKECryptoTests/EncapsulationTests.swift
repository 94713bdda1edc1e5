import IPsecTypes
import Testing

@testable import IKECrypto

/// ML-KEM as a key exchange: Wycheproof's answers, and the checks of draft-ietf-ipsecme-ikev2-mlkem §2.2.
@Suite struct EncapsulationTests {
    private let provider = StandardCryptoProvider()
    private let methods: [(KeyExchangeMethod, String)] = [(.mlKEM768, "mlkem_768"), (.mlKEM1024, "mlkem_1024")]

    @Test func wycheproofSeedsGiveTheirKeysAndSecrets() throws {
        for (method, name) in methods {
            var valid = 0
            for test in try Vectors.wycheproof(name).flatMap(\.tests) {
                let seed = try #require(test.seed).bytes
                let ciphertext = try #require(test.c).bytes
                let key = try? provider.keyExchange(method, privateBytes: SecretBytes(seed))
                let secret = key.flatMap { try? provider.sharedSecret($0, peerValue: ciphertext) }
                guard test.result == "valid" else {
                    #expect(secret == nil, "\(name) \(test.tcId)")
                    continue
                }
                valid += 1
                #expect(key?.publicValue == test.ek?.bytes)
                #expect(secret?.revealed == test.K?.bytes, "\(name) \(test.tcId)")
            }
            #expect(valid >= 4)
        }
    }

    @Test func wycheproofKeysOutOfRangeAreRefused() throws {
        for (method, name) in methods {
            for test in try Vectors.wycheproof(name + "_encaps").flatMap(\.tests) {
                let made = try? provider.encapsulate(method, peerValue: try #require(test.ek).bytes)
                #expect((made != nil) == (test.result == "valid"), "\(name) \(test.tcId)")
            }
        }
    }

    @Test func bothEndsGetTheSameSecretAndEveryEncapsulationIsFresh() throws {
        for (method, _) in methods {
            let ours = try provider.generateKeyExchange(method)
            #expect(ours.publicValue.count == method.publicValueLength)
            let one = try provider.encapsulate(method, peerValue: ours.publicValue)
            let two = try provider.encapsulate(method, peerValue: ours.publicValue)
            #expect(one.publicValue.count == method.responderValueLength)
            #expect(one.publicValue != two.publicValue)
            let secret = try provider.sharedSecret(ours, peerValue: one.publicValue)
            #expect(secret.count == 32)
            #expect(secret.isEqual(to: try provider.sharedSecret(one, peerValue: ours.publicValue)))
            #expect(!secret.isEqual(to: try provider.sharedSecret(two, peerValue: ours.publicValue)))
        }
    }

    /// S10: a value of another length never reaches the library.
    @Test func valuesOfAnotherLengthAreRefused() throws {
        for (method, _) in methods {
            let ours = try provider.generateKeyExchange(method)
            let theirs = try provider.encapsulate(method, peerValue: ours.publicValue)
            for count in [0, 1, 32, theirs.publicValue.count - 1, theirs.publicValue.count + 1, 4096] {
                #expect(throws: CryptoFailure.invalidPublicValue) {
                    try provider.sharedSecret(ours, peerValue: [UInt8](repeating: 1, count: count))
                }
            }
            for count in [0, 1, 32, ours.publicValue.count - 1, ours.publicValue.count + 1, 4096] {
                #expect(throws: CryptoFailure.invalidPublicValue) {
                    try provider.encapsulate(method, peerValue: [UInt8](repeating: 1, count: count))
                }
            }
        }
        #expect(throws: CryptoFailure.unsupportedAlgorithm) {
            try provider.encapsulate(.x25519, peerValue: [UInt8](repeating: 1, count: 32))
        }
    }

    @Test func mlKEM512IsNotImplemented() {
        let method = KeyExchangeMethod(rawValue: 35)
        #expect(method.publicValueLength == nil)
        #expect(throws: CryptoFailure.unsupportedAlgorithm) { try provider.generateKeyExchange(method) }
        #expect(throws: CryptoFailure.unsupportedAlgorithm) {
            try provider.encapsulate(method, peerValue: [UInt8](repeating: 0, count: 800))
        }
    }

    @Test func simulatedEncapsulationsAgreeToo() throws {
        let simulated = SimulatedCryptoProvider(seed: 5)
        for (method, _) in methods {
            let ours = try simulated.generateKeyExchange(method)
            let theirs = try simulated.encapsulate(method, peerValue: ours.publicValue)
            #expect(theirs.publicValue.count == method.responderValueLength)
            let secret = try simulated.sharedSecret(ours, peerValue: theirs.publicValue)
            #expect(secret.isEqual(to: try simulated.sharedSecret(theirs, peerValue: ours.publicValue)))
            #expect(throws: CryptoFailure.invalidPublicValue) {
                try simulated.sharedSecret(ours, peerValue: Array(theirs.publicValue.dropLast()))
            }
        }
    }
}
