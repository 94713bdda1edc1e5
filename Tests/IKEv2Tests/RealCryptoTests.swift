import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Testing

/// The exchanges with cryptography that is not simulated, suite by suite.
@Suite struct RealCryptoTests {
    static let suites: [(IKEProposal, ESPProposal)] = [
        (
            IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA384], keyExchanges: [.x25519]),
            ESPProposal(ciphers: [.aes256GCM], keyExchanges: [.x25519])
        ),
        (
            IKEProposal(ciphers: [.chaCha20Poly1305], prfs: [.hmacSHA256], keyExchanges: [.ecp384]),
            ESPProposal(ciphers: [.chaCha20Poly1305], keyExchanges: [.ecp256])
        ),
        (
            IKEProposal(
                ciphers: [.aes256CBC],
                prfs: [.hmacSHA512],
                integrities: [.hmacSHA512_256],
                keyExchanges: [.ecp521]
            ),
            ESPProposal(
                ciphers: [.aes128CBC],
                integrities: [.hmacSHA256_128],
                keyExchanges: [],
                extendedSequenceNumbers: [false]
            )
        ),
        (
            IKEProposal(
                ciphers: [.aes128CBC],
                prfs: [.hmacSHA256],
                integrities: [.hmacSHA256_128],
                keyExchanges: [.modp2048]
            ),
            ESPProposal(ciphers: [.aes128GCM], keyExchanges: [.modp2048])
        ),
    ]

    @Test(arguments: 0..<4) func everySuiteEstablishesAndRekeys(index: Int) throws {
        let (ike, esp) = Self.suites[index]
        var left = pskA()
        left.ikeProposals = [ike]
        left.children[0].proposals = [esp]
        var right = pskB()
        right.ikeProposals = [ike]
        right.children[0].proposals = [esp]
        let pair = Pair(left, right, seed: 3, crypto: StandardCryptoProvider())
        pair.b.authorizer = { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(),
                    localSelectors: [networkB],
                    remoteSelectors: [networkA]
                )
            )
        }
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        pair.command(pair.b, .rekeyChild(try #require(pair.statusB?.id), try #require(pair.childB).inboundSPI))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.childA?.suite.keyExchange == esp.keyExchanges.first)
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA?.id)))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.statusA?.rekeyings == 1)
        if esp.extendedSequenceNumbers == [false] {
            #expect(pair.a.installed.values.allSatisfy { $0.parameters.lifetime.softPackets == 1 << 30 })
        }
    }
}
