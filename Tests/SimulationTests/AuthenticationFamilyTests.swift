import Testing

@testable import Simulation

/// The family of EAP and rounds is what it says: every mixture of proofs, concluded, over networks that lose, reorder,
/// duplicate and lie.
struct AuthenticationFamilyTests {
    @Test func everyMixtureOfProofsIsPlayedAndConcluded() {
        var left = Set(Scenario.Proofs.allCases.filter { $0 != .credentials })
        var (lossy, reordered, duplicated, attacked, withStrangers) = (0, 0, 0, 0, 0)
        for seed in 1...UInt64(40) {
            let scenario = Scenario(kind: .eap, seed: seed)
            lossy += scenario.conditions.loss > 0 ? 1 : 0
            reordered += scenario.conditions.reordering > 0 ? 1 : 0
            duplicated += scenario.conditions.duplication > 0 ? 1 : 0
            attacked += scenario.adversary == AdversarySettings() ? 0 : 1
            withStrangers += scenario.strangers ? 1 : 0
            guard left.remove(scenario.proofs) != nil else { continue }
            let outcome = ScenarioRun(kind: .eap, seed: seed).run()
            #expect(outcome.findings.isEmpty, "\(outcome)")
            #expect(outcome.statistics.established >= 2)
            #expect((outcome.statistics.provedByEAP > 0) == scenario.proofs.endsWithEAP, "\(scenario.proofs)")
        }
        #expect(left.isEmpty)
        #expect(min(lossy, reordered, duplicated, attacked, withStrangers) > 2)
    }

    /// A gateway lets nobody in who guesses, whatever the round that comes first.
    @Test func whoGuessesStaysOut() {
        var seen: Set<Scenario.Proofs> = []
        for seed in 1...UInt64(60) {
            let scenario = Scenario(kind: .eap, seed: seed)
            guard scenario.strangers, seen.insert(scenario.proofs).inserted else { continue }
            let outcome = ScenarioRun(kind: .eap, seed: seed).run()
            #expect(outcome.findings.isEmpty, "\(outcome)")
            #expect(outcome.statistics.failed > 0)
        }
        #expect(seen.count >= 3)
    }
}
