import EAP
import EAPDoubles
import IPsecTypes
import Testing

private let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

/// Peer against server, each method.
@Suite struct ConversationTests {
    private func conversation(
        _ server: EAPServerSettings,
        _ peer: EAPPeerSettings,
        plays: TLSVersion = .tls12,
        padding: Int = 0,
        isServerAuthenticated: Bool = true,
        knownIdentity: String? = nil
    ) -> Conversation {
        var conversation = Conversation(
            EAPServer(
                settings: server,
                engines: PlainTLSProvider(plays: plays, padding: padding),
                isServerAuthenticated: isServerAuthenticated,
                knownIdentity: knownIdentity,
                wallClock: noon
            ),
            EAPPeer(
                settings: peer,
                engines: PlainTLSProvider(plays: plays),
                isServerAuthenticated: isServerAuthenticated,
                wallClock: noon
            )
        )
        conversation.users = { question in
            question.identity == "alice" ? .password(SecretBytes(text: "correct horse")) : .refused
        }
        return conversation
    }

    private func alice(
        _ methods: [EAPMethodType],
        inner: [TTLSInnerMethod] = [.eap(.mschapv2)],
        password: String = "correct horse",
        name: String = "alice"
    ) -> EAPPeerSettings {
        EAPPeerSettings(
            identity: name,
            anonymousIdentity: "anonymous@example.com",
            methods: methods,
            innerMethods: inner,
            password: SecretBytes(text: password)
        )
    }

    @Test func mschapv2AgreesOnAKey() {
        var talk = conversation(EAPServerSettings(methods: [.mschapv2]), alice([.mschapv2]))
        let outcome = talk.run()
        #expect(outcome.agrees && outcome.served?.identity == "alice")
        #expect(outcome.served?.isMutual == true && outcome.served?.isSafeAlone == false)
        #expect(outcome.requests.count == 4, "identity, challenge, success, Success")
    }

    @Test func anNTHashServesAsWellAsThePassword() throws {
        var talk = conversation(EAPServerSettings(methods: [.mschapv2]), alice([.mschapv2], password: "clientPass"))
        let hash = try #require(Hex.decode("44EBBA8D5312B8D611474411F56989AE".utf8))
        talk.users = { _ in .ntHash(SecretBytes(hash)) }
        #expect(talk.run().agrees)
    }

    @Test func aWrongPasswordAndAnUnknownUserLookTheSame() {
        var wrong = conversation(
            EAPServerSettings(methods: [.mschapv2]),
            alice([.mschapv2], password: "guess")
        )
        var unknown = conversation(EAPServerSettings(methods: [.mschapv2]), alice([.mschapv2], name: "malice"))
        let (first, second) = (wrong.run(), unknown.run())
        #expect(first.serverFailure == .wrongPassword(identity: "alice"))
        #expect(second.serverFailure == .wrongPassword(identity: "malice"))
        #expect(first.requests.map(\.count) == second.requests.map(\.count))
        guard case .refused(let text) = first.peerFailure else {
            Issue.record("\(String(describing: first.peerFailure))")
            return
        }
        #expect(text.contains("wrong password"))
    }

    @Test func aKnownIdentityIsNotAskedFor() {
        var talk = conversation(
            EAPServerSettings(methods: [.mschapv2]),
            alice([.mschapv2]),
            knownIdentity: "alice"
        )
        let outcome = talk.run()
        #expect(outcome.agrees && outcome.requests.count == 3)
    }

    @Test func aServerThatDoesNotKnowThePasswordIsUnproven() {
        var talk = conversation(EAPServerSettings(methods: [.mschapv2]), alice([.mschapv2]))
        talk.toPeer = { packet in
            // The success request's proof begins after header, type, MSCHAPv2 header and "S=".
            guard packet.count > 20, packet[4] == 26, packet[5] == 3 else { return packet }
            var packet = packet
            packet[12] = packet[12] == 0x30 ? 0x31 : 0x30
            return packet
        }
        let outcome = talk.run()
        #expect(outcome.peerFailure == .serverUnproven && outcome.server == nil)
    }

    @Test func gtcPassesThePasswordWhereTheServerIsAuthenticated() {
        var talk = conversation(EAPServerSettings(methods: [.gtc]), alice([.gtc]))
        let outcome = talk.run()
        #expect(outcome.agrees && outcome.served?.key == nil && outcome.served?.isMutual == false)
        var wrong = conversation(EAPServerSettings(methods: [.gtc]), alice([.gtc], password: "guess"))
        #expect(wrong.run().serverFailure == .wrongPassword(identity: "alice"))
    }

    /// E07: EAP-only with a method that RFC 5998 §4 does not call safe is refused at both ends.
    @Test(arguments: [EAPMethodType.gtc, .mschapv2, .md5])
    func withoutACertificateOfTheServerWeakMethodsAreRefused(method: EAPMethodType) {
        var talk = conversation(
            EAPServerSettings(methods: [method]),
            alice([method]),
            isServerAuthenticated: false
        )
        #expect(talk.run().serverFailure == .noSafeMethod)
        var random = SeededGenerator(seed: 1)
        var peer = EAPPeer(
            settings: alice([method]),
            engines: nil,
            isServerAuthenticated: false,
            wallClock: noon
        )
        let request = EAPPacket(identifier: 1, .request(method, [1, 2, 3])).bytes
        guard case .send(let nak) = peer.handle(.packet(request), using: &random) else {
            Issue.record("no Nak")
            return
        }
        #expect(nak == [2, 1, 0, 6, 3, 0], "a Nak that names nothing")
        let failure = EAPPacket(identifier: 1, .failure).bytes
        guard case .failed(.noSafeMethod) = peer.handle(.packet(failure), using: &random) else {
            Issue.record("the reason is lost")
            return
        }
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func tlsProvesBothEnds(version: TLSVersion) {
        var talk = conversation(
            EAPServerSettings(methods: [.tls]),
            EAPPeerSettings(identity: "alice", methods: [.tls]),
            plays: version,
            padding: 5000,
            isServerAuthenticated: false
        )
        let outcome = talk.run()
        #expect(outcome.agrees && outcome.served?.identity == "client" && outcome.peered?.identity == "server")
        #expect(outcome.served?.isSafeAlone == true)
        #expect(outcome.requests.allSatisfy { $0.count <= 1024 }, "fragments keep to the size")
    }

    @Test(arguments: [TLSVersion.tls12, .tls13]) func aRefusedClientCertificateEndsTLS(version: TLSVersion) {
        var talk = conversation(
            EAPServerSettings(methods: [.tls]),
            EAPPeerSettings(identity: "alice", methods: [.tls]),
            plays: version
        )
        talk.judgeClient = { _ in .refused(reason: "revoked") }
        let outcome = talk.run()
        #expect(outcome.serverFailure == .certificate("revoked"))
        #expect(outcome.peered == nil, "EAP Success would be believed only after the server's last word")
    }

    private static let inner: [(TTLSInnerMethod, TLSVersion)] = [
        (.eap(.mschapv2), .tls12), (.eap(.mschapv2), .tls13), (.eap(.gtc), .tls12), (.eap(.gtc), .tls13),
        (.pap, .tls12), (.pap, .tls13), (.mschapv2, .tls12), (.mschapv2, .tls13),
    ]

    @Test(arguments: inner) func ttlsCarriesItsInnerMethods(inner: TTLSInnerMethod, version: TLSVersion) {
        let server = EAPServerSettings(methods: [.ttls], innerMethods: [inner])
        var talk = conversation(
            server,
            alice([.ttls], inner: [inner]),
            plays: version,
            isServerAuthenticated: false
        )
        let outcome = talk.run()
        #expect(outcome.agrees && outcome.served?.identity == "alice" && outcome.served?.inner == inner)
        #expect(outcome.peered?.inner == inner)
        let identity = outcome.responses.first.map { String(decoding: $0.dropFirst(5), as: UTF8.self) }
        #expect(identity == "anonymous@example.com", "who we are is said inside only")
        var wrong = conversation(server, alice([.ttls], inner: [inner], password: "guess"), plays: version)
        #expect(wrong.run().serverFailure == .wrongPassword(identity: "alice"))
        var other = conversation(
            EAPServerSettings(methods: [.ttls], innerMethods: [inner == .pap ? .mschapv2 : .pap]),
            alice([.ttls], inner: [inner]),
            plays: version
        )
        #expect(other.run().serverFailure?.code == "eap_unexpected", "not allowed here")
    }

    /// A10: nothing about the user leaves before the server's certificate was accepted.
    @Test(arguments: [TLSVersion.tls12, .tls13]) func aRefusedServerLearnsNothing(version: TLSVersion) {
        var talk = conversation(
            EAPServerSettings(methods: [.ttls], innerMethods: [.pap]),
            alice([.ttls], inner: [.pap]),
            plays: version
        )
        talk.judgeServer = { _ in .refused(reason: "another name") }
        let outcome = talk.run()
        #expect(outcome.peerFailure == .certificate("another name") && outcome.server == nil)
        #expect(!outcome.responses.contains { $0.contains(Array("alice".utf8)) })
        #expect(!outcome.responses.contains { $0.contains(Array("correct horse".utf8)) })
    }

    @Test func aNakLeadsToAMethodThatBothHave() {
        var talk = conversation(EAPServerSettings(methods: [.tls, .mschapv2]), alice([.mschapv2]))
        #expect(talk.run().agrees)
        var none = conversation(EAPServerSettings(methods: [.tls]), alice([.gtc]))
        #expect(none.run().serverFailure == .noCommonMethod(wanted: [.tls], offered: [.gtc]))
    }

    @Test func passwordsMayBeRetriedAsOftenAsConfiguredAndNoMore() {
        // Our peer has one password; a hand tries others.
        var random = SeededGenerator(seed: 7)
        var server = EAPServer(
            settings: EAPServerSettings(methods: [.mschapv2], retries: 2),
            engines: nil,
            isServerAuthenticated: true,
            knownIdentity: "alice",
            wallClock: noon
        )
        var action = server.handle(.start, using: &random)
        let guess = MSCHAPv2Message.response(
            identifier: 1,
            peerChallenge: [UInt8](repeating: 1, count: 16),
            response: [UInt8](repeating: 2, count: 24),
            name: Array("alice".utf8)
        ).data
        var flags: [Bool] = []
        for _ in 0..<5 {
            guard case .send(let request) = action else { break }
            let response = EAPPacket(identifier: request[1], .response(.mschapv2, guess)).bytes
            action = server.handle(.packet(response), using: &random)
            guard case .lookUp = action else { break }
            action = server.handle(.credential(.password(SecretBytes(text: "x"))), using: &random)
            if case .send(let refusal) = action {
                flags.append(String(decoding: refusal, as: UTF8.self).contains("R=1"))
            }
        }
        #expect(flags == [true, true, false])
        guard case .failed(_, .wrongPassword) = action else {
            Issue.record("\(action)")
            return
        }
    }
}
