import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Post-quantum pre-shared keys (RFC 8784): both roles, mandatory and optional, with every way of authentication.
@Suite struct PPKTests {
    private let secret = SecretBytes(Array("a post-quantum secret of good length".utf8))

    private func settings(
        _ id: String,
        required: Bool,
        _ type: PPKSettings.IdentifierType = .fixed
    ) -> PPKSettings {
        PPKSettings(
            entries: [.init(type: type, identifier: Array(id.utf8), key: KeyID("ppk-\(id)"))],
            isRequired: required
        )
    }

    private func with(_ connection: ConnectionConfiguration, _ ppk: PPKSettings?) -> ConnectionConfiguration {
        var connection = connection
        connection.ppk = ppk
        return connection
    }

    private func pair(
        _ left: ConnectionConfiguration,
        _ right: ConnectionConfiguration,
        sameSecret: Bool = true
    ) -> Pair {
        let pair = Pair(left, right, seed: 51)
        give(pair)
        if !sameSecret { pair.b.ppks["ppk-one"] = SecretBytes(Array("another post-quantum secret, as long".utf8)) }
        pair.initiate(left)
        pair.run(.seconds(2))
        return pair
    }

    private func give(_ pair: Pair) {
        for node in [pair.a, pair.b] { for id in ["one", "two"] { node.ppks["ppk-\(id)"] = secret } }
    }

    /// Whether SK_d of an IKE SA is the one that the last key exchange gave: without a PPK in it.
    private func expectPPK(_ pair: Pair, _ isUsed: Bool, _ location: SourceLocation = #_sourceLocation) throws {
        pair.expectAgreement(location)
        let a = try #require(pair.a.endpoint.engine.sas.values.first?.keys)
        let b = try #require(pair.b.endpoint.engine.sas.values.first?.keys)
        #expect(a.skD.isEqual(to: b.skD), sourceLocation: location)
        #expect(pair.mixes == (isUsed ? 2 : pair.mixes), sourceLocation: location)
        let answer = pair.trace.last { $0.header?.exchangeType == .ikeAuth && $0.isResponse }
        let opened = answer.flatMap { Forge.open($0.bytes, keys: b.responder, crypto: pair.a.crypto) }
        let content = try #require(opened)
        let notifies = try IKEMessage.parseChain(first: content.first, content.plain).notifies.map(\.type)
        #expect(notifies.contains(.ppkIdentity) == isUsed, sourceLocation: location)
    }

    @Test(arguments: [true, false], [true, false]) func bothHaveTheKey(left: Bool, right: Bool) throws {
        let pair = pair(with(pskA(), settings("one", required: left)), with(pskB(), settings("one", required: right)))
        try expectPPK(pair, true)
    }

    @Test func certificatesGoWithIt() throws {
        for required in [true, false] {
            let left = with(certificateA(), settings("one", required: required))
            try expectPPK(pair(left, with(certificateB(), settings("one", required: true))), true)
        }
    }

    /// IKE_INTERMEDIATE comes first; the key goes into the last keys, and is in none of the rekeyings (RFC 8784 §3).
    @Test func itGoesWithAdditionalKeyExchanges() throws {
        let pair = pair(
            with(Hybrid.left(), settings("one", required: false)),
            with(Hybrid.right(), settings("one", required: true))
        )
        try expectPPK(pair, true)
        #expect(pair.statusA?.suite?.additionalKeyExchanges == [.mlKEM768])
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA).id))
        pair.run(.seconds(6))
        pair.command(pair.b, .rekeyChild(try #require(pair.statusB).id, try #require(pair.childB).inboundSPI))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.mixes == 2)
    }

    @Test func anOptionalOneIsLeftOutWhereThePeerHasNone() throws {
        try expectPPK(pair(with(pskA(), settings("one", required: false)), pskB()), false)
        try expectPPK(pair(pskA(), with(pskB(), settings("one", required: false))), false)
    }

    @Test func anUnknownOneFallsBackOnlyWhereBothMay() throws {
        let fallback = pair(
            with(pskA(), settings("one", required: false)),
            with(pskB(), settings("two", required: false))
        )
        try expectPPK(fallback, false)
        let certificates = pair(
            with(certificateA(), settings("one", required: false)),
            with(certificateB(), settings("two", required: false))
        )
        try expectPPK(certificates, false)
        for (left, right) in [(true, false), (false, true), (true, true)] {
            let refused = pair(
                with(pskA(), settings("one", required: left)),
                with(pskB(), settings("two", required: right))
            )
            #expect(refused.a.endpoint.statuses().isEmpty && refused.b.endpoint.statuses().isEmpty)
            #expect(reasons(refused.b) == ["ppk_unknown"])
        }
    }

    /// A13: a mandatory PPK that is missing.
    @Test func aRequiredOneCannotBeLeftOut() {
        let initiator = pair(with(pskA(), settings("one", required: true)), pskB())
        initiator.expectNothing(initiator.a)
        #expect(reasons(initiator.a) == ["ppk_missing"])
        #expect(!initiator.trace.contains { $0.header?.exchangeType == .ikeAuth })
        let responder = pair(pskA(), with(pskB(), settings("one", required: true)))
        #expect(responder.b.endpoint.statuses().isEmpty)
        #expect(reasons(responder.b) == ["ppk_missing"])
    }

    @Test func anotherSecretOfTheSameNameDoesNotAuthenticate() {
        for required in [true, false] {
            let pair = pair(
                with(pskA(), settings("one", required: required)),
                with(pskB(), settings("one", required: required)),
                sameSecret: false
            )
            #expect(pair.a.endpoint.statuses().isEmpty && pair.b.endpoint.statuses().isEmpty)
            #expect(pair.b.installed.isEmpty)
        }
    }

    /// RFC 8784 §5.1: the type belongs to the name.
    @Test func opaqueNamesAreAKindOfTheirOwn() throws {
        let opaque = settings("one", required: true, .opaque)
        let both = pair(with(pskA(), opaque), with(pskB(), opaque))
        try expectPPK(both, true)
        let request = both.trace.first { $0.header?.exchangeType == .ikeAuth && !$0.isResponse }
        let keys = try #require(both.b.endpoint.engine.sas.values.first?.keys)
        let opened = try #require(request.flatMap { Forge.open($0.bytes, keys: keys.initiator, crypto: both.a.crypto) })
        let named = try IKEMessage.parseChain(first: opened.first, opened.plain).notify(.ppkIdentity)
        #expect(named?.data == [1] + Array("one".utf8))
        let other = pair(with(pskA(), opaque), with(pskB(), settings("one", required: true)))
        #expect(other.a.endpoint.statuses().isEmpty && other.b.endpoint.statuses().isEmpty)
        #expect(reasons(other.b) == ["ppk_unknown"])
    }

    /// RFC 8784 §3: the responder's first AUTH comes before the name, the two that conclude EAP have the key in them.
    @Test(arguments: [true, false], [true, false]) func eapGoesWithIt(left: Bool, right: Bool) throws {
        let pair = eapPair(
            with(eapA(), settings("one", required: left)),
            with(eapB(), settings("one", required: right)),
            give
        )
        try expectPPK(pair, true)
    }

    @Test func eapFallsBackOnlyWhereBothMay() throws {
        let (left, right) = (settings("one", required: false), settings("two", required: false))
        try expectPPK(eapPair(with(eapA(), left), with(eapB(), right), give), false)
        try expectPPK(eapPair(with(eapA(), left), eapB(), give), false)
        for (mine, theirs) in [(true, false), (false, true)] {
            let refused = eapPair(
                with(eapA(), settings("one", required: mine)),
                with(eapB(), settings("two", required: theirs)),
                give
            )
            #expect(refused.a.endpoint.statuses().isEmpty && refused.b.endpoint.statuses().isEmpty)
            #expect(reasons(refused.b) == ["ppk_unknown"])
        }
    }

    /// The first AUTH names the key, the answer to it agrees, and every AUTH after that has the key in it.
    @Test(arguments: AuthenticationRoundTests.mixtures, [true, false])
    func roundsGoWithIt(_ mixture: AuthenticationRoundTests.Mixture, required: Bool) throws {
        let (left, right) = AuthenticationRoundTests.configure(mixture)
        let used = eapPair(
            with(left, settings("one", required: required)),
            with(right, settings("one", required: true)),
            give
        )
        used.expectAgreement()
        #expect(used.mixes == 2)
        #expect(try identities(used) == [1, 1])
        guard !required else { return }
        let fallback = eapPair(
            with(left, settings("one", required: false)),
            with(right, settings("two", required: false)),
            give
        )
        fallback.expectAgreement()
        #expect(try identities(fallback) == [1, 0])
    }

    /// Another secret under the same name ends the first round that uses it.
    @Test(arguments: AuthenticationRoundTests.mixtures)
    func roundsFailWithAnotherSecret(_ mixture: AuthenticationRoundTests.Mixture) {
        let (left, right) = AuthenticationRoundTests.configure(mixture)
        let pair = eapPair(
            with(left, settings("one", required: true)),
            with(right, settings("one", required: true))
        ) { pair in
            give(pair)
            pair.b.ppks["ppk-one"] = SecretBytes(Array("another post-quantum secret, as long".utf8))
        }
        #expect(pair.a.endpoint.statuses().isEmpty && pair.b.endpoint.statuses().isEmpty)
        #expect(pair.a.installed.isEmpty && pair.b.installed.isEmpty)
    }

    /// How often PPK_IDENTITY stands in the initiator's requests and in the responder's answers of IKE_AUTH.
    private func identities(_ pair: Pair) throws -> [Int] {
        let keys = try #require(pair.b.endpoint.engine.sas.values.first?.keys)
        return try [false, true].map { isResponse in
            let messages = pair.trace.filter { $0.header?.exchangeType == .ikeAuth && $0.isResponse == isResponse }
            return try messages.reduce(0) { count, message in
                let sender = isResponse ? keys.responder : keys.initiator
                let opened = try #require(Forge.open(message.bytes, keys: sender, crypto: pair.a.crypto))
                let payloads = try IKEMessage.parseChain(first: opened.first, opened.plain)
                return count + payloads.notifies.count { $0.type == .ppkIdentity }
            }
        }
    }

    private func reasons(_ node: Node) -> [String] {
        node.reports.compactMap { report in
            guard case .failed(_, let failure) = report, case .authentication(let why) = failure.cause else {
                return nil
            }
            return why.reason
        }
    }
}

extension Pair {
    /// How often the oracles were asked for keys with a PPK in them.
    var mixes: Int { a.mixes + b.mixes }
}
