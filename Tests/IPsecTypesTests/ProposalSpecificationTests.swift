import IPsecTypes
import Testing

private func ikeError(_ text: String) -> ProposalNameError? {
    do throws(ProposalNameError) {
        _ = try IKEProposalSpecification(text)
        return nil
    } catch {
        return error
    }
}

@Test func proposalsReadAndShowInTheSameForm() throws {
    for text in [
        "aes256gcm-prfsha384-x25519", "chacha20poly1305-aes128gcm-prfsha256-prfsha512-ecp384-modp4096",
        "aes256cbc-aes128cbc-sha256-sha512-prfsha256-modp2048", "aes192gcm-prfsha256-modp8192-modp6144",
    ] { #expect(try IKEProposalSpecification(text).description == text) }
    for text in [
        "aes256gcm", "aes256gcm-x25519-noesn", "aes256gcm-esn", "aes128cbc-sha384-ecp521", "aes256gcm-noesn-esn",
    ] {
        #expect(try ESPProposalSpecification(text).description == text)
    }
}

@Test func prfAndSequenceNumbersHaveDefaults() throws {
    #expect(try IKEProposalSpecification("aes256gcm-x25519").prfs == [.hmacSHA384, .hmacSHA256])
    #expect(try IKEProposalSpecification("aes256cbc-sha512-x25519").prfs == [.hmacSHA512])
    #expect(try ESPProposalSpecification("aes256gcm").extendedSequenceNumbers == [true, false])
    #expect(try ESPProposalSpecification("aes256gcm-noesn").extendedSequenceNumbers == [false])
    #expect(try ESPProposalSpecification("AES256GCM16").ciphers == [CipherChoice(.aesGCM16, keyBits: 256)])
}

@Test func everyWeakAlgorithmIsRefusedWithAReason() {
    for word in [
        "des", "3des", "blowfish128", "rc4", "null", "md5", "sha1", "modp768", "modp1024", "modp1536", "ecp192",
        "aes128gcm8", "modp2048s256", "prfsha1",
    ] {
        let error = ikeError("aes256gcm-prfsha256-x25519-\(word)")
        #expect(error?.code == .weakAlgorithm, "\(word)")
        #expect(error?.message.hasPrefix("\(word) is refused: ") == true)
    }
    #expect(ikeError("aes256gcm-x448")?.code == .unknownAlgorithm)
    // ML-KEM-512 is refused in every place.
    for text in ["mlkem512", "x25519+mlkem512", "x25519-ke1_mlkem512"] {
        #expect(ikeError("aes256gcm-\(text)")?.code == .weakAlgorithm, "\(text)")
    }
    #expect(ikeError("aes256gmc-x25519")?.nearest == "aes256gcm")
}

@Test func combinationsThatMakeNoSenseAreRefused() {
    for text in [
        "", "-", "aes256gcm", "x25519", "aes256gcm--x25519", "aes256gcm-aes256cbc-sha256-x25519",
        "aes256gcm-sha256-x25519", "aes256cbc-x25519", "aes256gcm-x25519-esn",
    ] { #expect(ikeError(text) != nil, "\(text)") }
    #expect(throws: ProposalNameError.self) { try ESPProposalSpecification("aes256gcm-prfsha256") }
    #expect(ikeError([String](repeating: "x25519", count: 50).joined(separator: "-"))?.code == .outOfRange)
}

@Test func additionalKeyExchangesReadInBothForms() throws {
    let one = try IKEProposalSpecification("aes256gcm-prfsha384-x25519+mlkem768")
    #expect(one.keyExchanges == [.x25519])
    #expect(one.additionalKeyExchanges == [[.mlKEM768]])
    #expect(one.description == "aes256gcm-prfsha384-x25519+mlkem768")
    #expect(try IKEProposalSpecification("aes256gcm-prfsha384-x25519-ke1_mlkem768") == one)
    let many = try IKEProposalSpecification("aes256gcm-prfsha384-x25519-ecp384-ke1_mlkem768-ke1_mlkem1024-ke2_ecp521")
    #expect(many.additionalKeyExchanges == [[.mlKEM768, .mlKEM1024], [.ecp521]])
    #expect(try IKEProposalSpecification(many.description) == many)
    #expect(
        try IKEProposalSpecification("aes256gcm-prfsha384-x25519+mlkem768-ecp384+mlkem1024").additionalKeyExchanges
            == [[.mlKEM768, .mlKEM1024]]
    )
    let child = try ESPProposalSpecification("aes256gcm-x25519+mlkem768")
    #expect(child.description == "aes256gcm-x25519+mlkem768")
    #expect(try IKEProposalSpecification("aes256gcm-mlkem1024").keyExchanges == [.mlKEM1024])
}

@Test func additionalKeyExchangesThatMakeNoSenseAreRefused() {
    for text in [
        "x25519+mlkem768-ecp384", "x25519+", "+mlkem768", "x25519+x25519", "ke1_mlkem768", "x25519-ke2_mlkem768",
        "x25519-ke8_mlkem768", "x25519-ke0_mlkem768", "x25519-ke1_", "x25519+mlkem768+ecp999", "x25519-ke_mlkem768",
        "x25519+ecp256+ecp384+ecp521+modp2048+modp3072+modp4096+modp6144+modp8192",
    ] { #expect(ikeError("aes256gcm-\(text)") != nil, "\(text)") }
    #expect(throws: ProposalNameError.self) { try ESPProposalSpecification("aes256gcm-ke1_mlkem768") }
    #expect(ikeError("aes256gcm-x25519+mlkem786")?.nearest == "mlkem768")
}
