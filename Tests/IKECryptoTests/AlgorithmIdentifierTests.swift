import IKECrypto
import Testing

@Suite struct AlgorithmIdentifierTests {
    private struct File: Decodable {
        struct Case: Decodable {
            var name: String
            var der: Hex
        }
        var tests: [Case]
    }

    private let ours: [SignatureAlgorithm] = [
        .rsaPSS(.sha256), .rsaPSS(.sha384), .rsaPSS(.sha512), .rsaPKCS1(.sha256), .rsaPKCS1(.sha384),
        .rsaPKCS1(.sha512), .ecdsa(.sha256), .ecdsa(.sha384), .ecdsa(.sha512), .ed25519,
    ]

    @Test func rfc7427AppendixAIsWrittenByteForByte() throws {
        let names: [String: SignatureAlgorithm] = [
            "sha256WithRSAEncryption": .rsaPKCS1(.sha256), "sha384WithRSAEncryption": .rsaPKCS1(.sha384),
            "sha512WithRSAEncryption": .rsaPKCS1(.sha512), "ecdsa-with-sha256": .ecdsa(.sha256),
            "ecdsa-with-sha384": .ecdsa(.sha384), "ecdsa-with-sha512": .ecdsa(.sha512),
            "RSASSA-PSS with sha-256": .rsaPSS(.sha256),
        ]
        var seen = 0
        for test in try Vectors.json("ipsec/auth-algids-rfc7427.json", as: File.self).tests {
            if let algorithm = names[test.name] {
                #expect(algorithm.identifierDER == test.der.bytes)
                #expect(SignatureAlgorithm(identifierDER: test.der.bytes) == algorithm)
                seen += 1
            } else {
                // SHA-1 and DSA.
                #expect(SignatureAlgorithm(identifierDER: test.der.bytes) == nil, "\(test.name)")
            }
        }
        #expect(seen == names.count)
    }

    @Test func whatIsWrittenIsReadBack() {
        for algorithm in ours {
            #expect(algorithm.identifierDER.flatMap { SignatureAlgorithm(identifierDER: $0) } == algorithm)
        }
        #expect(SignatureAlgorithm.ecdsa(.identity).identifierDER == nil)
        #expect(SignatureAlgorithm.rsaPSS(.identity).identifierDER == nil)
    }

    @Test func parametersMayBeAbsentWhereRFC4055SaysSo() {
        let hash = MakeDER.sequence([6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2])
        let mask = MakeDER.sequence([6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 8], hash)
        let pss: [UInt8] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10]
        let salt: [UInt8] = [0xA2, 3, 2, 1, 48]
        func identifier(_ parts: [UInt8]...) -> [UInt8] {
            MakeDER.sequence(pss, MakeDER.node(0x30, parts.flatMap { $0 }))
        }
        let hashField = MakeDER.node(0xA0, hash)
        let maskField = MakeDER.node(0xA1, mask)
        #expect(SignatureAlgorithm(identifierDER: identifier(hashField, maskField, salt)) == .rsaPSS(.sha384))
        // Every default is SHA-1; another salt, another mask or another trailer is not ours.
        let refused = [
            identifier(), identifier(hashField), identifier(hashField, maskField), identifier(maskField, salt),
            identifier(hashField, salt), identifier(hashField, maskField, [0xA2, 3, 2, 1, 32]),
            identifier(hashField, maskField, [0xA2, 3, 2, 1, 0]),
            identifier(hashField, maskField, [0xA2, 4, 2, 2, 1, 48]),
            identifier(hashField, maskField, salt, [0xA3, 3, 2, 1, 2]), MakeDER.sequence(pss),
            MakeDER.sequence(pss, [5, 0]),
        ]
        for der in refused { #expect(SignatureAlgorithm(identifierDER: der) == nil) }
        let rsa: [UInt8] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11]
        #expect(SignatureAlgorithm(identifierDER: MakeDER.sequence(rsa)) == .rsaPKCS1(.sha256))
        #expect(SignatureAlgorithm(identifierDER: MakeDER.sequence(rsa, [5, 1, 0])) == nil)
        let ecdsa: [UInt8] = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2]
        #expect(SignatureAlgorithm(identifierDER: MakeDER.sequence(ecdsa, [5, 0])) == nil)
    }

    @Test func everyPrefixEveryFlipAndTrailingBytesAreRefusedOrReadAsAnother() throws {
        for algorithm in ours {
            let der = try #require(algorithm.identifierDER)
            for count in 0..<der.count { #expect(SignatureAlgorithm(identifierDER: Array(der.prefix(count))) == nil) }
            #expect(SignatureAlgorithm(identifierDER: der + [0]) == nil)
            for index in der.indices {
                for bit in 0..<8 {
                    var changed = der
                    changed[index] ^= 1 << UInt8(bit)
                    let read = SignatureAlgorithm(identifierDER: changed)
                    #expect(read != algorithm)
                }
            }
        }
    }
}
