import CLibcrypto
import IKECrypto
import IPsecTypes
import Testing

/// The libcrypto contexts that ESP and SK payloads share, against Wycheproof; one context serves a key's whole group.
@Suite struct WycheproofSymmetricTests {
    private func code(_ name: String, _ keySize: Int) -> Int32 {
        switch (name, keySize) {
        case ("aes_gcm", 128): CULVERT_AES_128_GCM
        case ("aes_gcm", 192): CULVERT_AES_192_GCM
        case ("aes_gcm", 256): CULVERT_AES_256_GCM
        default: CULVERT_CHACHA20_POLY1305
        }
    }

    @Test(arguments: ["aes_gcm", "chacha20_poly1305"])
    func anAEADSealsAndOpensValidCasesAndRefusesInvalidOnes(name: String) throws {
        var checked = 0
        for group in try Vectors.wycheproof(name) where group.ivSize == 96 && group.tagSize == 128 {
            for test in group.tests {
                let key = try #require(test.key).bytes
                let nonce = try #require(test.iv).bytes
                let aad = try #require(test.aad).bytes
                let message = try #require(test.msg).bytes
                let cipher = try #require(test.ct).bytes
                let tag = try #require(test.tag).bytes
                let opener = try #require(culvert_aead_new(code(name, key.count * 8), 0, key, key.count))
                defer { culvert_cipher_free(opener) }
                // The context is used twice, to show that it starts afresh with each nonce.
                for _ in 0..<2 {
                    var data = cipher
                    let opened = culvert_aead_open(opener, nonce, aad, aad.count, &data, data.count, tag)
                    #expect((opened == 1) == (test.result == "valid"), "\(name) \(test.tcId)")
                    #expect(data == (opened == 1 ? message : [UInt8](repeating: 0, count: data.count)))
                }
                guard test.result == "valid" else { continue }
                let sealer = try #require(culvert_aead_new(code(name, key.count * 8), 1, key, key.count))
                defer { culvert_cipher_free(sealer) }
                for _ in 0..<2 {
                    var data = message
                    var made = [UInt8](repeating: 0, count: 16)
                    #expect(culvert_aead_seal(sealer, nonce, aad, aad.count, &data, data.count, &made) == 1)
                    #expect(data == cipher && made == tag, "\(name) \(test.tcId)")
                }
                checked += 1
            }
        }
        #expect(checked >= 15)
    }

    @Test func cipherBlockChainingMatchesValidCasesAndRefusesOddLengths() throws {
        for group in try Vectors.wycheproof("aes_cbc_pkcs5") {
            for test in group.tests {
                let key = try #require(test.key).bytes
                let iv = try #require(test.iv).bytes
                let message = try #require(test.msg).bytes
                let cipher = try #require(test.ct).bytes
                let opener = try #require(culvert_cbc_new(0, key, key.count))
                defer { culvert_cipher_free(opener) }
                var data = cipher
                let opened = culvert_cbc_run(opener, iv, &data, data.count)
                #expect((opened == 1) == (cipher.count % 16 == 0), "\(test.tcId)")
                guard test.result == "valid" else { continue }
                let pad = 16 - message.count % 16
                let padded = message + [UInt8](repeating: UInt8(pad), count: pad)
                #expect(data == padded, "\(test.tcId)")
                let sealer = try #require(culvert_cbc_new(1, key, key.count))
                defer { culvert_cipher_free(sealer) }
                for _ in 0..<2 {
                    var sealed = padded
                    #expect(culvert_cbc_run(sealer, iv, &sealed, sealed.count) == 1)
                    #expect(sealed == cipher, "\(test.tcId)")
                }
            }
        }
    }

    @Test(arguments: [
        ("hmac_sha256", PRFAlgorithm.hmacSHA256, CULVERT_SHA256), ("hmac_sha384", .hmacSHA384, CULVERT_SHA384),
        ("hmac_sha512", .hmacSHA512, CULVERT_SHA512),
    ])
    func authenticationCodesMatchInBothLibraries(name: String, prf: PRFAlgorithm, digest: Int32) throws {
        let provider = StandardCryptoProvider()
        for group in try Vectors.wycheproof(name) {
            for test in group.tests {
                let key = try #require(test.key).bytes
                let message = try #require(test.msg).bytes
                let tag = try #require(test.tag).bytes
                let whole = try provider.prf(prf, key: SecretBytes(key), [.bytes(message)]).revealed
                #expect((Array(whole.prefix(tag.count)) == tag) == (test.result == "valid"), "\(name) \(test.tcId)")
                let context = try #require(culvert_hmac_new(digest, key, key.count))
                defer { culvert_hmac_free(context) }
                for split in [0, message.count / 2, message.count] {
                    var made = [UInt8](repeating: 0, count: tag.count)
                    let head = Array(message.prefix(split))
                    let tail = Array(message.dropFirst(split))
                    #expect(culvert_hmac_two(context, head, head.count, tail, tail.count, &made, made.count) == 1)
                    #expect(made == Array(whole.prefix(tag.count)))
                }
            }
        }
    }

    @Test func aContextRefusesKeysOfAnotherLength() {
        let key = pattern(64)
        #expect(culvert_aead_new(CULVERT_AES_128_GCM, 1, key, 32) == nil)
        #expect(culvert_aead_new(CULVERT_CHACHA20_POLY1305, 1, key, 16) == nil)
        #expect(culvert_aead_new(9, 1, key, 32) == nil)
        #expect(culvert_cbc_new(1, key, 20) == nil)
        #expect(culvert_hmac_new(9, key, 32) == nil)
        #expect(culvert_equal(key, key, 64) == 1)
        #expect(culvert_equal(key, pattern(64, from: 1), 64) == 0)
        #expect(culvert_equal(nil, nil, 0) == 1)
    }
}
