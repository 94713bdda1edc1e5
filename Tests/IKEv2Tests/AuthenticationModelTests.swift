import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// A responder against a model of what IKE_AUTH allows (S16): an initiator that holds the keys of its IKE_SA_INIT sends random
/// messages, right and wrong, in any order. The responder establishes exactly where the model says so.
@Suite struct AuthenticationModelTests {
    enum Target: CaseIterable, Sendable { case certificate, eap, certificateThenEAP }

    /// What an initiator may send.
    enum Letter: Equatable {
        enum Proof: CaseIterable { case none, right, garbage, psk }
        enum Key: CaseIterable { case right, skPi, zeros, otherMethod }
        case first(Proof, follows: Bool)
        case round(Proof, follows: Bool)
        case eapName
        case eapPassword(right: Bool)
        case eapSuccess
        case eapIdentifier
        case proof(Key, follows: Bool)
        case empty
        case informational
        case error
    }

    /// The model: what a sequence has reached.
    enum State: Equatable {
        case start, round, name
        case question(Int, isWrong: Bool)
        case proof, established, dead
    }

    static func right(_ state: State, _ target: Target) -> Letter {
        switch state {
        case .start: target == .eap ? .first(.none, follows: false) : .first(.right, follows: target != .certificate)
        case .round: .round(.none, follows: false)
        case .name: .eapName
        case .question: .eapPassword(right: true)
        case .proof: .proof(.right, follows: false)
        case .established, .dead: .empty
        }
    }

    static func next(_ state: State, _ letter: Letter, _ target: Target) -> State {
        if letter == .informational { return state }
        switch (state, letter) {
        case (.start, .first(.right, let follows)) where target != .eap && follows == (target == .certificateThenEAP):
            return follows ? .round : .established
        // Whoever asks for EAP says later whether more follows.
        case (.start, .first(.none, _)) where target == .eap: return .name
        case (.start, .error): return .dead
        // What only the first request needs is not looked at a second time.
        case (.round, .round(.none, _)), (.round, .first(.none, _)): return .name
        case (.name, .eapName): return .question(0, isWrong: false)
        // The method asks on, so that nobody learns which answer was wrong.
        case (.name, .eapPassword): return .question(1, isWrong: true)
        case (.question(let number, let isWrong), .eapPassword(let right)):
            guard number == 1 else { return .question(number + 1, isWrong: isWrong || !right) }
            return isWrong || !right ? .dead : .proof
        case (.proof, .proof(.right, follows: false)): return .established
        default: return .dead
        }
    }

    @Test(arguments: Target.allCases) func onlyAVerifiedAUTHEstablishes(_ target: Target) {
        var random = SplitMix64(state: 0x5216)
        var reached: [State] = []
        for round in 0..<300 {
            let intruder = Intruder(target, seed: UInt64(round) + 1)
            var state = State.start
            var letters: [Letter] = []
            while state != .dead, state != .established, letters.count < 12 {
                let letter = random.next() % 100 < 88 ? Self.right(state, target) : Self.letter(&random)
                letters.append(letter)
                let wasStart = state == .start
                // Before IKE_AUTH nothing else is looked at.
                if wasStart, letter == .informational { continue }
                state = Self.next(state, letter, target)
                intruder.send(letter)
                #expect(intruder.isEstablished == (state == .established), "\(target) \(letters)")
                #expect(intruder.isGone == (state == .dead), "\(target) \(letters)")
            }
            reached.append(state)
            if state != .established { #expect(intruder.pair.b.authorizations.isEmpty) }
        }
        // The model is no wall: honest sequences get through, and most others do not.
        #expect(reached.count { $0 == .established } > 20 && reached.count { $0 == .dead } > 20)
    }

    static func letter(_ random: inout SplitMix64) -> Letter {
        let proofs = Letter.Proof.allCases
        let keys = Letter.Key.allCases
        let flag = random.next() % 2 == 0
        switch random.next() % 10 {
        case 0: return .first(proofs[Int(random.next() % 4)], follows: flag)
        case 1: return .round(proofs[Int(random.next() % 4)], follows: flag)
        case 2: return .eapName
        case 3: return .eapPassword(right: flag)
        case 4: return .eapSuccess
        case 5: return .eapIdentifier
        case 6: return .proof(keys[Int(random.next() % 4)], follows: flag)
        case 7: return .empty
        case 8: return .informational
        default: return .error
        }
    }
}

/// An initiator that sends what it likes.
private final class Intruder {
    let pair: Pair
    private let identifiers: [UInt8] = [1, 2, 3]
    private var answered = 0

    init(_ target: AuthenticationModelTests.Target, seed: UInt64) {
        var left = target == .eap ? eapA() : certificateA()
        var right = target == .eap ? eapB() : certificateB()
        // A round without a child would else be a childless first request (RFC 6023).
        right.returning.childless = .never
        if target == .certificateThenEAP {
            left.furtherLocal = [AuthenticationRoundTests.alice]
            right.furtherRemote = [
                RemoteRound(identity: .any, authentication: .eap(EAPRequirement(settings: "users")))
            ]
        }
        pair = Pair(left, right, seed: seed)
        pair.b.eap = EAPDouble.server
        pair.initiate(left)
        pair.settle { $0.summary.hasPrefix("A IKE_AUTH") }
        pair.wire = []
    }

    private var ours: IKESA? { pair.a.endpoint.engine.sas.values.first }
    private var theirs: IKESA? { pair.b.endpoint.engine.sas.values.first }
    var isEstablished: Bool { pair.statusB?.phase == .established }
    /// The IKE SA is gone, or only repeats its refusal.
    var isGone: Bool { theirs == nil || theirs?.phase == .finished }

    func send(_ letter: AuthenticationModelTests.Letter) {
        guard let ours, let theirs, let handshake = ours.handshake else { return }
        let exchange: ExchangeType = letter == .informational ? .informational : .ikeAuth
        let chain = IKEMessage.serialiseChain(payloads(letter, ours, handshake))
        guard
            let bytes = Forge.seal(
                ours,
                exchange,
                theirs.responses.expected,
                first: chain.first,
                chain.bytes,
                crypto: pair.a.crypto
            )
        else { return }
        pair.inject(Packet(bytes: bytes, path: ours.path, sender: "A"))
        pair.wire = []
    }

    private func payloads(
        _ letter: AuthenticationModelTests.Letter,
        _ sa: IKESA,
        _ handshake: Handshake
    ) -> [Payload] {
        switch letter {
        case .first(let proof, let follows):
            handshake.conversation.localRounds = 1
            let child = ProposalBuilder.esp(ESPProposal.offered, spi: SPI(0x1234_5678), withKeyExchange: false)
            return identified(proof, follows, sa, handshake) + [
                .securityAssociation(SecurityAssociationPayload(proposals: child)),
                .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [networkA])),
                .trafficSelectorsResponder(TrafficSelectorPayload(selectors: [networkB])),
                .notify(.multipleAuthSupported),
            ]
        case .round(let proof, let follows):
            handshake.conversation.localRounds = sa.connection.localRounds.count
            return identified(proof, follows, sa, handshake)
        case .eapName: return [eap(2, 1, [1] + Array("alice".utf8))]
        case .eapPassword(let right):
            return [eap(2, lastIdentifier, [EAPDouble.method] + Array((right ? "wonderland" : "guess").utf8))]
        case .eapSuccess: return [eap(3, lastIdentifier, [])]
        case .eapIdentifier: return [eap(2, lastIdentifier &+ 9, [EAPDouble.method] + Array("wonderland".utf8))]
        case .proof(let key, let follows): return proof(key, sa, handshake) + follow(follows)
        case .empty, .informational: return []
        case .error: return [.notify(.authenticationFailed)]
        }
    }

    private var lastIdentifier: UInt8 { theirs?.handshake?.conversation.eap?.identifier ?? 1 }

    private func eap(_ code: UInt8, _ identifier: UInt8, _ content: [UInt8]) -> Payload {
        .eap(EAPPayload(code: code, identifier: identifier, content: content))
    }

    private func follow(_ follows: Bool) -> [Payload] { follows ? [.notify(.anotherAuthFollows)] : [] }

    private func identified(
        _ proof: AuthenticationModelTests.Letter.Proof,
        _ follows: Bool,
        _ sa: IKESA,
        _ handshake: Handshake
    ) -> [Payload] {
        let round = pair.a.endpoint.engine.localRound(sa)
        let identity: [Payload] = [
            .identificationInitiator(round.identity.payload),
            .certificate(CertificatePayload(encoding: .x509Signature, data: certificate(round.identity))),
        ]
        switch proof {
        case .none: return identity + follow(follows)
        case .garbage: return identity + [auth(.digitalSignature, [5, 0x30, 3, 6, 1, 9])] + follow(follows)
        case .psk: return identity + [auth(.sharedKey, [UInt8](repeating: 7, count: 48))] + follow(follows)
        case .right:
            let engine = pair.a.endpoint.engine
            let key = SimulatedCryptoProvider.signingKey(identity: Array(round.identity.description.utf8))
            guard let octets = engine.ownOctets(sa, handshake),
                let made = try? pair.a.crypto.sign(
                    octets,
                    key: key,
                    peerHashes: handshake.peerHashes,
                    policy: SignaturePolicy()
                )
            else { return identity }
            return identity + [auth(AuthenticationMethod(rawValue: made.method.rawValue), made.data)]
                + follow(follows)
        }
    }

    private func auth(_ method: AuthenticationMethod, _ data: [UInt8]) -> Payload {
        .authentication(AuthenticationPayload(method: method, data: data))
    }

    /// AUTH that concludes EAP, from the right key or another.
    private func proof(
        _ key: AuthenticationModelTests.Letter.Key,
        _ sa: IKESA,
        _ handshake: Handshake
    ) -> [Payload] {
        var conversation = EAPConversation(session: EAPSessionID(99))
        conversation.hasSucceeded = true
        switch key {
        case .right, .otherMethod: conversation.key = EAPDouble.key("wonderland", lastIdentifier)
        case .skPi: conversation.key = nil
        case .zeros: conversation.key = SecretBytes([UInt8](repeating: 0, count: 64))
        }
        handshake.conversation.eap = conversation
        guard var payload = pair.a.endpoint.engine.eapProof(sa, handshake) else { return [] }
        if key == .otherMethod { payload.method = .digitalSignature }
        return [.authentication(payload)]
    }
}
