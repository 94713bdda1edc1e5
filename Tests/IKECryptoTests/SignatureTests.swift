import IPsecTypes
import Testing

@testable import IKECrypto

/// Making and choosing signatures, and what happens to AUTH payloads that someone touched (A01, A03, A07).
@Suite struct SignatureTests {
    private let provider = StandardCryptoProvider()
    private let octets = Array("the octets that both sides sign".utf8)
    private let everything = Set(SignatureHash.allCases)
    private let old = SignaturePolicy(kinds: Set(SignatureKind.allCases), allowRawECDSA: true)

    private static let keys: [(SigningKey.Kind, SignatureAlgorithm)] = [
        (.ecdsaP256, .ecdsa(.sha256)), (.ecdsaP384, .ecdsa(.sha384)), (.ecdsaP521, .ecdsa(.sha512)),
        (.ed25519, .ed25519),
    ]

    private func pair(_ kind: SigningKey.Kind) throws -> (SigningKey, VerificationKey) {
        let key = try SigningKey.generate(kind)
        return (key, try provider.verificationKey(spkiDER: key.publicKeyDER))
    }

    private func rsaPair() throws -> (SigningKey, VerificationKey) {
        let key = try SigningKey(pem: Array(Vectors.text("keys/rsa-pkcs8.pem").utf8))
        return (key, try provider.verificationKey(spkiDER: key.publicKeyDER))
    }

    @Test func everyKeySignsWithItsOwnHashWhenThePeerKnowsAll() throws {
        for (kind, algorithm) in Self.keys {
            let (key, peer) = try pair(kind)
            let auth = try provider.sign(octets, key: key, peerHashes: everything, policy: SignaturePolicy())
            #expect(auth.method == .digitalSignature)
            #expect(try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy()) == algorithm)
        }
        let (key, peer) = try rsaPair()
        let auth = try provider.sign(octets, key: key, peerHashes: everything, policy: SignaturePolicy())
        #expect(try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy()) == .rsaPSS(.sha256))
    }

    @Test func theHashIsOneThatBothSidesListed() throws {
        let (key, peer) = try pair(.ecdsaP256)
        let auth = try provider.sign(octets, key: key, peerHashes: [.sha512, .identity], policy: SignaturePolicy())
        #expect(try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy()) == .ecdsa(.sha512))
        #expect(throws: SignatureRefusal.hashNotAllowed(.sha512)) {
            try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy(hashes: [.sha256]))
        }
        #expect(throws: SignatureRefusal.noCommonHash) {
            try provider.sign(octets, key: key, peerHashes: [.sha384], policy: SignaturePolicy(hashes: [.sha256]))
        }
        let (edwards, _) = try pair(.ed25519)
        #expect(throws: SignatureRefusal.noCommonHash) {
            try provider.sign(octets, key: edwards, peerHashes: [.sha256], policy: SignaturePolicy())
        }
    }

    @Test func aStrippedHashListEndsTheAttemptUnderTheDefaultPolicy() throws {
        for (kind, _) in Self.keys {
            let (key, _) = try pair(kind)
            #expect(throws: SignatureRefusal.peerLacksHashNegotiation) {
                try provider.sign(octets, key: key, peerHashes: nil, policy: SignaturePolicy())
            }
            // SHA-1 alone (number 1) leaves nothing.
            #expect(throws: SignatureRefusal.noCommonHash) {
                try provider.sign(
                    octets,
                    key: key,
                    peerHashes: SignatureHash.recognised(in: [1]),
                    policy: SignaturePolicy()
                )
            }
        }
    }

    @Test func configuredOldMethodsWorkBothWaysAndOnlyThen() throws {
        let curves: [(SigningKey.Kind, AuthMethod, Int)] = [
            (.ecdsaP256, .ecdsa256, 64), (.ecdsaP384, .ecdsa384, 96), (.ecdsaP521, .ecdsa521, 132),
        ]
        for (kind, method, length) in curves {
            let (key, peer) = try pair(kind)
            let auth = try provider.sign(octets, key: key, peerHashes: nil, policy: old)
            #expect(auth.method == method && auth.data.count == length)
            try provider.verify(auth, octets: octets, key: peer, policy: old)
            #expect(throws: SignatureRefusal.methodNotAllowed(method)) {
                try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy())
            }
        }
        let (key, peer) = try rsaPair()
        let auth = try provider.sign(octets, key: key, peerHashes: nil, policy: old)
        #expect(auth.method == .rsaSignature)
        #expect(try provider.verify(auth, octets: octets, key: peer, policy: old) == .rsaPKCS1(.sha256))
        #expect(throws: SignatureRefusal.methodNotAllowed(.rsaSignature)) {
            try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy())
        }
        let only = SignaturePolicy(kinds: [.rsaPKCS1])
        let modern = try provider.sign(octets, key: key, peerHashes: everything, policy: only)
        #expect(try provider.verify(modern, octets: octets, key: peer, policy: old) == .rsaPKCS1(.sha256))
        #expect(throws: SignatureRefusal.algorithmNotAllowed(.rsaPKCS1(.sha256))) {
            try provider.verify(modern, octets: octets, key: peer, policy: SignaturePolicy())
        }
    }

    @Test func aKindThatThePolicyLeavesOutIsNeitherMadeNorAccepted() throws {
        let keys = try Self.keys.map { ($0.1, try pair($0.0)) } + [(SignatureAlgorithm.rsaPSS(.sha256), try rsaPair())]
        for (algorithm, (key, peer)) in keys {
            let others = SignaturePolicy(
                kinds: Set(SignatureKind.allCases).subtracting(
                    algorithm.kind == .rsaPSS ? [.rsaPSS, .rsaPKCS1] : [algorithm.kind]
                ),
                allowRawECDSA: true
            )
            let auth = try provider.sign(octets, key: key, peerHashes: everything, policy: SignaturePolicy())
            #expect(throws: SignatureRefusal.algorithmNotAllowed(algorithm)) {
                try provider.verify(auth, octets: octets, key: peer, policy: others)
            }
            #expect(throws: SignatureRefusal.keyKindNotAllowed) {
                try provider.sign(octets, key: key, peerHashes: everything, policy: others)
            }
            #expect(throws: SignatureRefusal.peerLacksHashNegotiation) {
                try provider.sign(octets, key: key, peerHashes: nil, policy: others)
            }
            let only = SignaturePolicy(kinds: [algorithm.kind])
            let made = try provider.sign(octets, key: key, peerHashes: everything, policy: only)
            #expect(try provider.verify(made, octets: octets, key: peer, policy: only) == algorithm)
        }
        let (key, peer) = try pair(.ecdsaP256)
        let raw = try provider.sign(octets, key: key, peerHashes: nil, policy: old)
        #expect(throws: SignatureRefusal.methodNotAllowed(.ecdsa256)) {
            let policy = SignaturePolicy(kinds: [.rsaPSS], allowRawECDSA: true)
            try provider.verify(raw, octets: octets, key: peer, policy: policy)
        }
    }

    @Test func everyFlippedByteOfAuthenticationDataIsRefused() throws {
        for (kind, _) in Self.keys {
            let (key, peer) = try pair(kind)
            try expectTamperingRefused(
                try provider.sign(octets, key: key, peerHashes: everything, policy: old),
                peer
            )
        }
        let (key, peer) = try pair(.ecdsaP256)
        try expectTamperingRefused(try provider.sign(octets, key: key, peerHashes: nil, policy: old), peer)
        let (rsa, rsaPeer) = try rsaPair()
        try expectTamperingRefused(
            try provider.sign(octets, key: rsa, peerHashes: everything, policy: SignaturePolicy()),
            rsaPeer
        )
        try expectTamperingRefused(
            try provider.sign(octets, key: rsa, peerHashes: everything, policy: SignaturePolicy(kinds: [.rsaPKCS1])),
            rsaPeer
        )
    }

    private func expectTamperingRefused(_ good: SignatureAuthentication, _ key: VerificationKey) throws {
        try provider.verify(good, octets: octets, key: key, policy: old)
        var touched: [[UInt8]] = good.data.indices.map { index in
            var data = good.data
            data[index] ^= 1
            return data
        }
        let head = good.method == .digitalSignature ? 1 + Int(good.data[0]) : 0
        let zeros = [UInt8](repeating: 0, count: good.data.count - head)
        touched += [
            [], [0], Array(good.data.prefix(head)), Array(good.data.prefix(head)) + zeros, Array(good.data.dropLast()),
            good.data + [0], good.data + good.data,
            Array(good.data.prefix(head)) + [0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
        ]
        for data in touched {
            let forged = SignatureAuthentication(method: good.method, data: data)
            #expect(throws: SignatureRefusal.self) {
                try provider.verify(forged, octets: octets, key: key, policy: old)
            }
        }
        #expect(throws: SignatureRefusal.badSignature) {
            try provider.verify(good, octets: octets + [0], key: key, policy: old)
        }
    }

    @Test func aSignatureOfAnotherKeyTypeIsRefusedWhateverItSays() throws {
        var pairs = try Self.keys.map { try pair($0.0) }
        pairs.append(try rsaPair())
        for (signer, (key, _)) in pairs.enumerated() {
            let auth = try provider.sign(octets, key: key, peerHashes: everything, policy: SignaturePolicy())
            for (verifier, (_, peer)) in pairs.enumerated() where verifier != signer {
                #expect(throws: SignatureRefusal.self) {
                    try provider.verify(auth, octets: octets, key: peer, policy: SignaturePolicy())
                }
            }
        }
    }

    @Test func methodsThatAreNoSignatureAreRefused() throws {
        let (_, peer) = try pair(.ecdsaP256)
        for number: UInt8 in [0, 2, 3, 8, 12, 13, 15, 201, 255] {
            let method = AuthMethod(rawValue: number)
            #expect(throws: SignatureRefusal.methodNotAllowed(method)) {
                try provider.verify(
                    SignatureAuthentication(method: method, data: pattern(64)),
                    octets: octets,
                    key: peer,
                    policy: old
                )
            }
        }
    }

    @Test func rawMethodsBelongToTheirCurves() throws {
        let (_, peer) = try pair(.ecdsaP256)
        for method in [AuthMethod.ecdsa384, .ecdsa521] {
            #expect(throws: SignatureRefusal.keyTypeMismatch) {
                try provider.verify(
                    SignatureAuthentication(method: method, data: pattern(64)),
                    octets: octets,
                    key: peer,
                    policy: old
                )
            }
        }
    }

    @Test func signaturesOfAnotherImplementationVerifyWhenTheirFormIsOurs() throws {
        let message = Array("signed by another implementation".utf8)
        let peer = try provider.verificationKey(spkiDER: Hex(Vectors.text("keys/rsa-pkcs8.spki.hex")).bytes)
        func auth(_ name: String, _ algorithm: SignatureAlgorithm) throws -> SignatureAuthentication {
            let signature = Hex(try Vectors.text("keys/rsa.\(name).sig.hex")).bytes
            let data = try #require(algorithm.authenticationData(signature: signature))
            return SignatureAuthentication(method: .digitalSignature, data: data)
        }
        let pss = SignatureAlgorithm.rsaPSS(.sha256)
        try provider.verify(try auth("pss", pss), octets: message, key: peer, policy: SignaturePolicy())
        try provider.verify(try auth("pkcs1", .rsaPKCS1(.sha256)), octets: message, key: peer, policy: old)
        #expect(throws: SignatureRefusal.badSignature) {
            try provider.verify(try auth("pssmax", pss), octets: message, key: peer, policy: SignaturePolicy())
        }
        #expect(throws: SignatureRefusal.badSignature) {
            try provider.verify(try auth("pkcs1", pss), octets: message, key: peer, policy: old)
        }
    }

    @Test func offeredHashesAreOursInOrder() {
        #expect(SignaturePolicy().offeredHashes == [2, 3, 4, 5])
        #expect(SignaturePolicy(hashes: [.sha512, .sha256]).offeredHashes == [2, 4])
        #expect(SignaturePolicy(kinds: [.ed25519]).offeredHashes == [5])
        #expect(SignaturePolicy(kinds: [.rsaPSS]).offeredHashes == [2, 3, 4])
        #expect(SignaturePolicy(kinds: []).offeredHashes == [])
    }
}
