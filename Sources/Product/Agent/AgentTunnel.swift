import AdminAPI
import IKEv2
import IPsecTypes
import Runtime

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
    /// The addresses that the gateway gave last, which are asked for again.
    var formerAddresses: [IPAddress] = []
    /// What is led into the tunnel though it goes to the gateway itself: transport mode.
    var flows: [ProtectedFlow] = []
    var setup: Duration?
    /// Since when it stands.
    var upSince: Instant?
    var lastError: CulvertError?
    /// When it is tried again.
    var schedule = ReconnectSchedule()
    /// What will take over from it.
    var replacement: Replacement?
    /// What it took over from, until that is closed.
    var replaced: IKESAID?
    var closesReplacedAt: Instant?
    /// Redirects followed, and the gateway that was tried last.
    var redirects = RedirectHistory()
    var lastRemote: IPAddress?
    /// What resumes the session after a loss; in memory only.
    var ticket: Ticket?
    /// Tickets of IKE SAs that do not stand yet.
    var tickets: [IKESAID: SessionTicket] = [:]
    /// Whether the try under way began with the ticket.
    var usesTicket = false
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

    /// Another IKE SA that is being made beside the one that carries traffic, to take over from it.
    struct Replacement {
        var id: IKESAID
        var since: Instant
        /// The entry of the connection's remotes.
        var remote: Int
        var usesTicket: Bool
    }

    /// A ticket, and the gateway that gave it.
    struct Ticket {
        var ticket: SessionTicket
        var gateway: Endpoint
    }

    /// The entry of the remotes that is this gateway; the number behind the last for one that only a redirect leads to.
    func remoteIndex(_ endpoint: Endpoint) -> Int {
        connection.remotes.firstIndex(of: endpoint) ?? connection.remotes.count
    }

    /// An IKE SA stands: its ticket is the one that counts, and none when the gateway gave none.
    mutating func keepTicket(from id: IKESAID, at remote: Int) {
        ticket = nil
        guard let fresh = tickets.removeValue(forKey: id), remote < connection.remotes.count else { return }
        ticket = Ticket(ticket: fresh, gateway: connection.remotes[remote])
    }
}

extension CloseReason {
    /// What an end of this kind means for the next try.
    var reconnectCause: ReconnectSchedule.Cause {
        switch self {
        case .peerRestarted, .redirected: .called
        case .deletedByPeer, .initialContact, .replaced: .deleted
        default: .lost
        }
    }
}
