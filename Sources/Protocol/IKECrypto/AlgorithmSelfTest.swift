import Crypto
import IPsecTypes

/// Known answers at process start: an algorithm that gives another answer is not offered.
///
/// Every check goes through the provider that the process will use, in both directions where there are two, and includes
/// one input that must be refused.
public struct AlgorithmSelfTest: Sendable {
    private let provider: any CryptoProvider
    private var result = AvailableAlgorithms()

    /// Tests everything. It takes a fraction of a second and may run on any thread.
    public static func run(provider: any CryptoProvider = StandardCryptoProvider()) -> AvailableAlgorithms {
        var test = AlgorithmSelfTest(provider: provider)
        test.testPRFs()
        test.testCiphers()
        test.testKeyExchanges()
        test.testSignatures()
        test.result.setESP(ciphers: test.result.ciphers, integrity: test.result.integrity, failed: [])
        return test.result
    }

    private init(provider: any CryptoProvider) {
        self.provider = provider
    }

    // MARK: PRF

    private mutating func testPRFs() {
        let answers: [(PRFAlgorithm, [UInt8])] = [
            (.hmacSHA256, KnownAnswers.hmacSHA256),
            (.hmacSHA384, KnownAnswers.hmacSHA384),
            (.hmacSHA512, KnownAnswers.hmacSHA512),
        ]
        let key = SecretBytes(Array("Jefe".utf8))
        for (algorithm, expected) in answers {
            let input: [CryptoInput] = [.bytes(Array("what do ya want ".utf8)), .bytes(Array("for nothing?".utf8))]
            let output = try? provider.prf(algorithm, key: key, input)
            if let output, output.isEqual(to: SecretBytes(expected)) {
                result.prfs.insert(algorithm)
            } else {
                result.failed.append(algorithm.description)
            }
        }
    }

    // MARK: SK ciphers

    private struct CipherCase {
        var cipher: EncryptionAlgorithm
        var keyBits: Int
        var integrity: IntegrityAlgorithm = .none
        var expected: [UInt8]
    }

    private mutating func testCiphers() {
        let cases = [
            CipherCase(cipher: .aesGCM16, keyBits: 128, expected: KnownAnswers.aesGCM128),
            CipherCase(cipher: .aesGCM16, keyBits: 192, expected: KnownAnswers.aesGCM192),
            CipherCase(cipher: .aesGCM16, keyBits: 256, expected: KnownAnswers.aesGCM256),
            CipherCase(cipher: .chaCha20Poly1305, keyBits: 256, expected: KnownAnswers.chaCha20),
            CipherCase(cipher: .aesCBC, keyBits: 128, integrity: .hmacSHA256_128, expected: KnownAnswers.aesCBC128),
            CipherCase(cipher: .aesCBC, keyBits: 192, integrity: .hmacSHA384_192, expected: KnownAnswers.aesCBC192),
            CipherCase(cipher: .aesCBC, keyBits: 256, integrity: .hmacSHA512_256, expected: KnownAnswers.aesCBC256),
        ]
        for one in cases {
            let name = AvailableAlgorithms.Cipher(one.cipher, keyBits: one.keyBits)
            if passes(one) {
                result.ciphers.insert(name)
                if !one.cipher.isAEAD { result.integrity.insert(one.integrity) }
            } else {
                result.failed.append(one.cipher.isAEAD ? "\(name)" : "\(name)-\(one.integrity)")
            }
        }
    }

    private func passes(_ one: CipherCase) -> Bool {
        let integrityKey = KnownAnswers.pattern(one.integrity.keyLength ?? 0, from: 0x40)
        guard
            let keys = try? SKKeys(
                cipher: one.cipher,
                integrity: one.integrity,
                encryptionKey: SecretBytes(KnownAnswers.pattern(one.keyBits / 8, from: 0)),
                salt: SecretBytes(KnownAnswers.pattern(one.cipher.saltLength, from: 0x20)),
                integrityKey: SecretBytes(integrityKey)
            )
        else { return false }
        let head = KnownAnswers.associatedData
        let iv = KnownAnswers.pattern(keys.ivLength, from: 0x30)
        guard
            let sealed = try? provider.seal(KnownAnswers.message, associatedData: head, iv: iv, keys: keys),
            sealed == one.expected,
            let opened = try? provider.open(message: head + sealed, bodyOffset: head.count, keys: keys),
            opened == KnownAnswers.message
        else { return false }
        var forged = head + sealed
        forged[forged.count - 1] ^= 1
        return (try? provider.open(message: forged, bodyOffset: head.count, keys: keys)) == nil
    }

    // MARK: Key exchange

    private mutating func testKeyExchanges() {
        let answers: [(KeyExchangeMethod, privateLength: Int, [UInt8])] = [
            (.x25519, 32, KnownAnswers.x25519),
            (.ecp256, 32, KnownAnswers.ecp256),
            (.ecp384, 48, KnownAnswers.ecp384),
            (.ecp521, 66, KnownAnswers.ecp521),
            (.modp2048, 16, KnownAnswers.modp2048),
            (.modp3072, 16, KnownAnswers.modp3072),
            (.modp4096, 16, KnownAnswers.modp4096),
            (.modp6144, 16, KnownAnswers.modp6144),
            (.modp8192, 16, KnownAnswers.modp8192),
        ]
        for (method, length, expected) in answers {
            if passes(method, length, expected) {
                result.keyExchanges.insert(method)
            } else {
                result.failed.append(method.description)
            }
        }
        for (method, expected) in [
            (.mlKEM768, KnownAnswers.mlKEM768), (.mlKEM1024, KnownAnswers.mlKEM1024),
        ] as [(KeyExchangeMethod, [UInt8])] {
            if passesEncapsulation(method, expected) {
                result.keyExchanges.insert(method)
            } else {
                result.failed.append(method.description)
            }
        }
    }

    /// Key generation and decapsulation give known bytes (here those of a ciphertext that is rejected, which takes the whole
    /// of FIPS 203 §6.3); encapsulation is random, so it must come out at the other end; and a key whose coefficients are
    /// out of range is refused (FIPS 203 §7.2).
    private func passesEncapsulation(_ method: KeyExchangeMethod, _ expected: [UInt8]) -> Bool {
        guard let keyLength = method.publicValueLength, let length = method.responderValueLength,
            let ours = try? provider.keyExchange(method, privateBytes: SecretBytes(KnownAnswers.pattern(64, from: 1))),
            let rejected = try? provider.sharedSecret(ours, peerValue: KnownAnswers.pattern(length, from: 0x41))
        else { return false }
        var hash = SHA256()
        hash.update(data: ours.publicValue)
        rejected.withUnsafeBytes { hash.update(bufferPointer: $0) }
        guard hash.finalize() == expected,
            let theirs = try? provider.encapsulate(method, peerValue: ours.publicValue),
            let one = try? provider.sharedSecret(ours, peerValue: theirs.publicValue),
            let two = try? provider.sharedSecret(theirs, peerValue: ours.publicValue), one.isEqual(to: two)
        else { return false }
        let outOfRange = [UInt8](repeating: 0xFF, count: keyLength)
        return (try? provider.encapsulate(method, peerValue: outOfRange)) == nil
    }

    private func passes(_ method: KeyExchangeMethod, _ length: Int, _ expected: [UInt8]) -> Bool {
        let ours = KnownAnswers.pattern(length, from: 1)
        // A private value of P-521 has 521 bits in 66 bytes.
        let theirs =
            method == .ecp521 ? [1] + KnownAnswers.pattern(65, from: 0x41) : KnownAnswers.pattern(length, from: 0x41)
        guard
            let one = try? provider.keyExchange(method, privateBytes: SecretBytes(ours)),
            let two = try? provider.keyExchange(method, privateBytes: SecretBytes(theirs)),
            let secret = try? provider.sharedSecret(one, peerValue: two.publicValue)
        else { return false }
        var hash = SHA256()
        hash.update(data: one.publicValue)
        hash.update(data: two.publicValue)
        secret.withUnsafeBytes { hash.update(bufferPointer: $0) }
        guard hash.finalize() == expected else { return false }
        let zero = [UInt8](repeating: 0, count: one.publicValue.count)
        return (try? provider.sharedSecret(one, peerValue: zero)) == nil
    }

    // MARK: Signatures

    private mutating func testSignatures() {
        let rsa = KnownAnswers.rsaKey
        check([.rsaPSS(.sha256)], rsa, KnownAnswers.rsaPSS256)
        check([.rsaPSS(.sha384)], rsa, KnownAnswers.rsaPSS384)
        check([.rsaPSS(.sha512)], rsa, KnownAnswers.rsaPSS512)
        check(
            [.rsaPKCS1(.sha256), .rsaPKCS1(.sha384), .rsaPKCS1(.sha512)],
            rsa,
            KnownAnswers.rsaPKCS1
        )
        check([.ecdsa(.sha256)], KnownAnswers.ecKey256, KnownAnswers.ecdsa256)
        check([.ecdsa(.sha384)], KnownAnswers.ecKey384, KnownAnswers.ecdsa384)
        check([.ecdsa(.sha512)], KnownAnswers.ecKey521, KnownAnswers.ecdsa521)
        check([.ed25519], KnownAnswers.ed25519Key, KnownAnswers.ed25519)
        checkMLDSA(.mlDSA65, 65)
        checkMLDSA(.mlDSA87, 87)
    }

    /// The key of a known seed must be the known one, and what it signs must pass. (A known signature would be 3 to 5 kB.)
    private mutating func checkMLDSA(_ algorithm: SignatureAlgorithm, _ size: Int) {
        let (pkcs8, expected) = size == 65 ? KnownAnswers.mlDSA65 : KnownAnswers.mlDSA87
        guard let key = try? SigningKey(der: pkcs8), Array(SHA256.hash(data: key.publicKeyDER)) == expected,
            let made = try? provider.sign(
                KnownAnswers.message,
                key: key,
                peerHashes: [.identity],
                policy: SignaturePolicy(kinds: [.mlDSA])
            ),
            let signature = SignatureAlgorithm.split(made.data)?.signature
        else {
            result.failed.append(algorithm.description)
            return
        }
        check([algorithm], key.publicKeyDER, signature)
    }

    /// The first algorithm made `signature`; the others stand or fall with it.
    private mutating func check(_ algorithms: [SignatureAlgorithm], _ spki: [UInt8], _ signature: [UInt8]) {
        if let first = algorithms.first, passes(first, spki, signature) {
            result.signatures.formUnion(algorithms)
        } else {
            result.failed.append(contentsOf: algorithms.map(\.description))
        }
    }

    private func passes(_ algorithm: SignatureAlgorithm, _ spki: [UInt8], _ signature: [UInt8]) -> Bool {
        let policy = SignaturePolicy(kinds: Set(SignatureKind.allCases))
        var forged = KnownAnswers.message
        forged[0] ^= 1
        guard
            let key = try? provider.verificationKey(spkiDER: spki),
            let data = algorithm.authenticationData(signature: signature)
        else { return false }
        let good = SignatureAuthentication(method: .digitalSignature, data: data)
        guard
            let found = try? provider.verify(good, octets: KnownAnswers.message, key: key, policy: policy),
            found == algorithm
        else { return false }
        return (try? provider.verify(good, octets: forged, key: key, policy: policy)) == nil
    }
}
