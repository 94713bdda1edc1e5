import IPsecTypes
import Testing

@testable import IKECrypto

@Suite struct KeyScheduleTests {
    private let provider = StandardCryptoProvider()

    private struct CAVPFile: Decodable {
        struct Case: Decodable {
            var id: String
            var hash: String
            var ni_nr: Hex?
            var g_ir: Hex?
            var skeyseed: Hex?
            var key: Hex?
            var seed: Hex?
            var output: Hex?
        }
        var tests: [Case]
    }

    private struct KeymatFile: Decodable {
        struct Case: Decodable {
            var id: String
            var hash: String
            var ni: Hex
            var nr: Hex
            var g_ir: Hex
            var g_ir_new: Hex
            var spi_i: Hex
            var spi_r: Hex
            var dkm: Hex
            var dkm_child: Hex
            var dkm_child_dh: Hex
            var skeyseed_rekey: Hex
        }
        var tests: [Case]
    }

    private func prf(_ name: String) -> PRFAlgorithm {
        switch name {
        case "sha256": .hmacSHA256
        case "sha384": .hmacSHA384
        default: .hmacSHA512
        }
    }

    private func spi(_ hex: Hex) -> IKESPI { IKESPI(hex.bytes.reduce(0) { $0 << 8 | UInt64($1) }) }

    @Test func cavpAnswersForPRFAndExpansion() throws {
        for test in try Vectors.json("ipsec/ikev2-kdf-cavp.json", as: CAVPFile.self).tests {
            if let nonces = test.ni_nr, let secret = test.g_ir {
                let seed = try provider.prf(prf(test.hash), key: SecretBytes(nonces.bytes), [.bytes(secret.bytes)])
                #expect(seed.revealed == test.skeyseed?.bytes, "\(test.id)")
            } else {
                let key = SecretBytes(try #require(test.key).bytes)
                let seed = try #require(test.seed).bytes
                let expected = try #require(test.output).bytes
                let output = try provider.prfPlus(
                    prf(test.hash),
                    key: key,
                    seed: [.bytes(seed)],
                    count: expected.count
                )
                #expect(output.revealed == expected, "\(test.id)")
            }
        }
    }

    /// SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr, as the vectors write them.
    private func flattened(_ keys: IKEKeys) -> [UInt8] {
        let ends = [keys.initiator, keys.responder]
        return keys.skD.revealed + ends.flatMap(\.integrityKey.revealed)
            + ends.flatMap { $0.encryptionKey.revealed + $0.salt.revealed } + keys.skPi.revealed + keys.skPr.revealed
    }

    private func flattened(_ keys: ChildKeys) -> [UInt8] {
        [keys.initiator, keys.responder].flatMap { $0.encryption.revealed + $0.salt.revealed + $0.integrity.revealed }
    }

    @Test func keysOfIKESAsAndChildrenFollowKnownAnswers() throws {
        let schedule = IKEKeySchedule(provider: provider)
        for test in try Vectors.json("ipsec/ikev2-keymat-full.json", as: KeymatFile.self).tests {
            let nonces = NoncePair(initiatorNonce: test.ni.bytes, responderNonce: test.nr.bytes)
            for (cipher, integrity) in [
                (EncryptionAlgorithm.aesGCM16, IntegrityAlgorithm.none), (.aesCBC, .hmacSHA256_128),
            ] {
                let suite = IKESuite(
                    encryption: cipher,
                    keyBits: 256,
                    prf: prf(test.hash),
                    integrity: integrity,
                    keyExchange: .modp2048
                )
                let keys = try schedule.initialKeys(
                    suite: suite,
                    sharedSecret: SecretBytes(test.g_ir.bytes),
                    nonces: nonces,
                    initiatorSPI: spi(test.spi_i),
                    responderSPI: spi(test.spi_r)
                )
                let flat = flattened(keys)
                #expect(flat == Array(test.dkm.bytes.prefix(flat.count)), "\(test.id)")
                #expect(flat.count <= test.dkm.bytes.count)

                let esp = ESPSuite(encryption: cipher, keyBits: 128, integrity: integrity)
                let child = flattened(
                    try schedule.childKeys(
                        suite: esp,
                        prf: suite.prf,
                        skD: keys.skD,
                        sharedSecret: nil,
                        nonces: nonces
                    )
                )
                #expect(child == Array(test.dkm_child.bytes.prefix(child.count)), "\(test.id)")
                let fresh = flattened(
                    try schedule.childKeys(
                        suite: esp,
                        prf: suite.prf,
                        skD: keys.skD,
                        sharedSecret: SecretBytes(test.g_ir_new.bytes),
                        nonces: nonces
                    )
                )
                #expect(fresh == Array(test.dkm_child_dh.bytes.prefix(fresh.count)), "\(test.id)")
            }
        }
    }

    @Test func aRekeyedIKESATakesItsSeedFromTheOldPRFAndItsKeysFromTheNew() throws {
        let schedule = IKEKeySchedule(provider: provider)
        for test in try Vectors.json("ipsec/ikev2-keymat-full.json", as: KeymatFile.self).tests {
            let old = prf(test.hash)
            let skD = SecretBytes(test.dkm.bytes.prefix(try #require(old.outputLength)))
            let suite = IKESuite(
                encryption: .chaCha20Poly1305,
                keyBits: 256,
                prf: .hmacSHA256,
                keyExchange: .x25519
            )
            let keys = try schedule.rekeyedKeys(
                suite: suite,
                oldPRF: old,
                oldSKd: skD,
                sharedSecret: SecretBytes(test.g_ir_new.bytes),
                nonces: NoncePair(initiatorNonce: test.ni.bytes, responderNonce: test.nr.bytes),
                initiatorSPI: spi(test.spi_i),
                responderSPI: spi(test.spi_r)
            )
            let seed: [CryptoInput] = [
                .bytes(test.ni.bytes), .bytes(test.nr.bytes), .bytes(test.spi_i.bytes), .bytes(test.spi_r.bytes),
            ]
            let expected = try provider.prfPlus(
                .hmacSHA256,
                key: SecretBytes(test.skeyseed_rekey.bytes),
                seed: seed,
                count: 3 * 32 + 2 * 36
            )
            #expect(flattened(keys) == expected.revealed, "\(test.id)")
        }
    }

    @Test func suitesWithoutIntegrityOrWithTwoAreRefused() {
        let schedule = IKEKeySchedule(provider: provider)
        let nonces = NoncePair(initiatorNonce: pattern(32), responderNonce: pattern(32))
        let refused: [(EncryptionAlgorithm, Int, IntegrityAlgorithm)] = [
            (.aesCBC, 256, .none), (.aesGCM16, 256, .hmacSHA256_128), (.aesGCM16, 0, .none), (.aesGCM16, 512, .none),
            (.chaCha20Poly1305, 128, .none), (EncryptionAlgorithm(rawValue: 11), 0, .hmacSHA256_128),
            (.aesCBC, 128, IntegrityAlgorithm(rawValue: 2)),
        ]
        for (cipher, bits, integrity) in refused {
            #expect(throws: CryptoFailure.unsupportedAlgorithm) {
                try schedule.childKeys(
                    suite: ESPSuite(encryption: cipher, keyBits: bits, integrity: integrity),
                    prf: .hmacSHA256,
                    skD: SecretBytes(pattern(32)),
                    sharedSecret: nil,
                    nonces: nonces
                )
            }
        }
    }

    @Test func expansionStopsAt255Blocks() throws {
        let key = SecretBytes(pattern(32))
        #expect(try provider.prfPlus(.hmacSHA256, key: key, seed: [], count: 255 * 32).count == 255 * 32)
        #expect(try provider.prfPlus(.hmacSHA256, key: key, seed: [], count: 0).count == 0)
        #expect(throws: CryptoFailure.outputTooLong) {
            try provider.prfPlus(.hmacSHA256, key: key, seed: [], count: 255 * 32 + 1)
        }
        #expect(throws: CryptoFailure.unsupportedAlgorithm) {
            try provider.prfPlus(PRFAlgorithm(rawValue: 2), key: key, seed: [], count: 20)
        }
    }

    private struct MixFile: Decodable {
        struct PPK: Decodable {
            var hash: String
            var ppk: Hex
            var dkm_without_ppk: Hex
            var sk_d: Hex
            var sk_pi: Hex
            var sk_pr: Hex
        }
        struct Multiple: Decodable {
            var hash: String
            var ni: Hex
            var nr: Hex
            var spi_i: Hex
            var spi_r: Hex
            var g_ir: Hex
            var additional_shared_secret: Hex
            var dkm0: Hex
            var dkm1: Hex
        }
        var ppk: [PPK]
        var multiple_ke: [Multiple]
    }

    /// RFC 8784 §3.
    @Test func aPostQuantumPreSharedKeyChangesThreeKeys() throws {
        let schedule = IKEKeySchedule(provider: provider)
        let tests = try Vectors.json("ipsec/ikev2-ppk-mke.json", as: MixFile.self).ppk
        #expect(!tests.isEmpty)
        for test in tests {
            let prf = prf(test.hash)
            let length = try #require(prf.outputLength)
            // SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr with integrity keys of the hash's length.
            let stream = test.dkm_without_ppk.bytes
            let start = 3 * length + 2 * 36
            let plain = PPKKeys(
                skD: SecretBytes(Array(stream.prefix(length))),
                skPi: SecretBytes(Array(stream[start..<(start + length)])),
                skPr: SecretBytes(Array(stream[(start + length)..<(start + 2 * length)]))
            )
            let mixed = try schedule.mixed(plain, prf: prf, ppk: SecretBytes(test.ppk.bytes))
            #expect(mixed.skD.revealed == test.sk_d.bytes)
            #expect(mixed.skPi.revealed == test.sk_pi.bytes)
            #expect(mixed.skPr.revealed == test.sk_pr.bytes)
        }
    }

    /// RFC 9370 §2.2.2.
    @Test func anAdditionalKeyExchangeChangesAllKeys() throws {
        let schedule = IKEKeySchedule(provider: provider)
        let tests = try Vectors.json("ipsec/ikev2-ppk-mke.json", as: MixFile.self).multiple_ke
        #expect(!tests.isEmpty)
        for test in tests {
            let suite = IKESuite(encryption: .aesGCM16, keyBits: 256, prf: prf(test.hash), keyExchange: .x25519)
            let nonces = NoncePair(initiatorNonce: test.ni.bytes, responderNonce: test.nr.bytes)
            let first = try schedule.initialKeys(
                suite: suite,
                sharedSecret: SecretBytes(test.g_ir.bytes),
                nonces: nonces,
                initiatorSPI: spi(test.spi_i),
                responderSPI: spi(test.spi_r)
            )
            let second = try schedule.keys(
                after: first,
                suite: suite,
                sharedSecret: SecretBytes(test.additional_shared_secret.bytes),
                nonces: nonces,
                initiatorSPI: spi(test.spi_i),
                responderSPI: spi(test.spi_r)
            )
            let flat = flattened(second)
            #expect(flattened(first) == Array(test.dkm0.bytes.prefix(flat.count)))
            #expect(flat == Array(test.dkm1.bytes.prefix(flat.count)))
        }
    }
}
