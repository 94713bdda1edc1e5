import Foundation
import Simulation
import Testing

/// Peers that break the protocol in one way each, with the right keys, as original initiator and as original responder.
/// `CULVERT_IMPAIR=nonceOf15:responder swift test --filter anImpairmentShowsWhatHappens` shows one of them.
struct ImpairTests {
    @Test(arguments: Impairment.all)
    func anImpairedInitiatorGetsWhatItDeservesAndNobodyElseSuffers(_ impairment: Impairment) {
        guard let wanted = impairment.asInitiator else { return }
        check(ImpairedRun(impairment, asInitiator: true).run(), wanted)
    }

    @Test(arguments: Impairment.all)
    func anImpairedResponderGetsWhatItDeservesAndNobodyElseSuffers(_ impairment: Impairment) {
        guard let wanted = impairment.asResponder else { return }
        check(ImpairedRun(impairment, asInitiator: false).run(), wanted)
    }

    private func check(_ outcome: ImpairedRun.Outcome, _ wanted: Impairment.Verdict) {
        #expect(outcome.verdict == wanted)
        #expect(outcome.problems.isEmpty, "\(outcome.problems)")
        #expect(outcome.changes > 0, "nothing was changed")
    }

    @Test func anImpairmentShowsWhatHappens() throws {
        guard let text = ProcessInfo.processInfo.environment["CULVERT_IMPAIR"] else { return }
        let parts = text.split(separator: ":")
        let impairment = try #require(Impairment.all.first { $0.name == parts.first.map(String.init) })
        let outcome = ImpairedRun(impairment, asInitiator: parts.last == "initiator", isTracing: true).run()
        for line in outcome.trace { print(line) }
        print(outcome.verdict, outcome.problems)
    }

    @Test func impairmentsHaveNamesOfTheirOwn() {
        #expect(Set(Impairment.all.map(\.name)).count == Impairment.all.count)
        #expect(Impairment.all.count > 200)
    }
}
