import IPsecTypes
import Testing

@testable import IKECrypto

/// Signature verification against Wycheproof, through AUTH payloads as a peer would send them (A01, A04, A06).
@Suite struct WycheproofSignatureTests {
    private let provider = StandardCryptoProvider()
    private let policy = SignaturePolicy(kinds: Set(SignatureKind.allCases), allowRawECDSA: true)

    private func accepts(
        _ test: Wycheproof.Case,
        _ key: VerificationKey,
        _ algorithm: SignatureAlgorithm,
        rawMethod: AuthMethod? = nil
    ) throws -> Bool {
        let signature = try #require(test.sig).bytes
        let message = try #require(test.msg).bytes
        let data = rawMethod != nil ? signature : try #require(algorithm.authenticationData(signature: signature))
        let authentication = SignatureAuthentication(method: rawMethod ?? .digitalSignature, data: data)
        do {
            return try provider.verify(authentication, octets: message, key: key, policy: policy) == algorithm
        } catch {
            return false
        }
    }

    private func hash(_ name: String?) -> SignatureHash? {
        switch name {
        case "SHA-256": .sha256
        case "SHA-384": .sha384
        case "SHA-512": .sha512
        default: nil
        }
    }

    @Test(arguments: ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512"])
    func ecdsaInDERIsAcceptedOnlyWhenValid(name: String) throws {
        for group in try Vectors.wycheproof(name) {
            let key = try provider.verificationKey(spkiDER: try #require(group.publicKeyDer).bytes)
            let algorithm = SignatureAlgorithm.ecdsa(try #require(hash(group.sha)))
            for test in group.tests {
                #expect(try accepts(test, key, algorithm) == (test.result == "valid"), "\(name) \(test.tcId)")
            }
        }
    }

    @Test(arguments: [
        ("ecdsa_secp256r1_sha256_p1363", AuthMethod.ecdsa256), ("ecdsa_secp384r1_sha384_p1363", .ecdsa384),
        ("ecdsa_secp521r1_sha512_p1363", .ecdsa521),
    ])
    func rawECDSAIsAcceptedOnlyWhenValid(name: String, method: AuthMethod) throws {
        for group in try Vectors.wycheproof(name) {
            let key = try provider.verificationKey(spkiDER: try #require(group.publicKeyDer).bytes)
            let algorithm = SignatureAlgorithm.ecdsa(try #require(hash(group.sha)))
            for test in group.tests {
                let accepted = try accepts(test, key, algorithm, rawMethod: method)
                #expect(accepted == (test.result == "valid"), "\(name) \(test.tcId)")
            }
        }
    }

    @Test func ed25519IsAcceptedOnlyWhenValid() throws {
        for group in try Vectors.wycheproof("ed25519") {
            let key = try provider.verificationKey(spkiDER: try #require(group.publicKeyDer).bytes)
            for test in group.tests {
                #expect(try accepts(test, key, .ed25519) == (test.result == "valid"), "\(test.tcId)")
            }
        }
    }

    @Test(arguments: [
        "rsa_pss_2048_sha256_mgf1_32", "rsa_pss_2048_sha384_mgf1_48", "rsa_pss_4096_sha512_mgf1_64",
    ])
    func probabilisticRSAIsAcceptedOnlyWhenValid(name: String) throws {
        for group in try Vectors.wycheproof(name) {
            let key = try provider.verificationKey(spkiDER: try #require(group.publicKeyDer).bytes)
            let algorithm = SignatureAlgorithm.rsaPSS(try #require(hash(group.sha)))
            for test in group.tests {
                #expect(try accepts(test, key, algorithm) == (test.result == "valid"), "\(name) \(test.tcId)")
            }
        }
    }

    @Test(arguments: ["rsa_pss_2048_sha256_mgf1_0", "rsa_pss_misc"])
    func probabilisticRSAWithAnotherSaltOrMaskIsRefused(name: String) throws {
        var accepted = 0
        for group in try Vectors.wycheproof(name) {
            let spki = try #require(group.publicKeyDer).bytes
            for algorithm in [SignatureHash.sha256, .sha384, .sha512] {
                guard let key = try? provider.verificationKey(spkiDER: spki) else { continue }
                let fits =
                    group.sha == group.mgfSha && group.sLen == algorithm.digestLength && hash(group.sha) == algorithm
                for test in group.tests {
                    let verdict = try accepts(test, key, .rsaPSS(algorithm))
                    // Case 69 of the file without salt is "s_len changed to 32": wrong there, and just what we want.
                    let changed = name == "rsa_pss_2048_sha256_mgf1_0" && test.tcId == 69 && algorithm == .sha256
                    let expected = changed || fits && test.result == "valid"
                    #expect(verdict == expected, "\(name) \(test.tcId) \(algorithm)")
                    accepted += verdict ? 1 : 0
                }
            }
        }
        #expect(accepted >= 1)
    }

    @Test(arguments: ["rsa_signature_2048_sha256", "rsa_signature_3072_sha384", "rsa_signature_4096_sha512"])
    func deterministicRSAIsAcceptedOnlyWhenConfiguredAndValid(name: String) throws {
        for group in try Vectors.wycheproof(name) {
            let spki = try #require(group.publicKeyDer).bytes
            // Some groups have e = 3: such a key is refused, whatever it signed.
            guard let key = try? provider.verificationKey(spkiDER: spki) else {
                #expect(throws: KeyRefusal.rsaExponentOrModulus) { try provider.verificationKey(spkiDER: spki) }
                continue
            }
            let algorithm = SignatureAlgorithm.rsaPKCS1(try #require(hash(group.sha)))
            for test in group.tests {
                // "Acceptable" is a DigestInfo without NULL: refused.
                #expect(try accepts(test, key, algorithm) == (test.result == "valid"), "\(name) \(test.tcId)")
                guard test.result == "valid" else { continue }
                let signature = try #require(test.sig).bytes
                let data = try #require(algorithm.authenticationData(signature: signature))
                #expect(throws: SignatureRefusal.algorithmNotAllowed(algorithm)) {
                    try provider.verify(
                        SignatureAuthentication(method: .digitalSignature, data: data),
                        octets: try #require(test.msg).bytes,
                        key: key,
                        policy: SignaturePolicy()
                    )
                }
            }
        }
    }
}
