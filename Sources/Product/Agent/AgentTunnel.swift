import AdminAPI
import IKEv2
import IPsecTypes

/// One tunnel that the agent keeps, as the shard sees it.
struct AgentTunnel {
    /// Where a tunnel stands.
    enum Phase {
        /// Being negotiated since then, towards this entry of the connection's remotes.
        case connecting(IKESAID, since: Instant, remote: Int)
        /// Carries traffic.
        case up(IKESAID)
        /// Tried again then.
        case waiting(until: Instant)
        /// Not tried again by itself.
        case failed
        /// Being deleted; gone when the peer has answered or given up.
        case closing(IKESAID)
    }

    var connection: LoadedConnection
    var phase: Phase
    /// What is on the interface for it.
    var addresses: [IPAddress] = []
    var routes: [IPPrefix] = []
    var setup: Duration?
    /// Since when it stands.
    var upSince: Instant?
    var lastError: CulvertError?
    /// Failures in a row, for the pause before the next try.
    var failures = 0
    /// Whether it stood once since `up`: then a loss is followed by new tries.
    var stoodOnce = false
    var leaseEnd: Instant?
    var owner: Int32?
    /// Who waits for it to stand or fail.
    var waiters: [@Sendable (AgentTunnelStatus) -> Void] = []

    var ikeSA: IKESAID? {
        switch phase {
        case .connecting(let id, _, _), .up(let id), .closing(let id): id
        case .waiting, .failed: nil
        }
    }

    var state: AgentTunnelStatus.State {
        switch phase {
        case .connecting: .connecting
        case .up: .up
        case .waiting: .waiting
        case .failed: .failed
        case .closing: .down
        }
    }

    /// A tunnel that stood for less than this counts as another failure in a row: two agents of one identity would else
    /// throw each other out without a pause.
    static let steadyAfter: Duration = .seconds(60)

    /// The pause after `failures` in a row: doubling from 2 s to 60 s, half of it random, so that a thousand agents do
    /// not come back at once.
    static func pause(failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let whole = min(60_000, 1000 << min(failures, 6))
        return .milliseconds(Int.random(in: whole / 2...whole, using: &generator))
    }
}
