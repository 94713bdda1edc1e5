import Foundation
import IKECrypto
import IKEv2
import IPsecTypes
import PKI
import PacketIO
import RuntimeDoubles
import Testing

@testable import Gateway
@testable import Runtime

@Suite(.serialized) struct GatewayCredentialTests {
    @Test func renewedFilesProveTheGatewayAndAHalfEditedPolicyIsLeftAlone() async throws {
        let gateway = try await GatewayFixture()
        let client = try gateway.client(try await gateway.authority.agent("runner1"))
        #expect(try await client.connect()?.child != nil)
        let before = client.node.established.first?.peer?.attributes["serial"]
        let renewed = try await gateway.authority.gateway(addresses: [gatewayAddress])
        _ = try gateway.directory.write(renewed.certificatePEM, to: "gateway.crt")
        // The key is not there yet.
        let known = try #require(try await gateway.controller { controller, _ in controller.loaded })
        #expect(throws: CulvertError.self) {
            try LoadedGateway.load(gateway.configuration, document: known.document, available: AlgorithmSelfTest.run())
        }
        _ = try gateway.directory.write(renewed.keyPEM, to: "gateway.key")
        _ = try gateway.directory.write("half an edit: [", to: "policy.yaml")
        let loaded = try LoadedGateway.load(
            gateway.configuration,
            document: known.document,
            previous: known.policy,
            available: AlgorithmSelfTest.run()
        )
        let registry = gateway.registry
        let crypto = StandardCryptoProvider()
        _ = try await gateway.controller { controller, core in
            controller.apply(
                loaded,
                shard: core,
                oracle: loaded.oracle(crypto),
                authenticator: loaded.authenticator(crypto, registry) { RevokedSerials() }
            )
        }
        // Who is there stays; who comes sees the new certificate.
        #expect(client.node.established.count == 1)
        let second = try gateway.client(try await gateway.authority.agent("runner1"))
        #expect(try await second.connect()?.child != nil)
        let after = second.node.established.first?.peer?.attributes["serial"]
        #expect(before != nil && after != nil && before != after)
        try await client.stop()
        try await second.stop()
        try await gateway.stop()
    }

    @Test func aRenewalCountsWhenBothFilesHaveComeToRest() throws {
        let directory = try TestDirectory()
        let files = [try directory.write("c1", to: "crt"), try directory.write("k1", to: "key")]
        func at(_ looks: Int64) -> Instant { Instant.zero + .seconds(5 * looks) }
        var watch = CredentialWatch(files, now: .zero)
        func looks(_ look: Int64) -> Bool { watch.hasChanged(files, now: at(look)) }
        #expect(!looks(1))
        _ = try directory.write("c2 is longer", to: "crt")
        #expect(!looks(1), "not looked at so soon")
        #expect(!looks(2), "the key may still come")
        _ = try directory.write("k2 is longer, too", to: "key")
        #expect(!looks(3))
        #expect(looks(4))
        #expect(!looks(5))
        try FileManager.default.removeItem(atPath: files[1])
        #expect(!looks(6) && !looks(7), "gone is not renewed")
    }
}
