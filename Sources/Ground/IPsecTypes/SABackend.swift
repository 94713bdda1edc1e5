/// Counters of one Child SA.
public struct SACounters: Hashable, Sendable, Codable {
    /// Inner packets opened and passed on.
    public var inboundPackets: UInt64 = 0
    /// Bytes of those inner packets.
    public var inboundBytes: UInt64 = 0
    /// Inner packets sealed and sent.
    public var outboundPackets: UInt64 = 0
    /// Bytes of those inner packets.
    public var outboundBytes: UInt64 = 0
    /// Dropped: sequence number seen before or left of the window.
    public var replayDrops: UInt64 = 0
    /// Dropped: the integrity check failed.
    public var integrityDrops: UInt64 = 0
    /// Dropped: no selector or rule allows the packet.
    public var policyDrops: UInt64 = 0
    /// Dropped: malformed inside, or a queue was full.
    public var otherDrops: UInt64 = 0
    /// When the last authentic packet arrived; nil when none did.
    public var lastInbound: Instant?

    /// Makes zero counters.
    public init() {}
}

/// Why a backend refused a call.
public enum SABackendError: Error, Hashable, Sendable {
    /// No SA has this inbound SPI.
    case unknownSPI(SPI)
    /// An SA with this inbound SPI is there already.
    case duplicateSPI(SPI)
    /// The suite is not one this backend can run.
    case unsupported(String)
    /// A limit is reached.
    case limitReached(String)
    /// The system refused; the text names the call.
    case system(String)
}

/// What a data plane tells the control plane about.
public enum SABackendEvent: Hashable, Sendable {
    /// A byte or packet limit was reached: `hard` means nothing more is sealed.
    case expired(inboundSPI: SPI, hard: Bool)
    /// ESP arrived for an SPI that no SA has (rate limited by the backend).
    case unknownSPI(SPI, path: Path)
    /// Authentic ESP arrived from another address or port than the SA's path (RFC 7296 §2.23).
    case mappingChanged(inboundSPI: SPI, remote: Endpoint)
    /// A packet matched a policy without an SA.
    case acquire(local: TrafficSelector, remote: TrafficSelector)
    /// The first authentic packet arrived on this SA: the peer has switched to it.
    case firstInbound(inboundSPI: SPI)
}

/// A data plane seen from the control plane: userspace, kernel or simulator (law 4).
///
/// All calls come from one control thread a shard and return at once. Packets that are already queued when a call
/// returns may still be handled under the old state.
public protocol SABackend {
    /// Makes an SA. Inbound packets are accepted at once. While `sendNow` is false nothing is sent on it: an older SA with
    /// the same selectors keeps carrying traffic until ``activateOutbound(_:)`` or, with
    /// ``ChildSAParameters/sendsWhenHeard``, the first authentic packet (RFC 7296 §2.8).
    mutating func install(_ parameters: ChildSAParameters, sendNow: Bool) throws(SABackendError)
    /// From now on traffic that fits its selectors leaves by this SA.
    mutating func activateOutbound(_ inboundSPI: SPI) throws(SABackendError)
    /// Stops sending on the SA but goes on accepting, for packets still in flight after a rekeying.
    mutating func deactivateOutbound(_ inboundSPI: SPI) throws(SABackendError)
    /// Forgets the SA and wipes its keys. Unknown SPIs are ignored.
    mutating func remove(_ inboundSPI: SPI)
    /// Moves the SA's outer addresses.
    mutating func updatePath(_ inboundSPI: SPI, path: Path, udpEncapsulation: Bool) throws(SABackendError)
    /// Its counters; nil for an unknown SPI.
    func counters(_ inboundSPI: SPI) -> SACounters?
}
