import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// SPIs of proposals (RFC 7296 §3.3.1): none in the first negotiation of an IKE SA, eight octets in its rekeying.
@Suite struct ProposalSPITests {
    /// The message with this SPI in every proposal.
    private func with(_ spi: [UInt8], _ payloads: [Payload]) -> [Payload] {
        payloads.map { payload in
            guard case .securityAssociation(let sa) = payload else { return payload }
            let proposals = sa.proposals.map { proposal in
                var proposal = proposal
                proposal.spi = spi
                return proposal
            }
            return .securityAssociation(SecurityAssociationPayload(proposals: proposals))
        }
    }

    @Test(arguments: ["A", "B"]) func aFirstProposalWithAnSPIIsRefused(sender: String) throws {
        let pair = Pair(pskA(), pskB())
        pair.initiate(pskA())
        pair.settle(until: { $0.sender == sender })
        let bytes = pair.wire[0].bytes
        let message = try IKEMessage.parse(bytes.span)
        var changed = message
        changed.payloads = with([UInt8](repeating: 7, count: 8), message.payloads)
        pair.wire[0].bytes = changed.serialise()
        pair.settle()
        #expect(pair.statusB == nil || pair.statusB?.phase != .established)
        #expect(pair.statusA?.phase != .established)
        let node = sender == "A" ? pair.b : pair.a
        #expect(node.endpoint.statistics.dropped[.malformedInit] == 1)
    }

    /// The peer has its successor already and we cannot follow: it hears a Delete, and nothing of ours stays.
    @Test func anUnusableAnswerToARekeyingEndsWithADelete() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .rekeyIKE(id))
        pair.rewriteNext(.createChildSA, from: pair.b) { with([], $0) }
        pair.run(.seconds(10))
        guard case .protocolError? = closes(pair.a).first else {
            Issue.record("the answer was used")
            return
        }
        #expect(pair.a.installed.isEmpty && pair.a.endpoint.statuses().isEmpty)
        let deletes = pair.trace.count {
            $0.sender == "A" && $0.header?.exchangeType == .informational && !$0.isResponse
        }
        #expect(deletes >= 1, "a Delete was sent")
        #expect(pair.b.endpoint.engine.sas.values.allSatisfy { $0.phase != .replaced })
    }
}
