import IPsecTypes
import Testing

@testable import IKECrypto

@Suite struct SKProtectionTests {
    private let provider = StandardCryptoProvider()

    private struct ChaChaFile: Decodable {
        struct Case: Decodable {
            var kind: String
            var key: Hex
            var salt: Hex
            var iv: Hex
            var aad: Hex
            var inner_payloads: Hex?
            var ike_message: Hex?
        }
        var tests: [Case]
    }

    private struct CaptureFile: Decodable {
        struct Keys: Decodable {
            var sk_ei: Hex
            var sk_er: Hex
        }
        struct Frame: Decodable {
            var frame: Int
            var flags: UInt8
            var message: Hex
            var inner_payloads: Hex
        }
        var ike_keys: Keys
        var frames: [Frame]
    }

    private static let suites: [(EncryptionAlgorithm, Int, IntegrityAlgorithm)] = [
        (.aesGCM16, 128, .none), (.aesGCM16, 192, .none), (.aesGCM16, 256, .none), (.chaCha20Poly1305, 256, .none),
        (.aesCBC, 128, .hmacSHA256_128), (.aesCBC, 192, .hmacSHA384_192), (.aesCBC, 256, .hmacSHA512_256),
        (.aesCBC, 256, .hmacSHA256_128),
    ]

    private func keys(_ suite: (EncryptionAlgorithm, Int, IntegrityAlgorithm), from first: UInt8 = 0) throws -> SKKeys {
        try SKKeys(
            cipher: suite.0,
            integrity: suite.2,
            encryptionKey: SecretBytes(pattern(suite.1 / 8, from: first)),
            salt: SecretBytes(pattern(suite.0.saltLength, from: 99)),
            integrityKey: SecretBytes(pattern(suite.2.keyLength ?? 0, from: first &+ 7))
        )
    }

    @Test func rfc7634AppendixBIsSealedAndOpened() throws {
        let file = try Vectors.json("ipsec/chacha20poly1305-rfc7634.json", as: ChaChaFile.self)
        let test = try #require(file.tests.first { $0.kind == "IKE" })
        let message = try #require(test.ike_message).bytes
        let inner = try #require(test.inner_payloads).bytes
        let keys = try SKKeys(
            cipher: .chaCha20Poly1305,
            integrity: .none,
            encryptionKey: SecretBytes(test.key.bytes),
            salt: SecretBytes(test.salt.bytes),
            integrityKey: SecretBytes([])
        )
        let head = test.aad.bytes
        #expect(try provider.open(message: message, bodyOffset: head.count, keys: keys) == inner)
        let body = try provider.seal(inner, associatedData: head, iv: test.iv.bytes, keys: keys)
        #expect(head + body == message)
    }

    @Test func aCapturedConnectionIsReadInFull() throws {
        let capture = try Vectors.json("ipsec/ikev2-capture-gcm.json", as: CaptureFile.self)
        for frame in capture.frames {
            let key = frame.flags & 0x08 != 0 ? capture.ike_keys.sk_ei.bytes : capture.ike_keys.sk_er.bytes
            let keys = try SKKeys(
                cipher: .aesGCM16,
                integrity: .none,
                encryptionKey: SecretBytes(key.prefix(32)),
                salt: SecretBytes(key.suffix(4)),
                integrityKey: SecretBytes([])
            )
            let opened = try provider.open(message: frame.message.bytes, bodyOffset: 32, keys: keys)
            #expect(opened == frame.inner_payloads.bytes, "frame \(frame.frame)")
        }
    }

    @Test func everySuiteOpensWhatItSealedAtEveryLength() throws {
        let head = pattern(32, from: 0x80)
        for suite in Self.suites {
            let keys = try keys(suite)
            for count in Array(0...49) + [1200, 65_000] {
                let plain = pattern(count, from: 3)
                let iv = pattern(keys.ivLength, from: UInt8(truncatingIfNeeded: count))
                let body = try provider.seal(plain, associatedData: head, iv: iv, keys: keys)
                #expect(body.count == keys.sealedLength(plaintextCount: count))
                #expect(Array(body.prefix(keys.ivLength)) == iv)
                #expect(try provider.open(message: head + body, bodyOffset: head.count, keys: keys) == plain)
            }
        }
    }

    @Test func theCapacityOfABodyIsTheLargestPlaintextThatFits() throws {
        for suite in Self.suites {
            let keys = try keys(suite)
            for limit in 0...120 {
                guard let capacity = keys.plaintextCapacity(bodyLimit: limit) else {
                    #expect(keys.sealedLength(plaintextCount: 0) > limit)
                    continue
                }
                #expect(keys.sealedLength(plaintextCount: capacity) <= limit)
                #expect(keys.sealedLength(plaintextCount: capacity + 1) > limit)
            }
        }
    }

    @Test func everyFlippedByteIsNoticed() throws {
        let head = pattern(32, from: 0x80)
        for suite in Self.suites {
            let keys = try keys(suite)
            let body = try provider.seal(
                pattern(40),
                associatedData: head,
                iv: pattern(keys.ivLength),
                keys: keys
            )
            for index in 0..<(head.count + body.count) {
                var message = head + body
                message[index] ^= 0x10
                #expect(throws: CryptoFailure.authenticationFailed) {
                    try provider.open(message: message, bodyOffset: head.count, keys: keys)
                }
            }
            #expect(throws: CryptoFailure.authenticationFailed) {
                try provider.open(message: head + body, bodyOffset: head.count, keys: try self.keys(suite, from: 1))
            }
        }
    }

    @Test func bodiesOfAnyLengthAndOffsetAreRefusedWithoutATrap() throws {
        for suite in Self.suites {
            let keys = try keys(suite)
            for count in 0...100 {
                #expect(throws: CryptoFailure.self) {
                    try provider.open(message: pattern(count), bodyOffset: 0, keys: keys)
                }
            }
            for offset in [-1, 101, Int.min, Int.max] {
                #expect(throws: CryptoFailure.badLength) {
                    try provider.open(message: pattern(100), bodyOffset: offset, keys: keys)
                }
            }
        }
    }

    @Test func anAuthenticPadLengthBeyondTheTextIsRefused() throws {
        // Sealing a crafted plaintext without our own padding: the last byte claims more padding than there is.
        let head = pattern(32, from: 0x80)
        let keys = try keys((.aesGCM16, 128, .none))
        var body = pattern(8) + [UInt8](repeating: 0, count: 9) + [10] + [UInt8](repeating: 0, count: 16)
        let sealed = AEADForTests.seal(&body, head: head, salt: keys.salt.revealed, key: pattern(16))
        #expect(sealed)
        #expect(throws: CryptoFailure.badPadding) {
            try provider.open(message: head + body, bodyOffset: head.count, keys: keys)
        }
    }

    @Test func anIVOfAnotherLengthIsRefused() throws {
        for suite in Self.suites {
            let keys = try keys(suite)
            for count in 0...20 where count != keys.ivLength {
                #expect(throws: CryptoFailure.badLength) {
                    try provider.seal([1], associatedData: [], iv: pattern(count), keys: keys)
                }
            }
        }
    }

    @Test func keysThatDoNotFitTheirAlgorithmsAreRefused() {
        let none = SecretBytes([])
        #expect(throws: CryptoFailure.badLength) {
            try SKKeys(
                cipher: .aesGCM16,
                integrity: .none,
                encryptionKey: SecretBytes(pattern(32)),
                salt: none,
                integrityKey: none
            )
        }
        #expect(throws: CryptoFailure.unsupportedAlgorithm) {
            try SKKeys(
                cipher: .aesGCM16,
                integrity: .none,
                encryptionKey: SecretBytes(pattern(36)),
                salt: SecretBytes(pattern(4)),
                integrityKey: none
            )
        }
        #expect(throws: CryptoFailure.unsupportedAlgorithm) {
            try SKKeys(
                cipher: .aesCBC,
                integrity: .none,
                encryptionKey: SecretBytes(pattern(32)),
                salt: none,
                integrityKey: none
            )
        }
        #expect(throws: CryptoFailure.badLength) {
            try SKKeys(
                cipher: .aesCBC,
                integrity: .hmacSHA256_128,
                encryptionKey: SecretBytes(pattern(32)),
                salt: none,
                integrityKey: SecretBytes(pattern(31))
            )
        }
    }
}
