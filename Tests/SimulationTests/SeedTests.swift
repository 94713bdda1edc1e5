import Foundation
import Simulation
import Testing

/// Thousands of runs, each from its seed. A failure prints the line that repeats it:
/// `CULVERT_SEED=lossy:17 swift test --filter replay`.
struct SeedTests {
    /// Runs of each family.
    private static func seeds(_ kind: ScenarioKind) -> Int {
        // Hours of virtual time cost more than a minute of turmoil, and so do rekeyings without pause.
        switch kind {
        case .longRun: max(1, seedsPerKind / 10)
        case .rekeying, .hybrid: max(1, seedsPerKind / 2)
        case .flood: max(1, seedsPerKind / 6)
        case .returning, .transport: max(1, seedsPerKind / 2)
        case .clean, .lossy, .reordering, .nat, .handover, .crash, .smallMTU, .hostile, .slowDriver, .partition,
            .strangers, .moving, .persisted, .clocks, .adversary, .ppk, .eap:
            seedsPerKind
        }
    }

    private static var seedsPerKind: Int {
        if let text = ProcessInfo.processInfo.environment["CULVERT_SEEDS"], let number = Int(text) { return number }
        #if DEBUG
        return 6
        #else
        return 200
        #endif
    }

    @Test(arguments: ScenarioKind.allCases)
    func everySeedKeepsTheInvariants(_ kind: ScenarioKind) {
        var total = SimulationStatistics()
        var failed: [SimulationOutcome] = []
        let clock = ContinuousClock()
        let begin = clock.now
        let firstSeed = ProcessInfo.processInfo.environment["CULVERT_FIRST_SEED"].flatMap(UInt64.init) ?? 1
        for seed in firstSeed...(firstSeed + UInt64(Self.seeds(kind)) - 1) {
            let outcome = ScenarioRun(kind: kind, seed: seed).run()
            total = total + outcome.statistics
            if !outcome.findings.isEmpty { failed.append(outcome) }
        }
        print("\(kind.rawValue) in \(clock.now - begin): \(total)")
        if kind == .hybrid { #expect(total.intermediates > 0 && total.followUps > 0, "nothing hybrid was run") }
        if kind == .returning { #expect(total.resumed > 0 && total.cookieDemands > 0, "nobody came back by a ticket") }
        if kind == .transport { #expect(total.packetsDelivered > 0 && total.keepalives > 0, "no NAT was on the way") }
        for outcome in failed.prefix(5) { Issue.record("\(outcome)") }
        #expect(failed.isEmpty, "\(failed.count) of \(Self.seeds(kind)) seeds fail")
    }

    @Test func replayShowsWhatHappened() throws {
        guard let text = ProcessInfo.processInfo.environment["CULVERT_SEED"] else { return }
        let parts = text.split(separator: ":")
        let kind = try #require(parts.first.flatMap { ScenarioKind(rawValue: String($0)) })
        let seed = try #require(parts.last.flatMap { UInt64($0) })
        let outcome = ScenarioRun(kind: kind, seed: seed, isTracing: true).run()
        for line in outcome.trace { print(line) }
        print("\(outcome)")
        #expect(outcome.findings.isEmpty)
    }
}
