import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// The engine's smaller parts on their own.
@Suite struct PartsTests {
    // MARK: Proposals

    private func proposal(_ transforms: [Transform], _ protocolID: ProtocolID = .ike) -> Proposal {
        Proposal(
            number: 1,
            protocolID: protocolID,
            spi: protocolID == .esp ? [0, 0, 1, 1] : [],
            transforms: transforms
        )
    }

    private let good: [Transform] = [
        .encryption(.aesGCM16, keyBits: 256), .prf(.hmacSHA384), .keyExchange(.x25519),
    ]

    private func selects(_ transforms: [Transform]) -> IKESuite? {
        let accepted = IKEProposal.accepted
        let result = ProposalSelection.selectIKE(offered: [proposal(transforms)], accepted: accepted, sent: nil)
        return (try? result.get())?.suite
    }

    @Test func aPlainProposalIsChosen() {
        #expect(
            selects(good)
                == IKESuite(encryption: .aesGCM16, keyBits: 256, prf: .hmacSHA384, keyExchange: .x25519)
        )
    }

    @Test func whatIsMissingOrWeakOrOddIsNotChosen() {
        #expect(selects(Array(good.dropLast())) == nil, "no key exchange")
        #expect(selects(good + [.integrity(.hmacSHA256_128)]) == nil, "an AEAD with integrity")
        #expect(selects(good + [.integrity(.none)]) != nil, "but NONE may be said")
        #expect(selects([.encryption(.aesCBC, keyBits: 256), .prf(.hmacSHA384), .keyExchange(.x25519)]) == nil)
        #expect(selects(good + [Transform(type: .additionalKeyExchange1, id: 36)]) == nil, "a type not understood")
        #expect(selects([Transform(type: .encryption, id: 20), good[1], good[2]]) == nil, "no key length")
        #expect(selects([Transform(type: .encryption, id: 3), good[1], good[2]]) == nil, "3DES")
        #expect(selects([good[0], Transform(type: .prf, id: 2), good[2]]) == nil, "SHA-1")
        #expect(selects([good[0], good[1], .keyExchange(KeyExchangeMethod(rawValue: 2))]) == nil, "MODP-1024")
    }

    @Test func theMethodThatWasSentGoesFirstIfItIsAccepted() throws {
        let offered = [proposal(good + [.keyExchange(.ecp384)])]
        let first = try ProposalSelection.selectIKE(offered: offered, accepted: IKEProposal.accepted, sent: .ecp384)
            .get()
        #expect(first.suite.keyExchange == .ecp384)
        let second = try ProposalSelection.selectIKE(offered: offered, accepted: IKEProposal.accepted, sent: nil).get()
        #expect(second.suite.keyExchange == .x25519)
    }

    @Test func anAnswerMustBeOneOfWhatWasOffered() {
        let offered = ProposalBuilder.ike(IKEProposal.offered)
        func accepts(_ transforms: [Transform], number: UInt8 = 1) -> Bool {
            let answer = Proposal(number: number, protocolID: .ike, transforms: transforms)
            return ProposalSelection.acceptIKE(SecurityAssociationPayload(proposals: [answer]), offered: offered) != nil
        }
        #expect(accepts(good))
        #expect(!accepts(good, number: 2))
        #expect(!accepts(good + [.keyExchange(.ecp384)]), "two of a type")
        #expect(!accepts(Array(good.dropLast())), "one too few")
        #expect(!accepts([.encryption(.aesGCM16, keyBits: 128), good[1], good[2]]), "not offered")
    }

    @Test func pfsIsNotGivenUpWhereItIsWanted() {
        let strict = [ESPProposal(ciphers: [.aes256GCM], keyExchanges: [.x25519])]
        let without = proposal([.encryption(.aesGCM16, keyBits: 256), .extendedSequenceNumbers(true)], .esp)
        let refused = ProposalSelection.selectESP(
            offered: [without],
            accepted: strict,
            keyExchange: .negotiated(sent: nil)
        )
        #expect((try? refused.get()) == nil)
        let allowed = ProposalSelection.selectESP(
            offered: [without],
            accepted: ESPProposal.accepted,
            keyExchange: .negotiated(sent: nil)
        )
        #expect((try? allowed.get())?.suite.keyExchange == nil)
        let first = ProposalSelection.selectESP(offered: [without], accepted: strict, keyExchange: .ignored)
        #expect((try? first.get()) != nil, "in IKE_AUTH there is none")
    }

    @Test func aPeerThatPutsChaChaFirstGetsItAndOursDecidesElse() throws {
        let aes = Transform.encryption(.aesGCM16, keyBits: 256)
        let chaCha = Transform.encryption(.chaCha20Poly1305, keyBits: 256)
        func chosen(_ ciphers: [Transform], _ ours: [CipherChoice]) throws -> CipherChoice {
            let suite = try ProposalSelection.selectESP(
                offered: [proposal(ciphers + [.extendedSequenceNumbers(true)], .esp)],
                accepted: [ESPProposal(ciphers: ours, keyExchanges: [])],
                keyExchange: .ignored
            ).get().suite
            return CipherChoice(suite.encryption, keyBits: suite.keyBits)
        }
        let both: [CipherChoice] = [.aes256GCM, .chaCha20Poly1305]
        #expect(try chosen([chaCha, aes], both) == .chaCha20Poly1305)
        #expect(try chosen([aes, chaCha], both) == .aes256GCM)
        #expect(try chosen([aes, chaCha], both.reversed()) == .chaCha20Poly1305)
        #expect(try chosen([chaCha, aes], [.aes256GCM]) == .aes256GCM)
        #expect(try chosen([chaCha, aes], [.aes128GCM, .chaCha20Poly1305]) == .chaCha20Poly1305)
        // Of less strength than what we prefer, nothing goes first.
        let weaker = Transform.encryption(.aesGCM16, keyBits: 128)
        #expect(try chosen([weaker, aes], [.aes256GCM, .aes128GCM]) == .aes256GCM)
    }

    // MARK: Reassembly

    @Test func fragmentsComeTogetherInAnyOrderAndRestartWhenTheyGetSmaller() {
        var reassembly = Reassembly(messageID: 1, total: 3)
        func add(_ number: Int, _ total: Int, _ bytes: [UInt8]) -> [UInt8]? {
            let outcome = reassembly.add(number, of: total, bytes, first: .notify, tag: [UInt8(number)], limit: 100)
            if case .complete(_, let whole, let tag) = outcome { return tag == [1] ? whole : nil }
            return nil
        }
        #expect(add(3, 3, [3]) == nil)
        #expect(add(1, 3, [1]) == nil)
        #expect(add(1, 3, [9]) == nil, "a duplicate is ignored")
        #expect(add(2, 2, [9]) == nil, "a smaller total is old")
        #expect(add(2, 3, [2]) == [1, 2, 3])
        reassembly = Reassembly(messageID: 1, total: 2)
        #expect(add(1, 2, [1, 2]) == nil)
        #expect(add(1, 3, [1]) == nil)
        #expect(add(2, 3, [2]) == nil)
        #expect(add(3, 3, [3]) == [1, 2, 3])
        reassembly = Reassembly(messageID: 1, total: 2)
        let outcome = reassembly.add(
            1,
            of: 2,
            [UInt8](repeating: 0, count: 101),
            first: .none,
            tag: [],
            limit: 100
        )
        guard case .refused = outcome else {
            Issue.record("the limit does not hold")
            return
        }
    }

    // MARK: Deadlines

    @Test func deadlinesComeOutInOrderAndTiesInOrderOfEntry() {
        var heap = DeadlineHeap()
        var random = SplitMix64(state: 3)
        for number in 0..<500 {
            heap.push(Instant(nanoseconds: Int64(random.next() % 50)), IKESPI(UInt64(number)))
        }
        var last: (Int64, UInt64) = (-1, 0)
        var count = 0
        while let entry = heap.popDue(Instant(nanoseconds: 100)) {
            #expect(entry.at.nanoseconds > last.0 || (entry.at.nanoseconds == last.0 && entry.order > last.1))
            last = (entry.at.nanoseconds, entry.order)
            count += 1
        }
        #expect(count == 500)
        #expect(heap.next == nil)
    }
}
