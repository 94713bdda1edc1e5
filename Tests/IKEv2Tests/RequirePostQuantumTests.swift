import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// "require PQ" (S10): no peer gets a classical IKE SA under that policy.
@Suite struct RequirePostQuantumTests {
    private func required(_ connection: ConnectionConfiguration) -> ConnectionConfiguration {
        var connection = connection
        connection.requiresPostQuantum = true
        return connection
    }

    private func reasons(_ node: Node) -> [String] {
        var reasons: [String] = []
        for report in node.reports {
            switch report {
            case .failed(_, let failure), .childFailed(_, let failure):
                if case .noProposalChosen(let mismatch) = failure.cause { reasons += mismatch.reasons }
            default: break
            }
        }
        return reasons
    }

    private func namesThePolicy(_ node: Node) -> Bool {
        reasons(node).contains { $0.contains("requires a post-quantum key exchange") }
    }

    @Test func aClassicalInitiatorIsRefusedAndTheReasonSaysWhy() throws {
        let left = pskA()
        let pair = Pair(left, required(Hybrid.right()), seed: 20)
        pair.initiate(left)
        pair.run(.seconds(30))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        #expect(namesThePolicy(pair.b), "\(reasons(pair.b))")
    }

    @Test func aClassicalResponderIsNotOfferedAnythingItCouldTake() throws {
        let left = required(Hybrid.left())
        let pair = Pair(left, pskB(), seed: 21)
        pair.initiate(left)
        pair.run(.seconds(30))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func bothEndsWithThePolicyAgree() throws {
        let pair = establishedPair(required(Hybrid.left()), required(Hybrid.right()), seed: 22)
        pair.expectAgreement()
        #expect(pair.statusB?.suite?.additionalKeyExchanges == [.mlKEM768])
    }

    /// A peer whose IKE_SA_INIT another connection accepted is held to the policy of its own in IKE_AUTH.
    @Test func anotherConnectionsClassicalSuiteIsRefusedInIKEAuth() throws {
        var open = pskB()
        open.name = "open"
        open.remoteIdentity = .oneOf([.fqdn("c.example")])
        let left = pskA()
        let pair = Pair(left, open, more: [required(Hybrid.right())], seed: 23)
        pair.initiate(left)
        pair.run(.seconds(30))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        #expect(namesThePolicy(pair.b), "\(reasons(pair.b))")
    }

    /// Rekeying the IKE SA must not lose what its set-up had.
    @Test func aClassicalRekeyingOfTheIKESAIsRefused() throws {
        var left = Hybrid.left()
        let pair = establishedPair(left, required(Hybrid.right()), seed: 24)
        pair.expectAgreement()
        left.ikeProposals = [Hybrid.classical]
        pair.command(pair.a, .reload(IKEConfiguration(connections: [left])))
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA?.id)))
        pair.settle()
        #expect(pair.statusB?.rekeyings == 0)
        #expect(pair.statusB?.suite?.additionalKeyExchanges == [.mlKEM768])
        #expect(namesThePolicy(pair.b), "\(reasons(pair.b))")
    }

    /// S10: ADDKE stripped from the request on its way, with and without INTERMEDIATE_EXCHANGE_SUPPORTED.
    @Test(arguments: [true, false]) func strippedTransformsAreRefused(keepsNotify: Bool) throws {
        let left = Hybrid.left()
        let pair = Pair(left, required(Hybrid.right()), seed: 25)
        pair.initiate(left)
        pair.collect()
        let packet = pair.wire.removeFirst()
        var message = try IKEMessage.parse(packet.bytes)
        message.payloads = message.payloads.compactMap { payload in
            switch payload {
            case .securityAssociation(var sa):
                for index in sa.proposals.indices {
                    sa.proposals[index].transforms.removeAll { $0.type == .additionalKeyExchange1 && keepsNotify }
                }
                return .securityAssociation(sa)
            case .notify(let notify) where notify.type == .intermediateExchangeSupported && !keepsNotify: return nil
            default: return payload
            }
        }
        pair.inject(Packet(bytes: message.serialise(), path: packet.path, sender: "A"))
        let answer = try IKEMessage.parse(try #require(pair.wire.first).bytes)
        #expect(answer.payloads.notifies.map(\.type) == [.noProposalChosen])
        #expect(pair.b.endpoint.halfOpenCount == 0)
    }

    /// S10: the answer leaves ADDKE out, repeats it, moves it, or names NONE.
    @Test func theInitiatorRefusesAnswersThatChangeThePlaces() {
        let offered = ProposalBuilder.ike([Hybrid.ike([[.mlKEM768], [.ecp384, .mlKEM1024]])])
        let base: [Transform] = [.encryption(.aesGCM16, keyBits: 256), .prf(.hmacSHA384), .keyExchange(.x25519)]
        func accepts(_ more: [Transform], _ withAdditional: Bool = true) -> Bool {
            let answer = Proposal(number: 1, protocolID: .ike, transforms: base + more)
            return ProposalSelection.acceptIKE(
                SecurityAssociationPayload(proposals: [answer]),
                offered: offered,
                withAdditional: withAdditional
            ) != nil
        }
        let one = Transform(type: .additionalKeyExchange1, id: 36)
        let two = Transform(type: .additionalKeyExchange2, id: 37)
        #expect(accepts([one, two]))
        #expect(!accepts([one, two], false), "without IKE_INTERMEDIATE")
        #expect(!accepts([]))
        #expect(!accepts([one]))
        #expect(!accepts([one, one]))
        #expect(!accepts([one, two, two]))
        #expect(
            !accepts([
                Transform(type: .additionalKeyExchange1, id: 37), Transform(type: .additionalKeyExchange2, id: 36),
            ])
        )
        #expect(!accepts([Transform(type: .additionalKeyExchange1, id: 0), two]))
        #expect(!accepts([one, Transform(type: .additionalKeyExchange3, id: 37)]))
    }

    /// RFC 9370 §2.2.1: what a responder may choose.
    @Test func theResponderChoosesDistinctMethodsAndHonoursNone() throws {
        func choose(_ places: [[UInt16]], _ ours: [[KeyExchangeMethod]]) -> [UInt16]? {
            var transforms: [Transform] = [
                .encryption(.aesGCM16, keyBits: 256), .prf(.hmacSHA384), .keyExchange(.x25519),
            ]
            for (type, ids) in zip(TransformType.additionalKeyExchanges, places) {
                transforms += ids.map { Transform(type: type, id: $0) }
            }
            let choice = ProposalSelection.selectIKE(
                offered: [Proposal(number: 1, protocolID: .ike, transforms: transforms)],
                accepted: [Hybrid.ike(ours)],
                sent: nil
            )
            return (try? choice.get())?.suite.additionalKeyExchanges.map(\.rawValue)
        }
        #expect(choose([[36]], [[.mlKEM768]]) == [36])
        #expect(choose([[36, 37]], [[.mlKEM1024, .mlKEM768]]) == [37])
        #expect(choose([[36]], []) == nil, "it is not optional")
        #expect(choose([[36, 0]], []) == [], "it is optional")
        #expect(choose([], [[.mlKEM768]]) == nil)
        #expect(choose([], [[.mlKEM768, .none]]) == [])
        #expect(choose([[36, 20], [36]], [[.mlKEM768, .ecp384], [.mlKEM768]]) == [20, 36], "no method twice")
        #expect(choose([[36], [36]], [[.mlKEM768], [.mlKEM768]]) == nil)
        #expect(choose([[31]], [[.x25519]]) == nil, "nor the first one again")
        #expect(choose([[], [36], [], [], [37]], [[.none], [.mlKEM768], [], [], [.mlKEM1024]]) == [36, 37])
    }
}
