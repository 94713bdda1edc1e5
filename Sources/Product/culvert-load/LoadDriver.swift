import IKEv2
import IPsecTypes
import PacketIO
import Runtime

/// What a run of set-ups is to do.
struct LoadPlan: Sendable {
    /// One connection a tunnel, in order.
    var connections: [ConnectionConfiguration]
    /// Source addresses, taken in turn.
    var locals: [IPAddress]
    /// Where IKE_SA_INIT goes.
    var gateway: Endpoint
    /// Our port for it.
    var localPort: UInt16
    /// Set-ups under way at a time.
    var concurrency: Int
}

/// What became of a run so far.
struct LoadProgress: Sendable {
    /// From the first IKE_SA_INIT's making to the last set-up's end.
    var elapsed: Duration = .zero
    /// From each IKE_SA_INIT's making to the Child SA, in the order of their ends.
    var latencies: [Duration] = []
    /// Set-ups that failed.
    var failures = 0
    /// What failures said, the first few.
    var reasons: [String] = []
    /// Tunnels that ended without our asking.
    var lost = 0
    /// Whether all set-ups have ended.
    var isComplete = false
}

/// Starts set-ups on a shard, a bounded number at a time, and takes their times. Lives on the shard's thread.
final class LoadDriver: ShardDelegate {
    private let plan: LoadPlan
    private var next = 0
    private var running: [IKESAID: Instant] = [:]
    private var began: Instant?
    private var isClosing = false
    private(set) var progress = LoadProgress()
    private static let reasonsKept = 5

    init(_ plan: LoadPlan) { self.plan = plan }

    /// Starts the first set-ups.
    func begin(_ shard: ShardCore) {
        began = SystemClock.now
        for _ in 0..<plan.concurrency { startNext(shard) }
    }

    /// What is known of set-ups that have not ended, the first few, for whoever gives up on them.
    func unfinished(_ shard: ShardCore) -> [String] {
        let now = SystemClock.now
        var lines = running.sorted { $0.key < $1.key }.prefix(Self.reasonsKept).map { id, start in
            let age = (now - start).wholeNanoseconds / 1_000_000
            guard let status = shard.status(id) else { return "\(id) is gone without a word, \(age) ms old" }
            return
                "\(id) is \(status.phase.rawValue) with \(status.children.count) children on \(status.path), \(age) ms old"
        }
        let counters = shard.statistics
        lines.append(
            "\(running.count) unfinished; \(counters.received) messages received, \(counters.sent) sent, "
                + "\(counters.retransmitted) of them again"
        )
        return lines
    }

    /// From now on ends are wanted.
    func prepareToClose() { isClosing = true }

    private func startNext(_ shard: ShardCore) {
        guard next < plan.connections.count else {
            if running.isEmpty { progress.isComplete = true }
            return
        }
        let number = next
        next += 1
        let path = Path(
            transport: .udp500,
            local: Endpoint(plan.locals[number % plan.locals.count], port: plan.localPort),
            remote: plan.gateway
        )
        let start = SystemClock.now
        guard let id = shard.perform(.initiate(plan.connections[number], path: path)) else {
            fail("the engine took no set-up", shard)
            return
        }
        running[id] = start
    }

    private func finish(_ id: IKESAID, _ shard: ShardCore, failure: String?) {
        guard let start = running.removeValue(forKey: id) else { return }
        let now = SystemClock.now
        if let began { progress.elapsed = now - began }
        if let failure {
            fail(failure, shard)
        } else {
            progress.latencies.append(now - start)
            startNext(shard)
        }
    }

    private func fail(_ reason: String, _ shard: ShardCore) {
        progress.failures += 1
        if progress.reasons.count < Self.reasonsKept { progress.reasons.append(reason) }
        startNext(shard)
    }

    func authorize(_ request: AuthorizationRequest, now: Instant, wallClock: WallTime) -> AuthorizationDecision {
        .deny(reason: "a load generator grants nothing", .authenticationFailed)
    }

    func observe(_ report: IKEReport, shard: ShardCore) {
        switch report {
        case .childEstablished(let id, _): finish(id, shard, failure: nil)
        case .childFailed(let id, let failure): finish(id, shard, failure: failure.description)
        case .failed(let id?, let failure): finish(id, shard, failure: failure.description)
        case .closed(let status, let reason):
            if running[status.id] != nil {
                finish(status.id, shard, failure: "closed: \(reason)")
            } else if !isClosing {
                progress.lost += 1
            }
        default: break
        }
    }

    var nextDeadline: Instant? { nil }

    func handleTimeout(shard: ShardCore) {}
}
