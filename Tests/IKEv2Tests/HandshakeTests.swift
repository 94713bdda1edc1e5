import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Testing

@Suite struct HandshakeTests {
    @Test func twoPeersWithAPreSharedKeyGetAnIKESAAndAChild() {
        let pair = establishedPair()
        // HDR, SAi1, KEi, Ni -->
        // <-- HDR, SAr1, KEr, Nr
        // HDR, SK{IDi, AUTH, SAi2, TSi, TSr} -->
        // <-- HDR, SK{IDr, AUTH, SAr2, TSi, TSr}
        #expect(
            pair.trace.map(\.summary) == [
                "A IKE_SA_INIT 0", "B IKE_SA_INIT 0 response", "A IKE_AUTH 1", "B IKE_AUTH 1 response",
            ]
        )
        pair.expectAgreement()
        #expect(pair.statusA?.suite?.keyExchange == .x25519)
        #expect(pair.childB?.owner.ruleIndices == [3])
        #expect(pair.statusB?.remoteIdentity == nameA)
        #expect(pair.childA?.suite.extendedSequenceNumbers == true)
    }

    @Test func twoPeersWithCertificatesGetAnIKESAAndAChild() {
        let pair = establishedPair(certificateA(), certificateB())
        pair.expectAgreement()
        #expect(pair.statusB?.peer?.attributes["subject"] == "a.example")
        #expect(pair.statusA?.peer?.leaf == certificate(nameB))
    }

    /// IKE_SA_INIT chose what another connection allows; the connection of the identity is held to its own (A12).
    @Test func aSuiteThatOnlyAnotherConnectionAllowsIsRefusedByName() {
        var strict = pskB()
        strict.ikeProposals = [
            IKEProposal(ciphers: [.aes128GCM], prfs: [.hmacSHA256], keyExchanges: [.ecp256])
        ]
        var lenient = pskB()
        lenient.name = "lenient"
        lenient.remoteIdentity = .oneOf([.fqdn("somebody.else.example")])
        let pair = Pair(pskA(), lenient, more: [strict])
        pair.initiate(pskA())
        pair.settle()
        #expect(failure(pair.a)?.cause == .peerRefused(.authenticationFailed))
        guard case .noProposalChosen(let mismatch) = failure(pair.b)?.cause else {
            Issue.record("the reason is \(String(describing: failure(pair.b)?.cause))")
            return
        }
        #expect(mismatch.reasons.joined().contains("ba"))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func anotherPreSharedKeyIsRefusedAndNothingIsLeft() {
        let pair = Pair(pskA(), pskB())
        pair.b.preSharedKeys["psk"] = SecretBytes(Array("quite another secret, also long".utf8))
        pair.initiate(pskA())
        pair.settle()
        #expect(pair.trace.count == 4)
        #expect(failure(pair.a)?.cause == .peerRefused(.authenticationFailed))
        #expect(failure(pair.b)?.cause == .authentication("psk_mismatch: the pre-shared keys differ"))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func everyCauseOfAnAuthenticationFailureLooksTheSame() {
        var lengths: Set<Int> = []
        for cause in 0..<4 {
            var left = certificateA()
            if cause == 1 { left.localIdentity = .fqdn("other.example") }
            if cause == 2 { left.localAuthentication = .certificate(chain: [certificate(nameA)], key: KeyID("wrong")) }
            let pair = Pair(left, certificateB())
            if cause == 0 { pair.b.authorizer = { _ in .deny(reason: "no rule", .authenticationFailed) } }
            if cause == 3 {
                left.localAuthentication = .certificate(chain: [certificate(nameB)], key: KeyID(nameA.description))
            }
            pair.initiate(left)
            pair.settle()
            #expect(failure(pair.a)?.cause == .peerRefused(.authenticationFailed), "cause \(cause)")
            lengths.insert(pair.trace.last?.bytes.count ?? 0)
            pair.expectNothing(pair.b)
        }
        #expect(lengths.count == 1)
    }

    @Test func theInitiatorTellsAResponderItDoesNotTrust() {
        var left = certificateA()
        left.remoteIdentity = .any
        var right = certificateB()
        right.localIdentity = .fqdn("impostor.example")
        let pair = Pair(left, right)
        pair.initiate(left)
        pair.settle()
        // HDR, SK{N(AUTHENTICATION_FAILED)} -->
        #expect(pair.trace.suffix(2).map(\.summary) == ["A INFORMATIONAL 2", "B INFORMATIONAL 2 response"])
        #expect(failure(pair.a)?.cause == .authentication("authentication_failed: the certificate has another name"))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        #expect(closes(pair.b) == [.authenticationFailed])
    }

    @Test func aResponderThatIsSomeoneElseIsNamedInTheFailure() {
        var right = pskB()
        right.localIdentity = .fqdn("c.example")
        var left = pskA()
        left.remoteIdentity = .oneOf([nameB, .fqdn("d.example")])
        let pair = Pair(left, right)
        pair.initiate(left)
        pair.settle()
        guard case .identity(let mismatch) = failure(pair.a)?.cause else {
            Issue.record("\(String(describing: failure(pair.a)))")
            return
        }
        #expect(mismatch.claimed == .fqdn("c.example"))
        #expect(mismatch.expected == [nameB, .fqdn("d.example")])
    }

    @Test func noCommonProposalIsReportedOnBothSidesWithWhatDiffered() {
        var left = pskA()
        left.ikeProposals = [
            IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA512], keyExchanges: [.ecp521])
        ]
        var right = pskB()
        right.ikeProposals = IKEProposal.offered
        let pair = Pair(left, right)
        pair.initiate(left)
        pair.run(.seconds(25))
        guard case .noProposalChosen(let mismatch) = failure(pair.b)?.cause else {
            Issue.record("\(String(describing: failure(pair.b)))")
            return
        }
        #expect(mismatch.offered == ["IKE: aes-gcm-256 prf-sha512 ecp521"])
        #expect(mismatch.reasons == ["proposal 1 against ours 1: no common PRF, no common KE"])
        #expect(
            failure(pair.a)?.cause == .peerRefusedProposals(offered: ["IKE: aes-gcm-256 prf-sha512 ecp521"])
        )
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test func aResponderThatWantsAnotherMethodGetsIt() {
        var right = pskB()
        right.ikeProposals = [
            IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA384], keyExchanges: [.ecp384])
        ]
        let pair = establishedPair(pskA(), right)
        // HDR, SAi1, KEi(x25519), Ni -->
        // <-- N(INVALID_KE_PAYLOAD, ecp384)
        // HDR, SAi1, KEi(ecp384), Ni -->
        #expect(pair.trace.count == 6)
        pair.expectAgreement()
        #expect(pair.statusA?.suite?.keyExchange == .ecp384)
        #expect(pair.b.endpoint.statistics.failed == 0)
    }

    @Test func aForgedWishForAMethodThatWasNotOfferedIsIgnored() {
        let pair = Pair(pskA(), pskB())
        pair.initiate(pskA())
        pair.collect()
        guard let request = pair.wire.first?.header else { return }
        for method: UInt16 in [2, 14, 31] {
            let header = IKEHeader(
                initiatorSPI: request.initiatorSPI,
                responderSPI: .zero,
                exchangeType: .ikeSAInit,
                flags: .response,
                messageID: 0
            )
            let forged = IKEMessage(
                header: header,
                payloads: [.notify(NotifyPayload(.invalidKEPayload, data: [0, UInt8(method)]))]
            )
            pair.inject(Packet(bytes: forged.serialise(), path: pair.pathA.reversed, sender: "B"))
        }
        pair.settle()
        pair.expectAgreement()
    }

    @Test func aLostResponseIsAskedForAgainAndAnsweredWithTheSameBytes() {
        let pair = Pair(pskA(), pskB())
        var lost = 0
        pair.delivers = { packet in
            if packet.isResponse, lost < 3 {
                lost += 1
                return false
            }
            return true
        }
        pair.initiate(pskA())
        pair.run(.seconds(10))
        pair.expectAgreement()
        let responses = pair.trace.filter { $0.isResponse && $0.header?.exchangeType == .ikeSAInit }.map(\.bytes)
        #expect(responses.count == 4)
        #expect(Set(responses).count == 1)
        #expect(pair.b.endpoint.statistics.established == 1)
    }

    @Test func aPeerThatNeverAnswersIsGivenUpAfterTwentySeconds() {
        let pair = Pair(pskA(), pskB())
        pair.delivers = { _ in false }
        pair.initiate(pskA())
        pair.run(.milliseconds(19_900))
        #expect(pair.statusA?.phase == .connecting)
        // 0, 0.5, 1.5, 3.5, 7.5, 15.5 s
        #expect(pair.trace.count == 6)
        pair.run(.milliseconds(200))
        #expect(failure(pair.a)?.cause == .timeout)
        pair.expectNothing(pair.a)
        #expect(pair.a.endpoint.nextDeadline == nil)
    }

    @Test func heldOperationsDelayNothingButTheirOwnExchange() {
        let pair = Pair(certificateA(), certificateB())
        pair.a.holdsOperations = true
        pair.b.holdsOperations = true
        pair.initiate(certificateA())
        for _ in 0..<40 {
            pair.settle()
            pair.a.releaseOne(pair.now, pair.wall)
            pair.b.releaseOne(pair.now, pair.wall)
        }
        pair.expectAgreement()
    }

    @Test func theCloseOfOneEndClosesTheOther() {
        let pair = establishedPair()
        guard let id = pair.statusA?.id else { return }
        pair.command(pair.a, .close(id, .requested))
        // HDR, SK{D} -->
        #expect(pair.a.installed.isEmpty, "packets stop at once")
        pair.settle()
        #expect(pair.trace.suffix(2).map(\.summary) == ["A INFORMATIONAL 2", "B INFORMATIONAL 2 response"])
        #expect(closes(pair.a) == [.requested])
        #expect(closes(pair.b) == [.deletedByPeer])
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        pair.run(.seconds(30))
        #expect(pair.b.endpoint.nextDeadline == nil, "nothing is left, not even what answered retransmissions")
    }
}

func failure(_ node: Node) -> FailureReport? {
    for case .failed(_, let report) in node.reports.reversed() { return report }
    return nil
}

func childFailure(_ node: Node) -> FailureReport? {
    for case .childFailed(_, let report) in node.reports.reversed() { return report }
    return nil
}

func closes(_ node: Node) -> [CloseReason] {
    node.reports.compactMap { if case .closed(_, let reason) = $0 { reason } else { nil } }
}
