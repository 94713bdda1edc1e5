import Simulation
import Testing

struct DeterminismTests {
    @Test(arguments: ScenarioKind.allCases)
    func theSameSeedGivesTheSamePackets(_ kind: ScenarioKind) {
        for seed in 1...UInt64(3) where kind != .longRun || seed == 1 {
            let first = ScenarioRun(kind: kind, seed: seed).run()
            let second = ScenarioRun(kind: kind, seed: seed).run()
            #expect(first.digest == second.digest, "\(first)")
            #expect(first.statistics.messages == second.statistics.messages)
        }
    }

    @Test func anotherSeedGivesOtherPackets() {
        let digests = (1...UInt64(8)).map { ScenarioRun(kind: .clean, seed: $0).run().digest }
        #expect(Set(digests).count == digests.count)
    }
}
