import Simulation
import Testing

/// Every pair of things that both ends may want at the same moment (RFC 7296 §2.25), forced by a long delay both ways, in
/// every order, and with each message of the collision lost once.
struct CollisionTests {
    private static let pairs: [(ScriptedPair.Command, ScriptedPair.Command)] = ScriptedPair.Command.allCases.flatMap {
        first in ScriptedPair.Command.allCases.map { (first, $0) }
    }

    #if DEBUG
    private static let offsets = [-60, 0, 60]
    private static let losses = [0, 1, 3]
    private static let seeds: ClosedRange<UInt64> = 1...1
    #else
    private static let offsets = [-150, -60, -10, 0, 10, 60, 150]
    private static let losses = [0, 1, 2, 3, 4, 5, 6]
    private static let seeds: ClosedRange<UInt64> = 1...2
    #endif

    @Test(arguments: pairs)
    func bothEndsAgreeAfterACollision(of ours: ScriptedPair.Command, with theirs: ScriptedPair.Command) {
        var failures: [String] = []
        for offset in Self.offsets {
            for loss in Self.losses {
                for seed in Self.seeds {
                    let pair = Self.collide(ours, theirs, offset, loss, seed, isTracing: false)
                    guard let finding = pair.findings.first else { continue }
                    failures.append("offset \(offset) loss \(loss) seed \(seed): \(finding)")
                    if failures.count == 1 {
                        for line in Self.collide(ours, theirs, offset, loss, seed, isTracing: true).trace {
                            print(line)
                        }
                    }
                }
            }
        }
        #expect(failures.isEmpty, "\(failures.count) fail, first \(failures.first ?? "")")
    }

    private static func collide(
        _ ours: ScriptedPair.Command,
        _ theirs: ScriptedPair.Command,
        _ offset: Int,
        _ loss: Int,
        _ seed: UInt64,
        isTracing: Bool
    ) -> ScriptedPair {
        var options = ScriptedPair.Options()
        options.delay = .milliseconds(100)
        options.isTracing = isTracing
        let pair = ScriptedPair(seed: seed, options: options)
        pair.connect()
        pair.run(for: .seconds(2))
        pair.keepTrafficFlowing(pause: .milliseconds(40))
        if loss > 0 { pair.drop(message: loss) }
        pair.order(ours, ofGateway: false, after: .milliseconds(max(0, -offset)))
        pair.order(theirs, ofGateway: true, after: .milliseconds(max(0, offset)))
        pair.run(for: .seconds(36))
        pair.checkAgreement()
        return pair
    }

    @Test func simultaneousRekeyingsReallyCollide() {
        for command in [ScriptedPair.Command.rekeyChild, .rekeyIKE] {
            let pair = Self.collide(command, command, 0, 0, 1, isTracing: false)
            #expect(pair.statistics.collisions > 0, "\(command)")
            #expect(pair.saCounts == (1, 1), "\(command)")
        }
    }
}
