import EAP
import EAPDoubles
import IPsecTypes
import Testing

private let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

/// Rows E03, E04 and E06: spoilt, endless and contradictory packets.
@Suite struct HostilePeerTests {
    private func server(_ methods: [EAPMethodType], retries: Int = 0) -> EAPServer {
        EAPServer(
            settings: EAPServerSettings(methods: methods, innerMethods: [.eap(.mschapv2), .pap], retries: retries),
            engines: PlainTLSProvider(),
            isServerAuthenticated: true,
            wallClock: noon
        )
    }

    private func peer(_ methods: [EAPMethodType]) -> EAPPeer {
        EAPPeer(
            settings: EAPPeerSettings(
                identity: "alice",
                methods: methods,
                password: SecretBytes(text: "correct horse")
            ),
            engines: PlainTLSProvider(),
            isServerAuthenticated: true,
            wallClock: noon
        )
    }

    /// E03: each packet of a good conversation, cut at every length and with every length field, ends it or is refused.
    @Test(arguments: [EAPMethodType.mschapv2, .gtc, .tls, .ttls])
    func packetsOfEveryLengthAreRefused(method: EAPMethodType) {
        for spoilt in 0..<6 {
            for isRequest in [true, false] {
                for count in 0..<80 {
                    for fixesLength in [true, false] {
                        var talk = Conversation(server([method]), peer([method]))
                        talk.users = { _ in .password(SecretBytes(text: "correct horse")) }
                        var number = 0
                        var isSpoilt = false
                        let spoil: ([UInt8]) -> [UInt8] = { packet in
                            defer { number += 1 }
                            guard number == spoilt, count < packet.count else { return packet }
                            isSpoilt = true
                            var cut = Array(packet.prefix(count))
                            if fixesLength, cut.count >= 4 {
                                cut[2] = 0
                                cut[3] = UInt8(count)
                            }
                            return cut
                        }
                        if isRequest { talk.toPeer = spoil } else { talk.toServer = spoil }
                        let outcome = talk.run()
                        if isSpoilt && !fixesLength { #expect(!outcome.agrees, "\(method) \(spoilt) \(count)") }
                    }
                }
            }
        }
    }

    /// E03: an MSCHAPv2 Failure request of 6, 7 and 8 octets, and one whose MS-Length lies.
    @Test(
        arguments: [
            [1, 2, 0, 6, 26, 4], [1, 2, 0, 7, 26, 4, 1], [1, 2, 0, 8, 26, 4, 1, 0], [1, 2, 0, 9, 26, 4, 1, 0, 0],
            [1, 2, 0, 9, 26, 4, 1, 0, 3], [1, 2, 0, 9, 26, 4, 1, 255, 255], [1, 2, 0, 10, 26, 4, 1, 0, 9, 69],
        ] as [[UInt8]]
    )
    func shortFailureRequestsAreMalformed(packet: [UInt8]) {
        var random = SeededGenerator(seed: 1)
        var peer = peer([.mschapv2])
        let challenge = MSCHAPv2Message.challenge(
            identifier: 1,
            value: [UInt8](repeating: 7, count: 16),
            name: []
        ).data
        _ = peer.handle(.packet(EAPPacket(identifier: 1, .request(.mschapv2, challenge)).bytes), using: &random)
        guard case .failed(.malformed) = peer.handle(.packet(packet), using: &random) else {
            Issue.record("accepted")
            return
        }
    }

    @Test func aLengthThatDisagreesWithThePayloadIsRefused() {
        for wrong in [
            [2, 1, 0, 4, 1, 65], [2, 1, 0, 7, 1, 65], [2, 1, 255, 255, 1, 65], [2, 1, 0, 0], [2, 1, 0], [],
        ] {
            #expect(throws: EAPFailure.self) { try EAPPacket(wrong.map(UInt8.init)) }
        }
        #expect(throws: EAPFailure.malformed(.trailingBytes)) { try EAPPacket([3, 1, 0, 5, 0]) }
        #expect(throws: EAPFailure.malformed(.badValue)) { try EAPPacket([9, 1, 0, 4]) }
    }

    /// E06: a 60 KB identity, and one of 1 KB.
    @Test(arguments: [60_000, 1100, 254, 0]) func oversizedIdentitiesAreRefused(count: Int) {
        var random = SeededGenerator(seed: 1)
        var server = server([.mschapv2])
        _ = server.handle(.start, using: &random)
        let identity = [UInt8](repeating: 0x61, count: count)
        let packet = EAPPacket(identifier: 1, .response(.identity, identity)).bytes
        guard case .failed(let answer, let failure) = server.handle(.packet(packet), using: &random) else {
            Issue.record("accepted")
            return
        }
        #expect(answer == [4, 1, 0, 4])
        #expect(["eap_too_large", "eap_identity"].contains(failure.code))
    }

    /// E06: a peer that answers every offer with a Nak gets each method once.
    @Test func aNakPingPongEnds() {
        var random = SeededGenerator(seed: 1)
        var server = server([.tls, .ttls, .mschapv2, .gtc])
        var action = server.handle(.start, using: &random)
        var rounds = 0
        while case .send(let request) = action, rounds < 200 {
            rounds += 1
            let body: EAPPacket.Body =
                request[4] == 1 ? .response(.identity, [0x61]) : .response(.nak, [13, 21, 26, 6])
            action = server.handle(.packet(EAPPacket(identifier: request[1], body).bytes), using: &random)
        }
        #expect(rounds == 5)
        guard case .failed(_, .noCommonMethod) = action else {
            Issue.record("\(action)")
            return
        }
    }

    @Test func aNakInTheMiddleOfAMethodAndAnotherMethodAreRefused() {
        for body in [EAPPacket.Body.response(.nak, [6]), .response(.gtc, [65]), .request(.mschapv2, [1]), .success] {
            var random = SeededGenerator(seed: 1)
            var server = server([.mschapv2, .gtc], retries: 3)
            _ = server.handle(.start, using: &random)
            _ = server.handle(.packet(EAPPacket(identifier: 1, .response(.identity, [0x61])).bytes), using: &random)
            let guess = MSCHAPv2Message.response(
                identifier: 2,
                peerChallenge: [UInt8](repeating: 1, count: 16),
                response: [UInt8](repeating: 2, count: 24),
                name: [0x61]
            ).data
            _ = server.handle(.packet(EAPPacket(identifier: 2, .response(.mschapv2, guess)).bytes), using: &random)
            _ = server.handle(.credential(.refused), using: &random)
            guard case .failed = server.handle(.packet(EAPPacket(identifier: 3, body).bytes), using: &random) else {
                Issue.record("accepted \(body)")
                continue
            }
        }
    }

    /// E06: 200 rounds of fragments that never end, at the server and at the peer.
    @Test(arguments: [EAPMethodType.tls, .ttls]) func endlessFragmentsEnd(method: EAPMethodType) {
        var random = SeededGenerator(seed: 1)
        var server = server([method])
        var action = server.handle(.start, using: &random)
        var rounds = 0
        while case .send(let request) = action, rounds < 200 {
            rounds += 1
            let fragment = TLSFragment([0x16], messageLength: rounds == 2 ? 60_000 : nil, hasMore: true).bytes
            let body: EAPPacket.Body = request[4] == 1 ? .response(.identity, [0x61]) : .response(method, fragment)
            action = server.handle(.packet(EAPPacket(identifier: request[1], body).bytes), using: &random)
        }
        guard case .failed(_, .tooManyRounds) = action else {
            Issue.record("\(action)")
            return
        }
        var peer = peer([method])
        var answer = peer.handle(
            .packet(EAPPacket(identifier: 0, .request(method, [0x20])).bytes),
            using: &random
        )
        rounds = 0
        while case .send = answer, rounds < 200 {
            rounds += 1
            let fragment = TLSFragment([0x16], messageLength: rounds == 1 ? 60_000 : nil, hasMore: true).bytes
            let packet = EAPPacket(identifier: UInt8(rounds), .request(method, fragment))
            answer = peer.handle(.packet(packet.bytes), using: &random)
        }
        guard case .failed(.tooManyRounds) = answer else {
            Issue.record("\(answer)")
            return
        }
    }

    @Test func aPeerBelievesNoSuccessBeforeTheMethodEnds() {
        var random = SeededGenerator(seed: 1)
        for method in [EAPMethodType.mschapv2, .tls, .ttls] {
            var peer = peer([method])
            let success = EAPPacket(identifier: 1, .success).bytes
            if method != .mschapv2 {
                _ = peer.handle(.packet(EAPPacket(identifier: 1, .request(method, [0x20])).bytes), using: &random)
            }
            guard case .failed(.unexpected) = peer.handle(.packet(success), using: &random) else {
                Issue.record("\(method) believed it")
                continue
            }
        }
    }

    @Test func aRepeatedRequestGetsTheSameResponse() {
        var random = SeededGenerator(seed: 1)
        var peer = peer([.mschapv2])
        let challenge = MSCHAPv2Message.challenge(
            identifier: 1,
            value: [UInt8](repeating: 7, count: 16),
            name: []
        ).data
        let request = EAPPacket(identifier: 1, .request(.mschapv2, challenge)).bytes
        guard case .send(let first) = peer.handle(.packet(request), using: &random),
            case .send(let second) = peer.handle(.packet(request), using: &random)
        else {
            Issue.record("no response")
            return
        }
        #expect(first == second)
    }

    @Test func notificationsAreAnsweredAndExpandedTypesNakedInKind() {
        var random = SeededGenerator(seed: 1)
        var peer = peer([.tls, .mschapv2])
        let notification = EAPPacket(identifier: 4, .request(.notification, Array("hello".utf8))).bytes
        guard case .send(let answer) = peer.handle(.packet(notification), using: &random) else {
            Issue.record("no response")
            return
        }
        #expect(answer == [2, 4, 0, 5, 2])
        let expanded = EAPPacket(identifier: 5, .request(.expanded, [0, 0, 9, 0, 0, 0, 1])).bytes
        guard case .send(let nak) = peer.handle(.packet(expanded), using: &random) else {
            Issue.record("no response")
            return
        }
        #expect(nak == [2, 5, 0, 28, 254, 0, 0, 0, 0, 0, 0, 3, 254, 0, 0, 0, 0, 0, 0, 13, 254, 0, 0, 0, 0, 0, 0, 26])
    }

    /// RFC 5281 §9.2: a TTLS server may put hints into its first packet; §9.2.1: and offer a later version.
    @Test(arguments: [[0x20], [0x21], [0x20, 0, 0, 0, 1, 0, 0, 0, 9, 0x61, 0, 0, 0]] as [[UInt8]])
    func hintsAndLaterVersionsInATTLSStartArePassedOver(start: [UInt8]) {
        var random = SeededGenerator(seed: 1)
        var peer = peer([.ttls])
        let request = EAPPacket(identifier: 1, .request(.ttls, start)).bytes
        guard case .send(let response) = peer.handle(.packet(request), using: &random) else {
            Issue.record("refused")
            return
        }
        #expect(response == [2, 1, 0, 8, 21, 0] + Array("CH".utf8), "version 0 in the answer")
    }
}
