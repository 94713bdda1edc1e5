import IPsecTypes
import Testing

@testable import IKECrypto

/// Real cryptography with one defect.
private struct FaultyProvider: CryptoProvider {
    enum Fault: Hashable {
        case prf(PRFAlgorithm)
        case seal(EncryptionAlgorithm, Int)
        case acceptsAnyTag(EncryptionAlgorithm, Int)
        case sharedSecret(KeyExchangeMethod)
        case acceptsZero(KeyExchangeMethod)
        case acceptsAnySignature(SignatureAlgorithm)
        case refusesSignature(SignatureAlgorithm)
    }

    var fault: Fault
    private let real = StandardCryptoProvider()

    init(_ fault: Fault) {
        self.fault = fault
    }

    func prf(
        _ algorithm: PRFAlgorithm,
        key: SecretBytes,
        _ input: [CryptoInput]
    ) throws(CryptoFailure) -> SecretBytes {
        let output = try real.prf(algorithm, key: key, input)
        return fault == .prf(algorithm) ? SecretBytes(output.revealed.reversed()) : output
    }

    func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        var body = try real.seal(plaintext, associatedData: associatedData, iv: iv, keys: keys)
        if fault == .seal(keys.cipher, keys.encryptionKey.count * 8) { body[keys.ivLength] ^= 1 }
        return body
    }

    func open(message: [UInt8], bodyOffset: Int, keys: SKKeys) throws(CryptoFailure) -> [UInt8] {
        do {
            return try real.open(message: message, bodyOffset: bodyOffset, keys: keys)
        } catch {
            if fault == .acceptsAnyTag(keys.cipher, keys.encryptionKey.count * 8) { return [] }
            throw error
        }
    }

    func generateKeyExchange(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try real.generateKeyExchange(method)
    }

    func encapsulate(
        _ method: KeyExchangeMethod,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        do {
            return try real.encapsulate(method, peerValue: peerValue)
        } catch {
            if fault == .acceptsZero(method) {
                return try real.encapsulate(method, peerValue: real.generateKeyExchange(method).publicValue)
            }
            throw error
        }
    }

    func keyExchange(
        _ method: KeyExchangeMethod,
        privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try real.keyExchange(method, privateBytes: privateBytes)
    }

    func sharedSecret(_ key: KeyExchangePrivateKey, peerValue: [UInt8]) throws(CryptoFailure) -> SecretBytes {
        do {
            let secret = try real.sharedSecret(key, peerValue: peerValue)
            return fault == .sharedSecret(key.method) ? SecretBytes([0] + secret.revealed.dropFirst()) : secret
        } catch {
            if fault == .acceptsZero(key.method) { return SecretBytes([0]) }
            throw error
        }
    }

    func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        try real.sign(octets, key: key, peerHashes: peerHashes, policy: policy)
    }

    func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        if case .acceptsAnySignature(let algorithm) = fault,
            SignatureAlgorithm.split(authentication.data)?.algorithm == algorithm
        {
            return algorithm
        }
        let algorithm = try real.verify(authentication, octets: octets, key: key, policy: policy)
        guard fault != .refusesSignature(algorithm) else { throw .badSignature }
        return algorithm
    }

    func verificationKey(spkiDER: [UInt8]) throws(KeyRefusal) -> VerificationKey {
        try real.verificationKey(spkiDER: spkiDER)
    }
}

@Suite struct SelfTestTests {
    @Test func everythingPassesAtStart() {
        let available = AlgorithmSelfTest.run()
        #expect(available.failed.isEmpty)
        #expect(available.ciphers.count == 7)
        #expect(available.integrity == [.hmacSHA256_128, .hmacSHA384_192, .hmacSHA512_256])
        #expect(available.prfs == [.hmacSHA256, .hmacSHA384, .hmacSHA512])
        #expect(available.keyExchanges.count == 11)
        #expect(available.signatures.count == 12)
        #expect(available.hashes(SignaturePolicy()) == Set(SignatureHash.allCases))
    }

    @Test func aFailingAlgorithmIsNotOfferedAndTheOthersAre() {
        let good = AlgorithmSelfTest.run()
        let prf = AlgorithmSelfTest.run(provider: FaultyProvider(.prf(.hmacSHA384)))
        #expect(prf.prfs == [.hmacSHA256, .hmacSHA512])
        #expect(prf.failed == ["prf-sha384"])
        #expect(prf.ciphers == good.ciphers && prf.keyExchanges == good.keyExchanges)

        for fault in [FaultyProvider.Fault.seal(.aesGCM16, 192), .acceptsAnyTag(.aesGCM16, 192)] {
            let cipher = AlgorithmSelfTest.run(provider: FaultyProvider(fault))
            #expect(good.ciphers.subtracting(cipher.ciphers).map(\.description) == ["aes-gcm-192"])
            #expect(cipher.failed == ["aes-gcm-192"])
        }

        let chained = AlgorithmSelfTest.run(provider: FaultyProvider(.acceptsAnyTag(.aesCBC, 192)))
        #expect(chained.failed == ["aes-cbc-192-sha384"])
        #expect(!chained.integrity.contains(.hmacSHA384_192))

        for fault in [FaultyProvider.Fault.sharedSecret(.modp3072), .acceptsZero(.modp3072)] {
            let exchange = AlgorithmSelfTest.run(provider: FaultyProvider(fault))
            #expect(good.keyExchanges.subtracting(exchange.keyExchanges) == [.modp3072])
            #expect(exchange.failed == ["modp3072"])
        }

        for fault in [
            FaultyProvider.Fault.acceptsAnySignature(.rsaPSS(.sha512)), .refusesSignature(.rsaPSS(.sha512)),
        ] {
            let signature = AlgorithmSelfTest.run(provider: FaultyProvider(fault))
            #expect(good.signatures.subtracting(signature.signatures) == [.rsaPSS(.sha512)])
            #expect(signature.failed == ["rsa-pss-sha512"])
        }
    }

    @Test func suitesNeedAllTheirAlgorithms() {
        let available = AlgorithmSelfTest.run(provider: FaultyProvider(.seal(.aesGCM16, 128)))
        let good = IKESuite(encryption: .aesGCM16, keyBits: 256, prf: .hmacSHA384, keyExchange: .x25519)
        var suite = good
        #expect(available.allows(suite))
        suite.keyBits = 128
        #expect(!available.allows(suite))
        suite = good
        suite.prf = PRFAlgorithm(rawValue: 2)
        #expect(!available.allows(suite))
        suite = good
        suite.keyExchange = KeyExchangeMethod(rawValue: 35)
        #expect(!available.allows(suite))
        suite = good
        suite.additionalKeyExchanges = [.mlKEM768]
        #expect(available.allows(suite))
        suite.additionalKeyExchanges = [KeyExchangeMethod(rawValue: 35)]
        #expect(!available.allows(suite))
        #expect(available.allows(ESPSuite(encryption: .aesCBC, keyBits: 256, integrity: .hmacSHA256_128)))
        #expect(!available.allows(ESPSuite(encryption: .aesCBC, keyBits: 256)))
        #expect(!available.allows(ESPSuite(encryption: .aesGCM16, keyBits: 128)))
        #expect(available.allows(ESPSuite(encryption: .chaCha20Poly1305, keyBits: 256, keyExchange: .ecp384)))
    }
}

@Suite struct SimulatedCryptoProviderTests {
    @Test func keyExchangeFollowsFromTheSeedAndBothEndsAgree() throws {
        let methods: [KeyExchangeMethod] = [.x25519, .ecp384, .modp4096]
        for method in methods {
            let one = SimulatedCryptoProvider(seed: 1)
            let two = SimulatedCryptoProvider(seed: 2)
            let ours = try one.generateKeyExchange(method)
            let theirs = try two.generateKeyExchange(method)
            #expect(ours.publicValue.count == method.publicValueLength)
            #expect(ours.publicValue != theirs.publicValue)
            let secret = try one.sharedSecret(ours, peerValue: theirs.publicValue)
            #expect(secret.isEqual(to: try two.sharedSecret(theirs, peerValue: ours.publicValue)))
            let again = try SimulatedCryptoProvider(seed: 1).generateKeyExchange(method)
            #expect(again.publicValue == ours.publicValue)
            #expect(try one.generateKeyExchange(method).publicValue != ours.publicValue)
            let other = try one.generateKeyExchange(method)
            #expect(!secret.isEqual(to: try one.sharedSecret(other, peerValue: theirs.publicValue)))
            #expect(throws: CryptoFailure.invalidPublicValue) {
                try one.sharedSecret(ours, peerValue: Array(theirs.publicValue.dropLast()))
            }
        }
    }

    @Test func simulatedSignaturesBindOctetsAndIdentity() throws {
        let provider = SimulatedCryptoProvider(seed: 1)
        let key = SimulatedCryptoProvider.signingKey(identity: [1, 2, 3])
        let auth = try provider.sign(pattern(9), key: key, peerHashes: [.identity], policy: SignaturePolicy())
        let peer = try provider.verificationKey(spkiDER: key.publicKeyDER)
        try provider.verify(auth, octets: pattern(9), key: peer, policy: SignaturePolicy())
        #expect(throws: SignatureRefusal.badSignature) {
            try provider.verify(auth, octets: pattern(8), key: peer, policy: SignaturePolicy())
        }
        let other = try provider.verificationKey(spkiDER: SimulatedCryptoProvider.publicKey([1, 2, 4]))
        #expect(throws: SignatureRefusal.badSignature) {
            try provider.verify(auth, octets: pattern(9), key: other, policy: SignaturePolicy())
        }
    }

    @Test func realCryptographyRefusesSimulatedKeys() throws {
        let simulated = SimulatedCryptoProvider(seed: 1)
        let real = StandardCryptoProvider()
        let key = SimulatedCryptoProvider.signingKey(identity: [1])
        #expect(throws: KeyRefusal.unreadable) { try real.verificationKey(spkiDER: key.publicKeyDER) }
        #expect(throws: SignatureRefusal.self) {
            try real.sign([1], key: key, peerHashes: Set(SignatureHash.allCases), policy: SignaturePolicy())
        }
        #expect(throws: SignatureRefusal.self) {
            try real.sign([1], key: key, peerHashes: nil, policy: SignaturePolicy(allowRawECDSA: true))
        }
        let auth = try simulated.sign([1], key: key, peerHashes: [.identity], policy: SignaturePolicy())
        let peer = try simulated.verificationKey(spkiDER: key.publicKeyDER)
        #expect(throws: SignatureRefusal.keyTypeMismatch) {
            try real.verify(auth, octets: [1], key: peer, policy: SignaturePolicy())
        }
        let exchange = try simulated.generateKeyExchange(.x25519)
        #expect(throws: CryptoFailure.unsupportedAlgorithm) {
            try real.sharedSecret(exchange, peerValue: exchange.publicValue)
        }
    }
}
