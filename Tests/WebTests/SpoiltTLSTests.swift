import EAP
import EAPDoubles
import Foundation
import IPsecTypes
import Testing
import Web

/// Row E04 against libssl: what a hostile peer, or somebody between, may do to TLS inside EAP.
@Suite struct SpoiltTLSTests {
    private func talk(
        _ server: any TLSEngineProvider,
        _ client: any TLSEngineProvider,
        _ method: EAPMethodType
    ) -> Conversation {
        var talk = Conversation(
            EAPServer(
                settings: EAPServerSettings(methods: [method], innerMethods: [.pap]),
                engines: server,
                isServerAuthenticated: false,
                wallClock: noon
            ),
            EAPPeer(
                settings: EAPPeerSettings(
                    identity: "alice",
                    methods: [method],
                    innerMethods: [.pap],
                    password: SecretBytes(text: "correct horse")
                ),
                engines: client,
                isServerAuthenticated: false,
                wallClock: noon
            )
        )
        talk.users = { _ in .password(SecretBytes(text: "correct horse")) }
        return talk
    }

    /// One octet of one packet changed, or its end cut off, empty ECDH shares among what comes of it: where both ends still
    /// succeed they have the same key, and mostly they do not.
    @Test(arguments: [TLSVersion.tls12, .tls13], [EAPMethodType.tls, .ttls])
    func aFlippedOctetNeverMakesTwoKeys(version: TLSVersion, method: EAPMethodType) throws {
        let house = try TLSHouse()
        var settings = house.serverSettings()
        settings.versions = version...version
        let server = try TLSProvider(settings)
        let client = try TLSProvider(house.clientSettings())
        var random = SeededGenerator(seed: UInt64(version.rawValue) + UInt64(method.rawValue))
        var failures = 0
        var changes = 0
        for attempt in 0..<60 {
            let spoilt = Int.random(in: 0..<5, using: &random)
            let place = Int.random(in: 5..<1000, using: &random)
            let mask = UInt8.random(in: 1...255, using: &random)
            let cuts = attempt % 5 == 0
            var number = 0
            let spoil: ([UInt8]) -> [UInt8] = { packet in
                defer { number += 1 }
                guard number == spoilt, packet.count > 6 else { return packet }
                changes += 1
                var packet = packet
                if cuts {
                    packet.removeLast(min(place % 40 + 1, packet.count - 6))
                    packet[2] = UInt8(packet.count >> 8)
                    packet[3] = UInt8(packet.count & 255)
                } else {
                    packet[5 + place % (packet.count - 5)] ^= mask
                }
                return packet
            }
            var talk = talk(server, client, method)
            if attempt % 2 == 0 { talk.toPeer = spoil } else { talk.toServer = spoil }
            let outcome = talk.run()
            if let served = outcome.served, let peered = outcome.peered {
                let isSame = try #require(served.key).isEqual(to: try #require(peered.key))
                #expect(isSame, "attempt \(attempt)")
            } else {
                failures += 1
            }
        }
        #expect(changes > 10 && failures * 3 > changes * 2, "most changes break it")
    }

    /// Neither end keeps anything that could resume: no ticket goes out, and each session has a key of its own.
    @Test(arguments: [TLSVersion.tls12, .tls13]) func sessionsAreNotResumed(version: TLSVersion) throws {
        let house = try TLSHouse()
        var settings = house.serverSettings()
        settings.versions = version...version
        let server = try TLSProvider(settings)
        let client = try TLSProvider(house.clientSettings())
        var sizes: [[Int]] = []
        var keys: [SecretBytes] = []
        for _ in 0..<3 {
            var talk = talk(server, client, .tls)
            let outcome = talk.run()
            #expect(outcome.agrees)
            // The certificates are in each handshake anew; ECDSA signatures differ by an octet or two.
            sizes.append(outcome.requests.map { $0.count / 64 })
            if let key = outcome.served?.key { keys.append(key) }
            let commitment = outcome.requests.dropLast().last ?? []
            if version == .tls13 {
                #expect(commitment.count == 6 + 5 + 1 + 1 + 16, "one record of one octet, no ticket")
            }
        }
        #expect(sizes.allSatisfy { $0.count == sizes.first?.count })
        #expect(keys.count == 3 && !keys[0].isEqual(to: keys[1]) && !keys[1].isEqual(to: keys[2]))
    }

    /// Secrets of TLS leave by export only: the shim sets no key log but the empty one, and reads no environment.
    @Test func keysCannotBeLogged() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let shim = root.appendingPathComponent("Sources/Ground/CLibssl/CLibssl.c")
        let text = try String(contentsOf: shim, encoding: .utf8)
        #expect(text.contains("SSL_CTX_set_keylog_callback(context, NULL)"))
        for word in ["keylog", "getenv", "SSL_SESSION", "msg_callback", "info_callback"] {
            let uses = text.lowercased().ranges(of: word.lowercased()).count
            #expect(uses == (word == "keylog" ? 1 : 0), "\(word)")
        }
    }
}
