import IPsecTypes

/// One Child SA, both directions, as the control plane knows it. Its keys are in the data plane only.
final class ChildSA {
    /// Where it stands. Valid transitions are: installed to rekeying, replaced, closing or lingering; rekeying back to
    /// installed or to replaced; replaced and closing to lingering; lingering to gone.
    enum Phase: Sendable {
        case installed
        /// Our rekeying of it is under way.
        case rekeying
        /// A successor has taken over, or will once the peer uses it; a Delete ends it.
        case replaced
        /// Our Delete is queued or under way.
        case closing
        /// Deleted; its inbound half accepts packets in flight for a moment.
        case lingering
    }

    let inboundSPI: SPI
    let outboundSPI: SPI
    var configuration: ChildConfiguration
    let suite: ESPSuite
    let mode: ChildSAParameters.Mode
    /// With transport mode.
    let originalAddresses: OriginalAddresses?
    let localSelectors: [TrafficSelector]
    let remoteSelectors: [TrafficSelector]
    let owner: ChildSAOwner
    let createdAt: Instant
    var phase: Phase = .installed
    var udpEncapsulation: Bool
    var outboundActive: Bool
    /// Whether the data plane sends on it by itself once it hears the peer there.
    var sendsWhenHeard = false
    var rekeyAt: Instant?
    var hardAt: Instant?
    var removeAt: Instant?
    /// Until when the peer may not know it: we answered its request and have no sign that the answer arrived. Until then
    /// we do not rekey or delete it, for the peer would deny that it exists.
    var unconfirmedUntil: Instant?
    /// Nothing is sent on it before the peer is known to have our answer: until then it could not be received.
    var awaitsConfirmation = false
    /// Whether a Delete for it is on the wire and unanswered.
    var deleteSent = false
    /// Whether the data plane has forgotten it already; it stays here until its Delete is answered.
    var isRemoved = false
    var closeReason: CloseReason?
    /// The peer's rekeying of it that we answered (RFC 7296 §2.8.1).
    var peerRekeying: PeerChildRekeying?

    init(
        inboundSPI: SPI,
        outboundSPI: SPI,
        configuration: ChildConfiguration,
        suite: ESPSuite,
        mode: ChildSAParameters.Mode,
        originalAddresses: OriginalAddresses?,
        localSelectors: [TrafficSelector],
        remoteSelectors: [TrafficSelector],
        owner: ChildSAOwner,
        createdAt: Instant,
        udpEncapsulation: Bool,
        outboundActive: Bool
    ) {
        self.inboundSPI = inboundSPI
        self.outboundSPI = outboundSPI
        self.configuration = configuration
        self.suite = suite
        self.mode = mode
        self.originalAddresses = originalAddresses
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.owner = owner
        self.createdAt = createdAt
        self.udpEncapsulation = udpEncapsulation
        self.outboundActive = outboundActive
    }

    var nextDeadline: Instant? {
        [rekeyAt, hardAt, removeAt, awaitsConfirmation ? unconfirmedUntil : nil].compactMap { $0 }.min()
    }

    /// Whether traffic still depends on it.
    var isLive: Bool { phase == .installed || phase == .rekeying }
}
