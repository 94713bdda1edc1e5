import IKEv2

/// What a run, or many, went through: shows that tests are not empty.
public struct SimulationStatistics: Sendable, CustomStringConvertible {
    /// Runs.
    public var runs = 0
    /// IKE messages sent, retransmissions included.
    public var messages = 0
    /// Messages of them that were fragments.
    public var fragments = 0
    /// IKE SAs established, counted at each end.
    public var established = 0
    /// IKE SAs that failed to be established.
    public var failed = 0
    /// Child SAs installed.
    public var children = 0
    /// Child SAs rekeyed.
    public var childRekeyings = 0
    /// IKE SAs rekeyed.
    public var ikeRekeyings = 0
    /// Collisions reported.
    public var collisions = 0
    /// IKE SAs closed because the peer was silent.
    public var deadPeers = 0
    /// Requests sent again.
    public var retransmissions = 0
    /// Moves of a path behind a NAT.
    public var pathChanges = 0
    /// Return routability checks that were passed.
    public var returnChecks = 0
    /// Hand-overs to another owner.
    public var handovers = 0
    /// Times that cookies began to be demanded.
    public var cookieDemands = 0
    /// NAT keepalives that arrived.
    public var keepalives = 0
    /// Inner packets sent.
    public var packetsSent = 0
    /// Inner packets delivered.
    public var packetsDelivered = 0
    /// Things sealed, each with its own (key, IV).
    public var sealed = 0
    /// Changes of a host's address.
    public var moves = 0
    /// Machines that slept.
    public var suspensions = 0
    /// Packets that an adversary sent.
    public var hostilePackets = 0
    /// Virtual seconds.
    public var virtualSeconds = 0

    /// IKE SAs that ended by a crash token.
    public var crashesDetected = 0
    /// IKE_INTERMEDIATE requests sent.
    public var intermediates = 0
    /// IKE_FOLLOWUP_KE requests sent.
    public var followUps = 0
    /// Conversations of EAP that a server concluded.
    public var provedByEAP = 0
    /// IKE SAs that a ticket brought back.
    public var resumed = 0

    /// Puzzles solved by initiators, before IKE_SA_INIT and before IKE_AUTH.
    public var puzzles = 0

    /// Zeros.
    public init() {}

    mutating func count(_ report: IKEReport) {
        switch report {
        case .established: established += 1
        case .failed: failed += 1
        case .childRekeyed: childRekeyings += 1
        case .ikeRekeyed: ikeRekeyings += 1
        case .collision: collisions += 1
        case .closed(_, .peerDead): deadPeers += 1
        case .closed(_, .peerRestarted): crashesDetected += 1
        case .retransmitting: retransmissions += 1
        case .pathChanged: pathChanges += 1
        case .cookies(let demanded, _): cookieDemands += demanded ? 1 : 0
        case .mobility(_, .checkPassed): returnChecks += 1
        case .childEstablished, .childClosed, .closed, .childFailed, .dropped, .suspected, .redirected,
            .reauthenticationDue, .mobility:
            break
        }
    }

    /// The sum of two.
    public static func + (left: SimulationStatistics, right: SimulationStatistics) -> SimulationStatistics {
        var sum = left
        sum.runs += right.runs
        sum.messages += right.messages
        sum.fragments += right.fragments
        sum.intermediates += right.intermediates
        sum.followUps += right.followUps
        sum.established += right.established
        sum.failed += right.failed
        sum.children += right.children
        sum.childRekeyings += right.childRekeyings
        sum.ikeRekeyings += right.ikeRekeyings
        sum.collisions += right.collisions
        sum.deadPeers += right.deadPeers
        sum.crashesDetected += right.crashesDetected
        sum.provedByEAP += right.provedByEAP
        sum.resumed += right.resumed
        sum.retransmissions += right.retransmissions
        sum.pathChanges += right.pathChanges
        sum.returnChecks += right.returnChecks
        sum.handovers += right.handovers
        sum.cookieDemands += right.cookieDemands
        sum.keepalives += right.keepalives
        sum.packetsSent += right.packetsSent
        sum.packetsDelivered += right.packetsDelivered
        sum.sealed += right.sealed
        sum.moves += right.moves
        sum.suspensions += right.suspensions
        sum.hostilePackets += right.hostilePackets
        sum.virtualSeconds += right.virtualSeconds
        sum.puzzles += right.puzzles
        return sum
    }

    /// One line.
    public var description: String {
        "\(runs) runs, \(virtualSeconds / 3600) virtual hours, \(messages) messages (\(fragments) fragments, "
            + "\(intermediates) IKE_INTERMEDIATE, \(followUps) IKE_FOLLOWUP_KE, "
            + "\(retransmissions) retransmitted), IKE SAs \(established) established \(failed) failed "
            + "\(ikeRekeyings) rekeyed \(deadPeers) dead \(crashesDetected) crashed \(resumed) resumed "
            + "\(provedByEAP) by EAP, \(children) Child SAs \(childRekeyings) rekeyed, "
            + "\(collisions) collisions, \(handovers) hand-overs, \(pathChanges) path changes, \(returnChecks) return checks, "
            + "\(cookieDemands) cookie demands, \(keepalives) keepalives, ESP \(packetsDelivered) of \(packetsSent), "
            + "\(sealed) IVs, \(moves) moves, \(suspensions) suspensions, \(hostilePackets) hostile packets, "
            + "\(puzzles) puzzles"
    }
}
