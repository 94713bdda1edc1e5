import IPsecTypes
import LegacyDigests
import Testing

@Suite struct FixedLegacyDigestsTests {
    @Test func natDetectionAndCertificateRequestsHashAsIKEv2Says() {
        // SHA-1 of 8 + 8 bytes of SPI, address and port, computed apart.
        let hash = FixedLegacyDigests.natDetection(
            initiatorSPI: IKESPI(0x0102_0304_0506_0708),
            responderSPI: IKESPI(0),
            endpoint: Endpoint(.v4(0xC000_0201), port: 500)
        )
        #expect(Hex.encode(hash) == "644b4575455bd6fcc1efe2be8162a9218e448e5f")
        #expect(Hex.encode(FixedLegacyDigests.authorityHash(spkiDER: Array("abc".utf8))) == Self.abc)
    }

    @Test func digestsAnswerAsTheirSpecificationsSay() {
        // RFC 1321 appendix A.5, RFC 2202 §2 case 2, RFC 3174 §7.3 test 1.
        #expect(Hex.encode(FixedLegacyDigests.md5(Array("abc".utf8))) == "900150983cd24fb0d6963f7d28e17f72")
        let code = FixedLegacyDigests.hmacMD5(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Hex.encode(code) == "750c783e6ab0b503eaa86e310a5db738")
        #expect(Hex.encode(FixedLegacyDigests.sha1(Array("abc".utf8))) == Self.abc)
    }

    @Test func mschapv2HasItsHashAndItsCipher() throws {
        // RFC 1320 appendix A.5; the DES example of many textbooks, its key without the parity bits.
        #expect(Hex.encode(FixedLegacyDigests.md4(Array("abc".utf8))) == "a448017aaf21d8525fc10ae87aa6729d")
        #expect(Hex.encode(FixedLegacyDigests.md4([])) == "31d6cfe0d16ae931b73c59d7e0c089c0")
        let key = try #require(Hex.decode("12695bc9b7b7f8".utf8))
        let block = try #require(Hex.decode("0123456789abcdef".utf8))
        #expect(FixedLegacyDigests.desBlock(block, key: key).map { Hex.encode($0) } == "85e813540f0ab405")
        #expect(FixedLegacyDigests.desBlock(block, key: block) == nil, "eight bytes are no key here")
        #expect(FixedLegacyDigests.desBlock(key, key: key) == nil, "seven bytes are no block")
    }

    private static let abc = "a9993e364706816aba3e25717850c26c9cd0d89d"
}
