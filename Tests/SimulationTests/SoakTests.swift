import Foundation
import Simulation
import Testing

/// A long life in virtual time: `CULVERT_SOAK_CYCLES=10000 swift test --filter SoakTests`, as `make soak` does.
@Suite(.serialized) struct SoakTests {
    private static var cycles: Int {
        ProcessInfo.processInfo.environment["CULVERT_SOAK_CYCLES"].flatMap(Int.init) ?? 60
    }
    /// Cycles in one world: its checkers remember every packet, so that it is made anew now and then.
    private static let cyclesPerWorld = 100
    /// What the allocator may keep back.
    private static let slack = 24 << 20

    /// Resident bytes of this process.
    private static var residentBytes: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }

    @Test func cyclesLeaveNothingAndMemoryStaysFlat() {
        var resident: [Int] = []
        var done = 0
        while done < Self.cycles {
            let pair = ScriptedPair(seed: UInt64(done) + 1)
            for _ in 0..<min(Self.cyclesPerWorld, Self.cycles - done) {
                pair.soakCycle(done)
                done += 1
                guard pair.findings.isEmpty else { break }
            }
            guard pair.findings.isEmpty else {
                Issue.record("cycle \(done): \(pair.findings)")
                return
            }
            resident.append(Self.residentBytes)
        }
        // The first worlds warm the allocator up.
        let settled = resident[min(resident.count - 1, max(2, resident.count / 10))]
        print("\(done) cycles, resident \(settled >> 10) KiB, at the end \((resident.last ?? 0) >> 10) KiB")
        #expect((resident.last ?? 0) - settled < Self.slack)
    }
}
