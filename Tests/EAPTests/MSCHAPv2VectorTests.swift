import EAPDoubles
import IPsecTypes
import Testing

@testable import EAP

/// RFC 2759 §9.2 and RFC 3079 §3.5.3, which use one and the same exchange.
@Suite struct MSCHAPv2VectorTests {
    private let authenticatorChallenge = bytes("5B5D7C7D7B3F2F3E3C2C602132262628")
    private let peerChallenge = bytes("21402324255E262A28295F2B3A337C7E")
    private let response = bytes("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")

    private static func bytes(_ hex: String) -> [UInt8] { Hex.decode(hex.utf8) ?? [] }

    private func hash() throws -> SecretBytes {
        try #require(MSCHAPv2Hashes.passwordHash(SecretBytes(text: "clientPass")))
    }

    private func hex(_ secret: SecretBytes) -> String { Hex.encode(secret.withUnsafeBytes { Array($0) }).uppercased() }

    @Test(arguments: ["User", "BIGCO\\User"]) func theExchangeIsThatOfTheSpecification(name: String) throws {
        let challenge = MSCHAPv2Hashes.challengeHash(
            peerChallenge: peerChallenge,
            authenticatorChallenge: authenticatorChallenge,
            name: Array(name.utf8)
        )
        #expect(challenge == Self.bytes("D02E4386BCE91226"), "the domain does not count")
        #expect(hex(try hash()) == "44EBBA8D5312B8D611474411F56989AE")
        #expect(hex(MSCHAPv2Hashes.hashHash(try hash())) == "41C00C584BD2D91C4017A2A12FA59F3F")
        #expect(MSCHAPv2Hashes.challengeResponse(challenge: challenge, passwordHash: try hash()) == response)
        let proof = MSCHAPv2Hashes.authenticatorResponse(
            passwordHash: try hash(),
            response: response,
            challenge: challenge
        )
        #expect(String(decoding: proof, as: UTF8.self) == "S=407A5589115FD0D6209F510FE9C04566932CDA56")
    }

    @Test func theKeysAreThoseOfTheSpecification() throws {
        let master = MSCHAPv2Keys.masterKey(passwordHash: try hash(), response: response)
        #expect(hex(master) == "FDECE3717A8C838CB388E527AE3CDD31")
        // The sample is the server's: SendStartKey128. The RFC prints one octet too many.
        let send = MSCHAPv2Keys.startKey(master, isSend: true, isServer: true)
        #expect(Hex.encode(send).uppercased() == "8B7CDC149B993A1BA118CB153F56DCCB")
        #expect(MSCHAPv2Keys.startKey(master, isSend: false, isServer: false) == send)
        let key = MSCHAPv2Keys.masterSessionKey(passwordHash: try hash(), response: response)
        #expect(key.count == 64)
        #expect(Array(key.withUnsafeBytes { Array($0) }[16..<32]) == send)
        #expect(key.withUnsafeBytes { $0.suffix(32).allSatisfy { $0 == 0 } })
    }

    @Test func passwordsBeyondASCIIAreUTF16() throws {
        // U+1F600 is a pair of surrogates; MD4 of 3D D8 00 DE computed with another tool.
        let hash = try #require(MSCHAPv2Hashes.passwordHash(SecretBytes(text: "\u{1F600}")))
        #expect(hex(hash) == "4B58A10CC20A4E7D808D218E1F80AABC")
        #expect(MSCHAPv2Hashes.passwordHash(SecretBytes([0xFF, 0xFE])) == nil, "no UTF-8")
        #expect(MSCHAPv2Hashes.passwordHash(SecretBytes([UInt8](repeating: 0x61, count: 513))) == nil, "too long")
        #expect(MSCHAPv2Hashes.challengeResponse(challenge: [1, 2], passwordHash: hash) == nil)
    }
}
