/// What came of a run.
public struct SimulationOutcome: Sendable, CustomStringConvertible {
    /// The family.
    public var kind: ScenarioKind
    /// The seed.
    public var seed: UInt64
    /// What should not have happened; empty when all is well.
    public var findings: [Finding]
    /// A digest of every packet and its time: the same for the same seed.
    public var digest: UInt64
    /// What the run went through.
    public var statistics: SimulationStatistics
    /// The course of events, where it was asked for.
    public var trace: [String]

    /// One line that says how to see it again.
    public var description: String {
        let first = findings.first.map { "\($0)" } ?? "fine"
        return "CULVERT_SEED=\(kind.rawValue):\(seed) \(first)"
            + (findings.count > 1 ? " (+\(findings.count - 1))" : "")
    }
}
