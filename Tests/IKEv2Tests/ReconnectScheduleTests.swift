import IPsecTypes
import Testing

@testable import IKEv2

/// How lost tunnels are tried again.
@Suite struct ReconnectScheduleTests {
    private func seconds(_ duration: Duration) -> Double { Double(duration.wholeNanoseconds) / 1e9 }

    @Test func theFirstTryIsFastAndLaterPausesGrowWithJitterForEver() {
        var random = SplitMix64(state: 1)
        for cause in [ReconnectSchedule.Cause.called, .lost, .deleted] {
            var schedule = ReconnectSchedule()
            let first = schedule.next(after: cause, using: &random)
            #expect(first <= (cause == .called ? .milliseconds(100) : cause == .lost ? .seconds(1) : .seconds(5)))
            for failure in 2...200 {
                let whole = min(30.0, Double(1 << min(failure, 6)))
                let pause = seconds(schedule.next(after: .failed, using: &random))
                #expect(pause >= whole / 2 && pause <= whole)
            }
            // It stood for long: what was before is paid for.
            #expect(schedule.next(after: .called, stood: .seconds(60), using: &random) <= .milliseconds(100))
            // Two that throw each other out slow down.
            #expect(schedule.next(after: .called, stood: .seconds(59), using: &random) >= .seconds(2))
        }
        var pauses: Set<Duration> = []
        for _ in 0..<100 {
            var schedule = ReconnectSchedule()
            pauses.insert(schedule.next(after: .failed, using: &random))
        }
        #expect(pauses.count > 90, "agents do not come back together")
    }

    /// R10: 10 000 agents after a gateway restart, in virtual time. What the gateway can do in a second is capped: it
    /// establishes `capacity` tunnels, shows as many crash tokens as its limit says, and drops the rest.
    @Test(arguments: [(0.5, true), (5.0, true), (20.0, true), (5.0, false), (60.0, false)])
    func tenThousandAgentsAreBackWithinTwoMinutes(outage: Double, wasDeleted: Bool) {
        let agents = 10_000
        let capacity = 300
        let tokens = IKELimits().crashAnswersPerSecond
        var random = SplitMix64(state: UInt64(outage * 10) + (wasDeleted ? 1 : 0))
        // When each agent looks next, and what for: a try, a retransmission of it, or a liveness check.
        var queue: [[(agent: Int, kind: Step)]] = Array(repeating: [], count: 40_000)
        var schedules = [ReconnectSchedule](repeating: ReconnectSchedule(), count: agents)
        func at(_ time: Double, _ agent: Int, _ kind: Step) {
            let slot = Int(time * 100)
            if slot < queue.count { queue[slot].append((agent, kind)) }
        }
        for agent in 0..<agents {
            if wasDeleted {
                at(seconds(schedules[agent].next(after: .deleted, stood: .seconds(600), using: &random)), agent, .begin)
            } else {
                // A liveness check every ten seconds, each at its own moment.
                at(Double(random.next() % 1000) / 100, agent, .probe(0))
            }
        }
        var back = 0
        var lastBack = 0.0
        var begins: [Int: Int] = [:]
        var served: [Int: Int] = [:]
        var shown: [Int: Int] = [:]
        for slot in queue.indices {
            let now = Double(slot) / 100
            let second = slot / 100
            let isUp = now >= outage
            // What is added to this very slot is looked at as well.
            var index = 0
            while index < queue[slot].count {
                let (agent, kind) = queue[slot][index]
                index += 1
                switch kind {
                case .probe(let attempt):
                    if isUp, shown[second, default: 0] < tokens {
                        shown[second, default: 0] += 1
                        let pause = schedules[agent].next(after: .called, stood: .seconds(600), using: &random)
                        at(now + max(0.01, seconds(pause)), agent, .begin)
                    } else if attempt == 3 {
                        // The agent begins another IKE SA beside the one that does not answer.
                        at(now + 0.01, agent, .begin)
                    } else {
                        at(now + 0.5 * Double(1 << attempt), agent, .probe(attempt + 1))
                    }
                case .begin, .again:
                    if case .begin = kind { begins[second, default: 0] += 1 }
                    if isUp, served[second, default: 0] < capacity {
                        served[second, default: 0] += 1
                        back += 1
                        lastBack = now
                        continue
                    }
                    var attempt = 0
                    if case .again(let number) = kind { attempt = number }
                    if attempt < 5 {
                        at(now + 0.5 * Double(1 << attempt), agent, .again(attempt + 1))
                    } else {
                        let pause = schedules[agent].next(after: .failed, using: &random)
                        at(now + 4.5 + seconds(pause), agent, .begin)
                    }
                }
            }
            queue[slot] = []
        }
        #expect(back == agents, "nobody gives up")
        #expect(lastBack - outage <= 120, "\(lastBack - outage) s")
        #expect((begins.values.max() ?? 0) <= 2500, "\(begins.values.max() ?? 0) tries in one second")
    }

    private enum Step {
        case probe(Int)
        case begin
        case again(Int)
    }
}
