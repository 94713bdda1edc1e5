import IPsecTypes
import SwiftASN1
import Testing

@testable import IKECrypto

/// ML-DSA in AUTH payloads (draft-ietf-ipsecme-ikev2-pqc-auth): known answers, what is refused, and that it is off by itself.
@Suite struct MLDSATests {
    private struct Vectors65And87: Decodable {
        struct Group: Decodable {
            var publicKey: Hex?
            var publicKeyDer: Hex?
            var privateKeyPkcs8: Hex?
            var tests: [Test]
        }
        struct Test: Decodable {
            var tcId: Int
            var flags: [String]
            var result: String
            var msg: Hex
            var sig: Hex
            var ctx: Hex?
        }
        var testGroups: [Group]
    }

    private let provider = StandardCryptoProvider()
    private let octets = Array("the octets that both sides sign".utf8)
    private let on = SignaturePolicy(kinds: [.mlDSA])

    private static let sizes: [(Int, SigningKey.Kind, SignatureAlgorithm)] = [
        (65, .mlDSA65, .mlDSA65), (87, .mlDSA87, .mlDSA87),
    ]

    private func groups(_ name: String) throws -> [Vectors65And87.Group] {
        try Vectors.json("wycheproof/\(name).json", as: Vectors65And87.self).testGroups
    }

    private func spki(_ publicKey: [UInt8], _ algorithm: SignatureAlgorithm) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { outer in
            outer.serializeRawBytes(try #require(algorithm.identifierDER))
            try outer.serialize(ASN1BitString(bytes: publicKey[...]))
        }
        return serializer.serializedBytes
    }

    @Test(arguments: [65, 87]) func signaturesAreAcceptedOnlyWhenValid(size: Int) throws {
        let algorithm = size == 65 ? SignatureAlgorithm.mlDSA65 : .mlDSA87
        var accepted = 0
        for group in try groups("mldsa_\(size)_verify") {
            let key = try? provider.verificationKey(spkiDER: try spki(try #require(group.publicKey).bytes, algorithm))
            for test in group.tests {
                let data = try #require(algorithm.authenticationData(signature: test.sig.bytes))
                let authentication = SignatureAuthentication(method: .digitalSignature, data: data)
                var passes = false
                if let key {
                    let found = try? provider.verify(authentication, octets: test.msg.bytes, key: key, policy: on)
                    passes = found == algorithm
                }
                // §3.2 of the draft: the context is empty, so a signature under another one is none.
                let expected = test.result == "valid" && test.ctx == nil
                #expect(passes == expected, "\(size) \(test.tcId) \(test.flags)")
                accepted += passes ? 1 : 0
            }
        }
        #expect(accepted > 4)
    }

    @Test(arguments: [65, 87]) func seedsMakeTheKnownKeys(size: Int) throws {
        let algorithm = size == 65 ? SignatureAlgorithm.mlDSA65 : .mlDSA87
        for group in try groups("mldsa_\(size)_sign_seed") {
            let key = try SigningKey(der: try #require(group.privateKeyPkcs8).bytes)
            #expect(try key.publicKeyDER == spki(try #require(group.publicKey).bytes, algorithm))
            let verifier = try provider.verificationKey(spkiDER: key.publicKeyDER)
            #expect(verifier.kind == algorithm.description)
            let made = try provider.sign(octets, key: key, peerHashes: [.identity], policy: on)
            #expect(made.method == .digitalSignature)
            #expect(try provider.verify(made, octets: octets, key: verifier, policy: on) == algorithm)
            for test in group.tests {
                let data = try #require(algorithm.authenticationData(signature: test.sig.bytes))
                let known = SignatureAuthentication(method: .digitalSignature, data: data)
                let passes = (try? provider.verify(known, octets: test.msg.bytes, key: verifier, policy: on)) != nil
                #expect(passes == (test.ctx == nil), "\(size) \(test.tcId)")
            }
        }
    }

    @Test func identifiersAreThoseOfTheDraft() {
        #expect(
            SignatureAlgorithm.mlDSA65.identifierDER
                == [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12]
        )
        for algorithm in [SignatureAlgorithm.mlDSA65, .mlDSA87] {
            let identifier = algorithm.identifierDER ?? []
            #expect(SignatureAlgorithm(identifierDER: identifier) == algorithm)
            // Parameters are absent; ML-DSA-44 is not one of ours.
            #expect(SignatureAlgorithm(identifierDER: [0x30, 0x0D] + identifier.dropFirst(2) + [5, 0]) == nil)
            #expect(SignatureAlgorithm(identifierDER: identifier.dropLast() + [0x11]) == nil)
            for length in 0..<identifier.count {
                #expect(SignatureAlgorithm(identifierDER: Array(identifier.prefix(length))) == nil)
            }
            #expect(algorithm.hash == .identity)
        }
    }

    @Test func theDefaultPolicyNeitherSignsNorAccepts() throws {
        for (_, kind, algorithm) in Self.sizes {
            let key = try SigningKey.generate(kind)
            #expect(throws: SignatureRefusal.keyKindNotAllowed) {
                try provider.sign(octets, key: key, peerHashes: [.identity], policy: SignaturePolicy())
            }
            let verifier = try provider.verificationKey(spkiDER: key.publicKeyDER)
            let made = try provider.sign(octets, key: key, peerHashes: [.identity], policy: on)
            #expect(throws: SignatureRefusal.algorithmNotAllowed(algorithm)) {
                try provider.verify(made, octets: octets, key: verifier, policy: SignaturePolicy())
            }
        }
        #expect(!SignaturePolicy.modern.contains(.mlDSA))
        #expect(on.offeredHashes == [5])
    }

    @Test func neverForAPeerThatDidNotListIdentity() throws {
        let key = try SigningKey.generate(.mlDSA65)
        #expect(throws: SignatureRefusal.noCommonHash) {
            try provider.sign(octets, key: key, peerHashes: [.sha256, .sha384, .sha512], policy: on)
        }
        #expect(throws: SignatureRefusal.peerLacksHashNegotiation) {
            try provider.sign(octets, key: key, peerHashes: nil, policy: on)
        }
    }

    @Test func changedSignaturesAndOtherKeysAreRefused() throws {
        let all = SignaturePolicy(kinds: Set(SignatureKind.allCases))
        for (_, kind, algorithm) in Self.sizes {
            let key = try SigningKey.generate(kind)
            let verifier = try provider.verificationKey(spkiDER: key.publicKeyDER)
            let made = try provider.sign(octets, key: key, peerHashes: [.identity], policy: all)
            for position in [14, 500, made.data.count - 1] {
                var changed = made
                changed.data[position] ^= 1
                #expect(throws: SignatureRefusal.badSignature) {
                    try provider.verify(changed, octets: octets, key: verifier, policy: all)
                }
            }
            for changed in [Array(made.data.dropLast()), made.data + [0], Array(made.data.prefix(14))] {
                let authentication = SignatureAuthentication(method: .digitalSignature, data: changed)
                #expect(throws: SignatureRefusal.malformedSignature) {
                    try provider.verify(authentication, octets: octets, key: verifier, policy: all)
                }
            }
            #expect(throws: SignatureRefusal.badSignature) {
                try provider.verify(made, octets: octets + [0], key: verifier, policy: all)
            }
            for other in [SigningKey.Kind.ecdsaP256, .ed25519, algorithm == .mlDSA65 ? .mlDSA87 : .mlDSA65] {
                let stranger = try provider.verificationKey(spkiDER: SigningKey.generate(other).publicKeyDER)
                #expect(throws: SignatureRefusal.keyTypeMismatch) {
                    try provider.verify(made, octets: octets, key: stranger, policy: all)
                }
            }
            // A classical signature under an ML-DSA key.
            let ed = try SigningKey.generate(.ed25519)
            let classical = try provider.sign(octets, key: ed, peerHashes: [.identity], policy: all)
            #expect(throws: SignatureRefusal.keyTypeMismatch) {
                try provider.verify(classical, octets: octets, key: verifier, policy: all)
            }
        }
    }

    @Test func onlySeedsAreReadAsPrivateKeys() throws {
        let seed = [UInt8](repeating: 7, count: 32)
        func pkcs8(_ inner: [UInt8]) throws -> [UInt8] {
            var serializer = DER.Serializer()
            try serializer.appendConstructedNode(identifier: .sequence) { outer in
                try outer.serialize(0)
                outer.serializeRawBytes(try #require(SignatureAlgorithm.mlDSA65.identifierDER))
                try outer.serialize(ASN1OctetString(contentBytes: inner[...]))
            }
            return serializer.serializedBytes
        }
        func long(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
        }
        let expanded = long(0x04, [UInt8](repeating: 1, count: 4032))
        #expect(throws: Never.self) { try SigningKey(der: pkcs8([0x80, 32] + seed)) }
        #expect(throws: KeyRefusal.expandedMLDSAKey) { try SigningKey(der: pkcs8(expanded)) }
        #expect(throws: KeyRefusal.expandedMLDSAKey) {
            try SigningKey(der: pkcs8(long(0x30, [0x04, 32] + seed + expanded)))
        }
        #expect(throws: KeyRefusal.unreadable) { try SigningKey(der: pkcs8([0x80, 31] + seed.dropLast())) }
        #expect(throws: KeyRefusal.unreadable) { try SigningKey(der: pkcs8([0x80, 33] + seed + [1])) }
        #expect(throws: KeyRefusal.unreadable) { try SigningKey(der: pkcs8([0x81, 32] + seed)) }
        let whole = try pkcs8([0x80, 32] + seed)
        for length in 0..<whole.count {
            #expect(throws: KeyRefusal.unreadable) { try SigningKey(der: Array(whole.prefix(length))) }
        }
    }

    @Test func truncatedAndOddPublicKeysAreRefused() throws {
        let whole = try SigningKey.generate(.mlDSA65).publicKeyDER
        for length in Array(0..<40) + [whole.count / 2, whole.count - 1] {
            #expect(throws: KeyRefusal.unreadable) { try VerificationKey(spkiDER: Array(whole.prefix(length))) }
        }
        let raw = Array(whole.suffix(1952))
        for key in [Array(raw.dropLast()), raw + [0], []] {
            #expect(throws: KeyRefusal.unreadable) { try VerificationKey(spkiDER: spki(key, .mlDSA65)) }
        }
        // The octets of an ML-DSA-65 key under the name of the larger one.
        #expect(throws: KeyRefusal.unreadable) { try VerificationKey(spkiDER: spki(raw, .mlDSA87)) }
    }

    @Test func theSelfTestKnowsIt() {
        let available = AlgorithmSelfTest.run(provider: provider)
        #expect(available.signatures.isSuperset(of: [.mlDSA65, .mlDSA87]))
    }
}
