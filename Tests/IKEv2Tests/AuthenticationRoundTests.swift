import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Several rounds of authentication (RFC 4739), in every mixture and both directions.
@Suite struct AuthenticationRoundTests {
    static let secondA = Identity.fqdn("second.a.example")
    static let secondB = Identity.fqdn("second.b.example")

    /// What A proves after its certificate, what B proves after its own, and how many IKE_AUTH exchanges that takes.
    struct Mixture: Sendable, CustomTestStringConvertible {
        var name: String
        var ours: [LocalRound] = []
        var theirs: [LocalRound] = []
        var beginsWithEAP = false
        var exchanges: Int
        var testDescription: String { name }
    }

    static func certified(_ identity: Identity) -> LocalRound {
        LocalRound(
            identity: identity,
            authentication: .certificate(chain: [certificate(identity)], key: KeyID(identity.description))
        )
    }
    static let alice = LocalRound(identity: .fqdn("alice"), authentication: .eap(settings: "me"))

    static let mixtures: [Mixture] = [
        // RFC 4739 §2.3, example 2: certificate, then EAP.
        Mixture(name: "certificate, EAP", ours: [alice], exchanges: 6),
        // §2.2, example 1: EAP twice.
        Mixture(name: "EAP, EAP", ours: [alice], beginsWithEAP: true, exchanges: 10),
        // §2.4, example 3: two certificates of the initiator.
        Mixture(name: "certificate, certificate", ours: [certified(secondA)], exchanges: 2),
        // §2.5, example 4: two certificates of the responder.
        Mixture(name: "certificate | certificate, certificate", theirs: [certified(secondB)], exchanges: 2),
        Mixture(name: "both twice", ours: [certified(secondA)], theirs: [certified(secondB)], exchanges: 2),
        Mixture(name: "EAP | certificate twice", theirs: [certified(secondB)], beginsWithEAP: true, exchanges: 6),
        Mixture(name: "certificate, EAP | twice", ours: [alice], theirs: [certified(secondB)], exchanges: 6),
        Mixture(
            name: "certificate, EAP, certificate | three",
            ours: [alice, certified(secondA)],
            theirs: [certified(secondB), certified(.fqdn("third.b.example"))],
            exchanges: 7
        ),
    ]

    static func configure(_ mixture: Mixture) -> (ConnectionConfiguration, ConnectionConfiguration) {
        var left = mixture.beginsWithEAP ? eapA() : certificateA()
        var right = mixture.beginsWithEAP ? eapB() : certificateB()
        left.furtherLocal = mixture.ours
        right.furtherLocal = mixture.theirs
        right.furtherRemote = mixture.ours.map { round in
            round.authentication.isEAP
                ? RemoteRound(identity: .any, authentication: .eap(EAPRequirement(settings: "users")))
                : RemoteRound(
                    identity: .oneOf([round.identity]),
                    authentication: .certificate(authorityKeyHashes: [[UInt8](repeating: 7, count: 20)])
                )
        }
        left.furtherRemote = mixture.theirs.map { round in
            RemoteRound(
                identity: .oneOf([round.identity]),
                authentication: .certificate(authorityKeyHashes: [[UInt8](repeating: 7, count: 20)])
            )
        }
        return (left, right)
    }

    @Test(arguments: mixtures) func everyMixtureEstablishes(_ mixture: Mixture) {
        let (left, right) = Self.configure(mixture)
        let pair = eapPair(left, right)
        pair.expectAgreement()
        #expect(pair.trace.filter { $0.summary.hasPrefix("A IKE_AUTH") }.count == mixture.exchanges)
        #expect(pair.b.authorizations.count == 1)
        #expect(pair.b.authorizations.first?.earlierRounds.count == mixture.ours.count)
        if mixture.ours.last == Self.alice { #expect(pair.b.authorizations.first?.verified.eap?.name == "alice") }
        #expect(pair.a.eap.open == 0 && pair.b.eap.open == 0)
    }

    @Test(arguments: mixtures) func everyMixtureSurvivesLossOfEachMessage(_ mixture: Mixture) {
        let (left, right) = Self.configure(mixture)
        for lost in 0..<(2 * mixture.exchanges + 2) {
            let pair = Pair(left, right)
            pair.a.eap = EAPDouble.client
            pair.b.eap = EAPDouble.server
            var count = 0
            pair.delivers = { _ in
                defer { count += 1 }
                return count != lost
            }
            pair.initiate(left)
            pair.run(.seconds(5))
            pair.expectAgreement()
        }
    }

    /// What the responder's connection lists is what it takes, no round less and none more (A12).
    @Test func aRoundLessOrMoreIsRefused() {
        let (long, needsTwo) = Self.configure(Self.mixtures[2])
        let (_, needsOne) = Self.configure(Mixture(name: "", exchanges: 1))
        var short = long
        short.furtherLocal = []
        for (left, right) in [(short, needsTwo), (long, needsOne)] {
            let pair = eapPair(left, right)
            #expect(pair.b.authorizations.isEmpty)
            #expect(failure(pair.a) != nil && (failure(pair.b) != nil || pair.trace.count == 2))
            pair.run(.seconds(60))
            pair.expectNothing(pair.a)
            pair.expectNothing(pair.b)
        }
        // The responder ends after one round, and the initiator wanted two of it.
        let (wantsTwo, _) = Self.configure(Self.mixtures[3])
        var right = certificateB()
        right.furtherRemote = []
        let pair = eapPair(wantsTwo, right)
        pair.run(.seconds(60))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func theSecondRoundIsHeldToItsOwnIdentity() {
        var (left, right) = Self.configure(Self.mixtures[2])
        right.furtherRemote[0].identity = .oneOf([.fqdn("somebody.else.example")])
        let pair = eapPair(left, right)
        guard case .identity(let mismatch) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(mismatch.claimed == Self.secondA)
        pair.expectNothing(pair.b)
        // And the first one's proof does not stand for the second.
        (left, right) = Self.configure(Self.mixtures[2])
        left.furtherLocal[0].authentication = .certificate(
            chain: [certificate(Self.secondA)],
            key: KeyID(nameA.description)
        )
        let forged = eapPair(left, right)
        #expect(forged.b.authorizations.isEmpty)
        forged.expectNothing(forged.b)
    }

    @Test func aPeerThatKnowsNoRoundsIsToldApart() {
        var left = certificateA()
        left.furtherLocal = [Self.certified(Self.secondA)]
        let pair = eapPair(left, certificateB())
        guard case .authentication(let cause) = failure(pair.a)?.cause else {
            Issue.record("\(String(describing: failure(pair.a)))")
            return
        }
        #expect(cause.reason == "auth_rounds")
        // IKE_SA_INIT alone was sent: nothing of ours was proved for nothing.
        #expect(pair.trace.count == 2)
    }

    @Test func oneRoundSendsNoNotifyOfRounds() {
        let pair = establishedPair(certificateA(), certificateB())
        pair.expectAgreement()
        guard let initial = pair.trace.dropFirst().first,
            let payloads = try? IKEMessage.parse(initial.bytes.span).payloads
        else { return }
        #expect(payloads.notify(.multipleAuthSupported) == nil)
        #expect(payloads.notify(.supportedAuthMethods) != nil)
    }

    @Test func theIKESAEndsWithTheFirstCertificate() {
        let (left, right) = Self.configure(Self.mixtures[0])
        let pair = Pair(left, right)
        pair.a.eap = EAPDouble.client
        pair.b.eap = EAPDouble.server
        pair.b.certificateEnd = pair.wall.advanced(bySeconds: 600)
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        #expect(pair.statusB?.notAfter == pair.wall.advanced(bySeconds: 660))
    }
}

/// SUPPORTED_AUTH_METHODS (RFC 9593).
@Suite struct AnnouncedMethodTests {
    private func announcement(_ parts: [(SignatureAlgorithm, UInt8)]) -> Payload {
        var bytes: [UInt8] = []
        for (algorithm, link) in parts {
            let identifier = algorithm.identifierDER ?? []
            bytes += [UInt8(3 + identifier.count), 14, link] + identifier
        }
        return .notify(.supportedAuthMethods, bytes)
    }
    private let first = [UInt8](repeating: 1, count: 20)
    private let second = [UInt8](repeating: 2, count: 20)

    @Test func announcementsAreOneListInOrder() {
        var methods = AnnouncedMethods()
        #expect(methods.signatures(for: []) == nil)
        methods.note([
            announcement([(.ed25519, 0)]), .notify(.supportedAuthMethods, [2, 2]),
            announcement([(.ecdsa(.sha384), 0), (.ecdsa(.sha256), 0), (.ed25519, 0)]),
        ])
        #expect(methods.signatures(for: []) == [.ed25519, .ecdsa(.sha384), .ecdsa(.sha256)])
    }

    @Test func linksNarrowAnAlgorithmToItsTrustAnchors() {
        var methods = AnnouncedMethods()
        let request = CertificateRequestPayload(encoding: .x509Signature, authorities: first + second)
        methods.note([
            .certificateRequest(request),
            announcement([(.rsaPSS(.sha256), 1), (.rsaPSS(.sha256), 2), (.ecdsa(.sha256), 2), (.ed25519, 9)]),
        ])
        #expect(methods.signatures(for: [first]) == [.rsaPSS(.sha256), .ed25519])
        #expect(methods.signatures(for: [second]) == [.rsaPSS(.sha256), .ecdsa(.sha256), .ed25519])
        #expect(methods.signatures(for: [])?.count == 3)
        // RFC 9593 §3.2.2: without CERTREQ the links mean nothing.
        var without = AnnouncedMethods()
        without.note([announcement([(.ecdsa(.sha256), 2)])])
        #expect(without.signatures(for: [first]) == [.ecdsa(.sha256)])
    }

    @Test func bothEndsAnnounceAndHearWhatTheOtherVerifies() {
        var (left, right) = (certificateA(), certificateB())
        right.signatures = SignaturePolicy(kinds: [.ed25519])
        left.signatures = SignaturePolicy(kinds: [.ed25519, .ecdsa])
        let pair = establishedPair(left, right)
        pair.expectAgreement()
        #expect(pair.a.signRequests.first?.announced == [.ed25519])
        #expect(pair.b.signRequests.first?.announced?.contains(.ecdsa(.sha256)) == true)
        right.announcesMethods = false
        left.announcesMethods = false
        let silent = establishedPair(left, right)
        silent.expectAgreement()
        #expect(silent.a.signRequests.first?.announced == nil && silent.b.signRequests.first?.announced == nil)
    }

    /// RFC 9593 §3.1: what would make IP fragment IKE_SA_INIT waits for the last IKE_INTERMEDIATE, with CERTREQ.
    @Test(arguments: [1, 2]) func aLongAnnouncementWaitsForTheLastIntermediate(exchanges: Int) throws {
        var (left, right) = (certificateA(), certificateB())
        var hybrid = Hybrid.left().ikeProposals[0]
        hybrid.additionalKeyExchanges = exchanges == 1 ? [[.mlKEM768]] : [[.mlKEM768], [.ecp384]]
        (left.ikeProposals, right.ikeProposals) = ([hybrid], [hybrid])
        right.signatures = SignaturePolicy(kinds: [.ed25519])
        right.remoteAuthentication = .certificate(
            authorityKeyHashes: (0..<60).map { [UInt8](repeating: UInt8($0), count: 20) }
        )
        let pair = establishedPair(left, right)
        pair.expectAgreement()
        let answer = try #require(pair.trace.dropFirst().first)
        let response = try IKEMessage.parse(answer.bytes)
        #expect(response.payloads.notify(.supportedAuthMethods)?.data.isEmpty == true)
        #expect(pair.a.signRequests.first?.announced == [.ed25519])
        // Without IKE_INTERMEDIATE there is no place for it.
        left.ikeProposals[0].additionalKeyExchanges = []
        right.ikeProposals[0].additionalKeyExchanges = []
        let classical = establishedPair(left, right)
        classical.expectAgreement()
        #expect(classical.a.signRequests.first?.announced == nil)
    }

    /// Connections of one responder that differ in what they accept: each algorithm goes with the roots it is meant for.
    @Test func aResponderLinksAlgorithmsToRoots() {
        var (one, two) = (certificateB(), certificateB())
        one.signatures = SignaturePolicy(kinds: [.ed25519])
        one.remoteAuthentication = .certificate(authorityKeyHashes: [first])
        two.signatures = SignaturePolicy(kinds: [.ecdsa])
        two.remoteAuthentication = .certificate(authorityKeyHashes: [second])
        let pair = Pair(certificateA(), one, more: [two])
        pair.initiate(certificateA())
        pair.settle()
        guard let response = pair.trace.dropFirst().first,
            let payloads = try? IKEMessage.parse(response.bytes.span).payloads
        else {
            Issue.record("no response")
            return
        }
        var methods = AnnouncedMethods()
        methods.note(payloads)
        #expect(methods.signatures(for: [first]) == [.ed25519])
        #expect(methods.signatures(for: [second]) == [.ecdsa(.sha256), .ecdsa(.sha384), .ecdsa(.sha512)])
        #expect(response.bytes.count <= 1228)
    }
}
