import Simulation
import Testing

/// The checkers bite: each planted bug is found within a few seeds that pass without it.
struct PlantedBugTests {
    struct Planted: Sendable, CustomTestStringConvertible {
        var sabotage: Sabotage
        var inGateway: Bool
        var kind: ScenarioKind
        var seen: Set<Finding.Invariant>

        var testDescription: String { sabotage.rawValue }
    }

    private static let bugs: [Planted] = [
        Planted(
            sabotage: .retransmissionIsNew,
            inGateway: true,
            kind: .lossy,
            seen: [.messageID, .divergence, .notOneLive, .notRecovered, .unknownSPI]
        ),
        Planted(sabotage: .reusedEpoch, inGateway: true, kind: .handover, seen: [.ivReuse]),
        Planted(sabotage: .oldSADropped, inGateway: true, kind: .clean, seen: [.unknownSPI]),
        Planted(sabotage: .wrongKey, inGateway: false, kind: .clean, seen: [.disagreement]),
        Planted(sabotage: .wrongSelectors, inGateway: true, kind: .clean, seen: [.disagreement]),
        Planted(sabotage: .keepsPrivateKeys, inGateway: false, kind: .rekeying, seen: [.privateKey]),
        Planted(sabotage: .sendsEarly, inGateway: true, kind: .rekeying, seen: [.unknownSPI]),
        Planted(sabotage: .keepsChildren, inGateway: true, kind: .clean, seen: [.leftover]),
        Planted(sabotage: .trustsEveryone, inGateway: true, kind: .strangers, seen: [.authentication]),
        Planted(sabotage: .keepsLeases, inGateway: true, kind: .clean, seen: [.leftover]),
        Planted(sabotage: .keepsConversations, inGateway: true, kind: .eap, seen: [.leftover]),
        Planted(sabotage: .ignoresDeadlines, inGateway: false, kind: .lossy, seen: [.notRecovered, .leftover]),
    ]

    @Test(arguments: bugs)
    func aPlantedBugIsFound(_ bug: Planted) {
        for seed in 1...UInt64(20) {
            let run = ScenarioRun(kind: bug.kind, seed: seed, sabotage: (bug.sabotage, inGateway: bug.inGateway))
            if run.run().findings.contains(where: { bug.seen.contains($0.invariant) }) { return }
        }
        Issue.record("nobody noticed \(bug.sabotage)")
    }

    @Test func everyBugIsPlantedOnce() {
        #expect(Set(Self.bugs.map(\.sabotage)) == Set(Sabotage.allCases))
    }
}
