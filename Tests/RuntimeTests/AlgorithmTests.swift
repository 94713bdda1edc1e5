import ConfigFile
import ESP
import IKECrypto
import IKEv2
import IPsecTypes
import Testing

@testable import Runtime

@Suite struct AlgorithmTests {
    @Test func whatFailsInESPIsNotOfferedThereAndStaysInIKE() {
        var available = AvailableAlgorithms.tested()
        #expect(available.failed.isEmpty)
        let results = ESPSelfTest.run().map { result in
            var changed = result
            if result.suite.encryption == .aesGCM16, result.suite.keyBits == 256 { changed.isRight = false }
            if result.suite.integrity == .hmacSHA512_256 { changed.isRight = false }
            return changed
        }
        available.take(results)
        #expect(available.failed == ["esp-aes256gcm esn", "esp-aes128cbc-sha512 esn"])
        let child = IKEv2.ESPProposal(ciphers: [.aes256GCM, .chaCha20Poly1305], keyExchanges: [.none])
        #expect(available.usable([child]).first?.ciphers == [.chaCha20Poly1305])
        let cbc = IKEv2.ESPProposal(
            ciphers: [CipherChoice(.aesCBC, keyBits: 256)],
            integrities: [.hmacSHA512_256, .hmacSHA256_128],
            keyExchanges: [.none]
        )
        #expect(available.usable([cbc]).first?.integrities == [.hmacSHA256_128])
        #expect(!available.allows(ESPSuite(encryption: .aesGCM16, keyBits: 256)))
        let parent = IKEv2.IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA256], keyExchanges: [.x25519])
        #expect(available.usable([parent]) == [parent])
    }

    @Test func chaChaGoesFirstWhereTheProcessorHasNoAES() {
        let ciphers: [CipherChoice] = [.aes256GCM, .aes128GCM, .chaCha20Poly1305]
        #expect(CipherOrder.standard(ciphers, hasAES: true) == ciphers)
        #expect(CipherOrder.standard(ciphers, hasAES: false) == [.chaCha20Poly1305, .aes256GCM, .aes128GCM])
        // What somebody chose is offered as it stands.
        var settings = ESPSettings()
        settings.proposals = [try? ESPProposalSpecification("aes128gcm-chacha20poly1305")].compactMap { $0 }
        #expect(settings.offeredProposals.map(\.ciphers) == [[.aes128GCM, .chaCha20Poly1305]])
    }
}
