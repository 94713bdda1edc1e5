import CryptoDoubles
import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// IKE_AUTH with EAP (RFC 7296 §2.16) and EAP alone (RFC 5998), both roles.
@Suite struct EAPTests {
    @Test func anInitiatorIsAuthenticatedByEAPAndTheResponderByItsCertificate() {
        let pair = eapPair()
        #expect(
            pair.trace.map(\.summary) == [
                "A IKE_SA_INIT 0", "B IKE_SA_INIT 0 response",
                // IDi -->  <-- IDr, CERT, AUTH, EAP
                "A IKE_AUTH 1", "B IKE_AUTH 1 response",
                "A IKE_AUTH 2", "B IKE_AUTH 2 response", "A IKE_AUTH 3", "B IKE_AUTH 3 response",
                "A IKE_AUTH 4", "B IKE_AUTH 4 response",
                // AUTH -->  <-- AUTH, SA, TSi, TSr
                "A IKE_AUTH 5", "B IKE_AUTH 5 response",
            ]
        )
        pair.expectAgreement()
        #expect(pair.b.authorizations.first?.verified.eap?.name == "alice")
        #expect(pair.b.authorizations.first?.identity == .keyID(Array("alice".utf8)))
        #expect(pair.statusB?.remoteIdentity == .keyID(Array("alice".utf8)))
        #expect(pair.statusA?.remoteIdentity == nameB)
        #expect(pair.statusA?.peer?.leaf == certificate(nameB))
        #expect(pair.a.eap.open == 0 && pair.b.eap.open == 0)
        #expect(pair.a.eap.ended.count == 1 && pair.b.eap.ended.count == 1)
    }

    @Test func aWrongPasswordIsAnEAPFailureAndNothingIsLeft() {
        let pair = eapPair { pair in pair.a.eap.password = "guess" }
        #expect(failure(pair.b)?.cause == .authentication("eap_failed: wrong password"))
        #expect(failure(pair.a)?.cause == .authentication("eap_failed: the responder ended EAP with a Failure"))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        #expect(pair.b.eap.open == 0 && pair.b.authorizations.isEmpty)
    }

    /// E02: the method succeeded at both ends, yet the keys differ: somebody sits between.
    @Test func authThatIsNotMadeFromTheKeyIsRefused() {
        let pair = eapPair { pair in
            pair.a.eap.password = "another"
            pair.b.eap.believesEverything = true
        }
        guard case .authentication(let cause) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(cause.reason == "msk_mismatch")
        #expect(failure(pair.a)?.cause == .peerRefused(.authenticationFailed))
        pair.expectNothing(pair.b)
    }

    /// E02: the EAP server (a RADIUS server, say) accepts and gives no key.
    @Test func successWithoutAKeyIsRefusedUnlessConfigured() {
        let pair = eapPair { pair in
            pair.a.eap.makesKey = false
            pair.b.eap.makesKey = false
        }
        guard case .authentication(let cause) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(cause.reason == "msk_missing")
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        var right = eapB()
        right.remoteAuthentication = .eap(EAPRequirement(settings: "users", allowsKeyless: true))
        eapPair(eapA(), right) { pair in
            pair.a.eap.makesKey = false
            pair.b.eap.makesKey = false
        }.expectAgreement()
    }

    /// A10: a server with a good certificate of another name learns nothing but IDi.
    @Test func nothingOfEAPIsSaidBeforeTheResponderHasPassed() {
        for rogue in 0..<3 {
            var right = eapB()
            var left = eapA()
            switch rogue {
            case 0:
                right.localIdentity = .fqdn("rogue.example")
                right.localAuthentication = .certificate(
                    chain: [certificate(.fqdn("rogue.example"))],
                    key: KeyID("rogue.example")
                )
                // It claims whatever is asked for; its certificate is its own.
                left.remoteIdentity = .oneOf([nameB, .fqdn("c.example")])
            case 1: right.localAuthentication = .certificate(chain: [certificate(nameB)], key: KeyID("rogue.example"))
            default: right.eapOnly = true
            }
            let pair = eapPair(left, right)
            if rogue == 2 {
                pair.expectAgreement()
                continue
            }
            #expect(pair.a.eap.asked.isEmpty && pair.a.eap.said.isEmpty, "rogue \(rogue)")
            pair.expectNothing(pair.a)
            pair.expectNothing(pair.b)
        }
    }

    // MARK: EAP alone

    @Test func eapAloneAuthenticatesBothEnds() {
        var (left, right) = (eapA(), eapB())
        left.eapOnly = true
        right.eapOnly = true
        let pair = eapPair(left, right)
        pair.expectAgreement()
        #expect(pair.statusA?.peer?.leaf == nil)
    }

    @Test func aResponderThatDoesNotKnowEAPAloneIsHeldToItsCertificate() {
        var left = eapA()
        left.eapOnly = true
        let pair = eapPair(left, eapB())
        pair.expectAgreement()
        #expect(pair.statusA?.peer?.leaf == certificate(nameB))
    }

    /// E07: either end refuses a method that does not authenticate the responder, or makes no key.
    @Test func weakMethodsAreRefusedAsTheOnlyProof() {
        for weakness in 0..<4 {
            var (left, right) = (eapA(), eapB())
            left.eapOnly = true
            right.eapOnly = true
            right.remoteAuthentication = .eap(EAPRequirement(settings: "users", allowsKeyless: true))
            let pair = eapPair(left, right) { pair in
                if weakness == 0 { pair.a.eap.isMutual = false }
                if weakness == 1 { pair.b.eap.isMutual = false }
                if weakness == 2 { pair.a.eap.makesKey = false }
                if weakness == 3 { pair.b.eap.makesKey = false }
            }
            pair.expectNothing(pair.a)
            pair.expectNothing(pair.b)
        }
    }

    /// The initiator did not ask for EAP alone: a responder that leaves its AUTH out is refused.
    @Test func aResponderWithoutAUTHIsRefused() {
        var (left, right) = (eapA(), eapB())
        right.eapOnly = true
        left.eapOnly = true
        let pair = Pair(left, right)
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        // The connection of the IKE SA that began changes its mind: as if somebody had put the notify in.
        pair.initiate(left)
        pair.collect()
        pair.a.endpoint.engine.sas.values.first?.connection.eapOnly = false
        pair.step()
        pair.a.endpoint.engine.sas.values.first?.connection.eapOnly = true
        pair.step()
        pair.a.endpoint.engine.sas.values.first?.connection.eapOnly = false
        pair.settle()
        #expect(failure(pair.a)?.cause == .protocolViolation("IKE_AUTH without AUTH"))
        #expect(pair.a.eap.asked.isEmpty)
        pair.expectNothing(pair.b)
    }

    // MARK: Bounds

    /// E06: neither end goes on for ever, and the responder counts the IKE SA as half-open all the time.
    @Test func endlessEAPEnds() {
        let pair = Pair(eapA(), eapB())
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        pair.b.eap.isEndless = true
        pair.initiate(eapA())
        var most = 0
        while pair.step() { most = max(most, pair.b.endpoint.halfOpenCount) }
        #expect(most == 1)
        #expect(pair.trace.count <= 2 * 56)
        guard case .authentication(let cause) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(cause.reason == "eap_failed")
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    /// Slow people get more time than strangers, but not for ever.
    @Test func theConversationIsBoundedInTime() {
        let pair = Pair(eapA(), eapB())
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        pair.b.eap.questions = 40
        pair.initiate(eapA())
        pair.settle(until: { $0.summary == "A IKE_AUTH 2" })
        pair.b.holdsOperations = true
        var waited = Duration.zero
        while pair.b.endpoint.halfOpenCount > 0, waited < .seconds(300) {
            pair.run(.seconds(8))
            waited += .seconds(8)
            pair.b.releaseOne(pair.now, pair.wall)
            pair.settle()
        }
        #expect(waited > .seconds(40) && waited <= .seconds(130), "\(waited)")
        pair.run(.seconds(60))
        pair.expectNothing(pair.a)
    }

    @Test func longPacketsTravelInFragments() {
        let pair = eapPair { pair in
            pair.a.eap.padding = 3000
            pair.b.eap.padding = 3000
        }
        pair.expectAgreement()
        #expect(pair.trace.count > 16)
    }

    @Test func everyRoundSurvivesTheLossOfEachMessage() {
        for lost in 0..<12 {
            let pair = Pair(eapA(), eapB())
            pair.a.eap = EAPDouble.client
            pair.b.eap = EAPDouble.server
            var count = 0
            pair.delivers = { _ in
                defer { count += 1 }
                return count != lost
            }
            pair.initiate(eapA())
            pair.run(.seconds(5))
            pair.expectAgreement()
            #expect(pair.b.eap.ended.count == 1, "lost \(lost)")
        }
    }

    @Test func noSnapshotIsTakenWhileEAPRuns() {
        let pair = Pair(eapA(), eapB())
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        pair.initiate(eapA())
        var moments = 0
        while pair.step() {
            guard pair.b.status == nil else { break }
            for node in [pair.a, pair.b] {
                for number in UInt64(0)..<4 {
                    let isThere = node.endpoint.snapshot(IKESAID(rawValue: number), now: pair.now) != nil
                    #expect(!isThere)
                }
            }
            moments += 1
        }
        #expect(moments > 8)
        let taken = pair.statusB.map { pair.b.endpoint.snapshot($0.id, now: pair.now) != nil }
        #expect(taken == true)
    }

    /// Whatever goes wrong after EAP has succeeded, and before it began, the refusal has the same octets and length; within
    /// EAP it is EAP Failure, for every cause as well.
    @Test func everyCauseLooksTheSameOnTheWire() {
        let changes: [(Pair) -> Void] = [
            { $0.b.authorizer = { _ in .deny(reason: "no rule", .authenticationFailed) } },
            {
                $0.a.eap.password = "another"
                $0.b.eap.believesEverything = true
            },
        ]
        var late: Set<Int> = []
        for change in changes {
            let crypto = RecordingCrypto(SimulatedCryptoProvider(seed: 7))
            let pair = eapPair(crypto: crypto) { change($0) }
            #expect(failure(pair.a)?.cause == .peerRefused(.authenticationFailed))
            late.insert(pair.trace.last { $0.sender == "B" }?.bytes.count ?? 0)
            #expect(crypto.opened.last == [0, 0, 0, 8, 0, 0, 0, 24])
        }
        #expect(late.count == 1)
        let within: [(Pair) -> Void] = [
            { $0.a.eap.password = "guess" }, { $0.a.eap.name = "mallory" }, { $0.b.eap.makesKey = false },
            { $0.b.eap.proves = "b.example" }, { $0.b.eap.isEndless = true }, { $0.b.eap.proves = "" },
        ]
        var early: Set<Int> = []
        for change in within {
            let crypto = RecordingCrypto(SimulatedCryptoProvider(seed: 7))
            let pair = eapPair(crypto: crypto) { change($0) }
            // An EAP payload with Failure alone; its Identifier is that of the request before (RFC 3748 §4.2).
            let content = crypto.opened.last ?? []
            #expect(content.prefix(5) == [0, 0, 0, 8, 4] && content.suffix(2) == [0, 4] && content.count == 8)
            let expected = AuthenticationFailure("eap_failed: the responder ended EAP with a Failure")
            #expect(failure(pair.a)?.cause == .authentication(expected))
            early.insert(pair.trace.last { $0.sender == "B" }?.bytes.count ?? 0)
        }
        #expect(early.count == 1)
    }

    /// A peer that dislikes what EAP told it ends the IKE SA at once, and the reason says that it was EAP.
    @Test func aPeerThatBreaksOffWithinEAPIsNamedSo() {
        let pair = Pair(eapA(), eapB())
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        pair.initiate(eapA())
        pair.settle(until: { $0.summary == "B IKE_AUTH 2 response" })
        pair.a.eap.refuses = true
        pair.settle()
        guard case .authentication(let cause) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(cause.reason == "eap_abandoned")
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    // MARK: Identities

    /// A12: the connection that fits the claimed identity is for somebody else than EAP proves.
    @Test func whatEAPProvesIsHeldAgainstTheConnection() {
        var right = eapB()
        right.remoteIdentity = .oneOf([.keyID(Array("bob".utf8))])
        var weaker = eapB()
        weaker.name = "everybody"
        let pair = Pair(eapA(), right, more: [weaker])
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        pair.initiate(eapA())
        pair.settle()
        guard case .identity(let mismatch) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(mismatch.claimed == .keyID(Array("alice".utf8)))
        #expect(pair.b.authorizations.isEmpty)
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func theClaimedIdentityMustBeTheProvedOneWhereConfigured() {
        var right = eapB()
        right.remoteAuthentication = .eap(EAPRequirement(settings: "users", claimed: .same))
        var left = eapA()
        let wrong = eapPair(left, right)
        #expect(failure(wrong.b) != nil)
        wrong.expectNothing(wrong.b)
        left.localIdentity = .fqdn("alice")
        let good = eapPair(left, right)
        good.expectAgreement()
    }

    @Test func nobodyProvesToBeUs() {
        let pair = eapPair { pair in pair.b.eap.proves = "b.example" }
        #expect(failure(pair.b) != nil)
        pair.expectNothing(pair.b)
    }
}

extension EAPDouble {
    /// Alice.
    static var client: EAPDouble {
        var double = EAPDouble()
        double.name = "alice"
        double.password = "wonderland"
        return double
    }
    /// Who knows her.
    static var server: EAPDouble {
        var double = EAPDouble()
        double.users = ["alice": "wonderland"]
        return double
    }
}

func eapA() -> ConnectionConfiguration {
    var connection = certificateA()
    connection.localAuthentication = .eap(settings: "me")
    return connection
}

func eapB() -> ConnectionConfiguration {
    var connection = certificateB()
    connection.remoteAuthentication = .eap(EAPRequirement(settings: "users"))
    return connection
}

/// A pair of which A has tried to connect as Alice.
@discardableResult
func eapPair(
    _ left: ConnectionConfiguration = eapA(),
    _ right: ConnectionConfiguration = eapB(),
    crypto: (any CryptoProvider)? = nil,
    _ change: (Pair) -> Void = { _ in }
) -> Pair {
    let pair = Pair(left, right, crypto: crypto)
    pair.a.eap = EAPDouble.client
    pair.b.eap = EAPDouble.server
    change(pair)
    pair.initiate(left)
    pair.settle()
    return pair
}
