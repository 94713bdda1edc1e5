import IKEMessage
import IPsecTypes

/// Dead peer detection (RFC 7296 §2.4): an empty INFORMATIONAL request, only when nothing else came from the peer.
extension Engine {
    /// How long the driver has to say when ESP last arrived, before the question goes to the peer instead.
    private static let activityAnswer: Duration = .seconds(1)

    /// The probe timer came: no IKE message for a while. Traffic in the data plane counts as well, so that is asked first.
    func checkLiveness(_ sa: IKESA) {
        guard sa.isEstablished, let interval = sa.connection.timing.deadPeerDetection else { return }
        if !sa.queriedActivity, !sa.children.isEmpty {
            sa.queriedActivity = true
            sa.timers[.probe] = now + Self.activityAnswer
            emit(.queryActivity(sa.id, sa.children.map(\.inboundSPI)))
            return
        }
        sa.queriedActivity = false
        sa.timers[.probe] = now + interval
        // An outstanding request is a probe as good as any.
        if sa.requests.outstanding == nil { enqueue(sa, .probe) }
    }

    /// The driver's answer.
    func receiveActivity(_ sa: IKESA, _ lastInbound: Instant?) {
        guard sa.isEstablished, sa.queriedActivity, let interval = sa.connection.timing.deadPeerDetection else {
            return
        }
        if let lastInbound, now - lastInbound < interval {
            sa.queriedActivity = false
            sa.timers[.probe] = lastInbound + interval
        } else {
            checkLiveness(sa)
        }
    }
}
