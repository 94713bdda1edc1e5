import EAP
import EAPDoubles
import IPsecTypes
import Testing
import Web

/// EAP-TLS and EAP-TTLS with libssl at both ends.
@Suite struct EAPOverTLSTests {
    private func talk(
        _ server: TLSSettings,
        _ client: TLSSettings,
        method: EAPMethodType = .tls,
        inner: TTLSInnerMethod = .eap(.mschapv2),
        packetSize: Int = 1024,
        wallClock: WallTime = noon
    ) throws -> Conversation {
        var conversation = Conversation(
            EAPServer(
                settings: EAPServerSettings(methods: [method], innerMethods: [inner], packetSize: packetSize),
                engines: try TLSProvider(server),
                isServerAuthenticated: false,
                wallClock: wallClock
            ),
            EAPPeer(
                settings: EAPPeerSettings(
                    identity: "alice",
                    methods: [method],
                    innerMethods: [inner],
                    password: SecretBytes(text: "correct horse"),
                    packetSize: packetSize
                ),
                engines: try TLSProvider(client),
                isServerAuthenticated: false,
                wallClock: wallClock
            )
        )
        conversation.users = { $0.identity == "alice" ? .password(SecretBytes(text: "correct horse")) : .refused }
        return conversation
    }

    private func limited(_ settings: TLSSettings, to version: TLSVersion) -> TLSSettings {
        var settings = settings
        settings.versions = version...version
        return settings
    }

    @Test(arguments: [TLSVersion.tls12, .tls13], [256, 1024, 4096])
    func tlsAgreesOnAKeyWhateverTheFragments(version: TLSVersion, packetSize: Int) throws {
        let house = try TLSHouse(padding: 30)
        var talk = try talk(
            limited(house.serverSettings(), to: version),
            house.clientSettings(),
            packetSize: packetSize
        )
        var asked: [EAPCertificateQuestion] = []
        talk.judgeClient = {
            asked.append($0)
            return .accepted(identity: "alice")
        }
        talk.judgeServer = {
            asked.append($0)
            return .accepted(identity: "radius.test")
        }
        let outcome = talk.run()
        #expect(outcome.agrees, "\(String(describing: outcome.server)) \(String(describing: outcome.peer))")
        #expect(asked.contains { !$0.isServer && $0.chain.first == house.client.der && $0.claimed == "alice" })
        #expect(asked.contains { $0.isServer && $0.chain.first == house.server.der })
        #expect((outcome.requests + outcome.responses).allSatisfy { $0.count <= packetSize })
        #expect(outcome.served?.chain.first == house.client.der)
        let last = outcome.requests.dropLast().last ?? []
        #expect((last[6] == 23) == (version == .tls13), "RFC 9190 §2.5: with TLS 1.3 an encrypted octet ends it")
    }

    @Test(arguments: [TLSVersion.tls12, .tls13], [TTLSInnerMethod.eap(.mschapv2), .eap(.gtc), .pap, .mschapv2])
    func ttlsAgreesOnAKey(version: TLSVersion, inner: TTLSInnerMethod) throws {
        let house = try TLSHouse()
        var talk = try talk(
            limited(house.serverSettings(), to: version),
            house.clientSettings(),
            method: .ttls,
            inner: inner
        )
        let outcome = talk.run()
        #expect(outcome.agrees, "\(String(describing: outcome.server)) \(String(describing: outcome.peer))")
        #expect(outcome.served?.identity == "alice" && outcome.served?.inner == inner)
        #expect(outcome.served?.chain.isEmpty == true, "the client stays anonymous to TLS")
    }

    /// E04: an untrusted certificate, and then going on as if nothing had been.
    @Test(arguments: [TLSVersion.tls12, .tls13]) func strangersCertificatesAreRefused(version: TLSVersion) throws {
        let house = try TLSHouse()
        let other = try TLSHouse()
        var client = house.clientSettings()
        client.chain = [other.client.der]
        client.privateKey = other.client.secret
        var first = try talk(limited(house.serverSettings(), to: version), client)
        let stranger = first.run()
        guard case .tls(let reason) = stranger.serverFailure else {
            Issue.record("\(String(describing: stranger.server))")
            return
        }
        #expect(reason == "certificate signature failure", "an authority of the same name with another key")
        #expect(stranger.peered == nil && stranger.served == nil)

        client = house.clientSettings()
        client.anchors = [other.authority.der]
        var second = try talk(limited(house.serverSettings(), to: version), client)
        let distrustful = second.run()
        #expect(distrustful.peered == nil && distrustful.served == nil)
        #expect(distrustful.serverFailure?.code == "eap_tls", "the alert reached the server")
        #expect(distrustful.peerFailure?.code == "eap_tls")
    }

    @Test func expiredWrongPurposeAndWrongNamesAreRefused() throws {
        let house = try TLSHouse()
        func refusal(
            _ server: Made?,
            _ client: Made?,
            names: [String] = ["radius.test"],
            wallClock: WallTime = noon
        ) throws -> Bool {
            var serverSettings = house.serverSettings()
            if let server { (serverSettings.chain, serverSettings.privateKey) = ([server.der], server.secret) }
            var clientSettings = house.clientSettings()
            if let client { (clientSettings.chain, clientSettings.privateKey) = ([client.der], client.secret) }
            clientSettings.serverNames = names
            var conversation = try talk(serverSettings, clientSettings, wallClock: wallClock)
            let outcome = conversation.run()
            return outcome.served == nil && outcome.peered == nil
        }
        #expect(try !refusal(nil, nil))
        #expect(try refusal(nil, nil, wallClock: noon.advanced(bySeconds: 86_400)), "both have expired")
        #expect(try refusal(nil, nil, names: ["gateway.test"]))
        #expect(try refusal(nil, nil, names: []), "no names, no trust")
        #expect(try !refusal(nil, nil, names: ["gateway.test", "radius.test"]))
        let expired = try TLSCertificates.make("alice.test", .client, by: house.authority, from: -7200, to: -3600)
        #expect(try refusal(nil, expired))
        #expect(try refusal(nil, house.server), "a server's certificate is no client's")
        #expect(try refusal(house.client, nil), "a client's certificate is no server's")
        let wildcard = try TLSCertificates.make("*.eap.test", .server, by: house.authority)
        #expect(try !refusal(wildcard, nil, names: ["a.eap.test"]), "a whole label may be a wildcard")
        let partial = try TLSCertificates.make("rad*.eap.test", .server, by: house.authority)
        #expect(try refusal(partial, nil, names: ["radius.eap.test"]), "a part of a label may not")
    }

    @Test func aClientWithoutACertificateIsRefused() throws {
        let house = try TLSHouse()
        let server = try TLSProvider(house.serverSettings())
        let client = try TLSProvider(house.clientSettings())
        for version in [TLSVersion.tls12, .tls13] {
            let serverEngine = try #require(
                TLSProvider(limited(house.serverSettings(), to: version))
                    .makeEngine(.server(asksCertificate: true), wallClock: noon)
            )
            let clientEngine = try #require(client.makeEngine(.client(showsCertificate: false), wallClock: noon))
            var toServer = clientEngine.receive([]).output
            var state = TLSProgress.State.handshaking
            for _ in 0..<6 where state == .handshaking {
                let progress = serverEngine.receive(toServer)
                state = progress.state
                toServer = clientEngine.receive(progress.output).output
            }
            guard case .failed = state else {
                Issue.record("\(version): \(state)")
                continue
            }
            #expect(serverEngine.exportKey(label: "x", context: nil, count: 16) == nil)
            #expect(serverEngine.encrypt([1]) == nil)
        }
        #expect(server.serves(.server(asksCertificate: true)))
    }

    @Test func settingsThatCannotWorkAreRefused() throws {
        let house = try TLSHouse()
        var settings = house.serverSettings()
        settings.privateKey = house.client.secret
        #expect(throws: TLSSettings.Failure.badKey) { try TLSProvider(settings) }
        settings = house.serverSettings()
        settings.chain.append([1, 2, 3])
        #expect(throws: TLSSettings.Failure.badCertificate(position: 1)) { try TLSProvider(settings) }
        settings = house.serverSettings()
        settings.anchors = [[0x30, 0]]
        #expect(throws: TLSSettings.Failure.badAnchor(position: 0)) { try TLSProvider(settings) }
        for name in ["", ".test", "a b", "*.test", "radius.test.", "1\u{0}"] {
            settings = house.clientSettings()
            settings.serverNames = [name]
            #expect(throws: TLSSettings.Failure.badName(name)) { try TLSProvider(settings) }
        }
        let bare = try TLSProvider(TLSSettings())
        #expect(bare.makeEngine(.client(showsCertificate: false), wallClock: noon) == nil)
        #expect(bare.makeEngine(.server(asksCertificate: false), wallClock: noon) == nil)
    }

    /// E04: TLS 1.0 and 1.1, supported_versions of odd lengths, and garbage, at both ends.
    @Test func oldVersionsAndSpoiltHellosAreRefused() throws {
        let house = try TLSHouse()
        let provider = try TLSProvider(house.serverSettings())
        func serve(_ bytes: [UInt8]) throws -> TLSProgress.State {
            let engine = try #require(provider.makeEngine(.server(asksCertificate: true), wallClock: noon))
            return engine.receive(bytes).state
        }
        for minor in 0...2 {
            let state = try serve(hello(version: UInt8(minor), extensions: []))
            guard case .failed = state else {
                Issue.record("TLS 1.\(minor - 1): \(state)")
                continue
            }
        }
        // supported_versions (43): an odd list, an empty one, one that exceeds the extension.
        for versions: [UInt8] in [[1, 3], [3, 3, 4, 3], [0], [], [9, 3, 4], [2, 3, 2], [4, 3, 2, 3, 1]] {
            let value: [UInt8] = [0, 43, 0, UInt8(versions.count)] + versions
            let state = try serve(hello(version: 3, extensions: value))
            guard case .failed = state else {
                Issue.record("\(versions): \(state)")
                continue
            }
        }
        var random = SeededGenerator(seed: 3)
        let client = try #require(
            TLSProvider(house.clientSettings()).makeEngine(.client(showsCertificate: true), wallClock: noon)
        )
        let good = client.receive([]).output
        for _ in 0..<300 {
            var bad = good
            bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            if case .established = try serve(bad) { Issue.record("established by a hello") }
        }
    }

    /// A ClientHello of the given minor version with one ECDHE suite.
    private func hello(version: UInt8, extensions: [UInt8]) -> [UInt8] {
        var body: [UInt8] = [3, version] + [UInt8](repeating: 7, count: 32) + [0, 0, 4, 0xC0, 0x2B, 0xC0, 0x13, 1, 0]
        body += [UInt8(extensions.count >> 8), UInt8(extensions.count & 255)] + extensions
        let message: [UInt8] = [1, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
        return [22, 3, 1, UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }
}
