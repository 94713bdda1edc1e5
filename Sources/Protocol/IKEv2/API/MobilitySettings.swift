import IKEMessage
import IPsecTypes

/// How a connection deals with addresses that change (RFC 4555).
public struct MobilitySettings: Hashable, Sendable {
    /// Whether MOBIKE is offered and accepted.
    public var isEnabled = true
    /// Addresses of ours that the peer is told of, besides the one in use. At most ``IKELimits/additionalAddresses`` are.
    public var localAddresses: [IPAddress] = []
    /// Addresses of the peer that are known beforehand, to be tried like those that it tells.
    public var peerAddresses: [IPAddress] = []
    /// Whether a NAT between the peers counts as an attack (RFC 4555 §3.9): NAT traversal is off, and messages that change
    /// addresses carry NO_NATS_ALLOWED, of the peer too.
    public var forbidsNAT = false

    /// The defaults.
    public init() {}
}

/// A source and a destination.
public struct AddressPair: Hashable, Sendable {
    /// Our address.
    public var local: IPAddress
    /// The peer's.
    public var remote: IPAddress

    /// Makes a pair.
    public init(local: IPAddress, remote: IPAddress) {
        self.local = local
        self.remote = remote
    }
}

/// What the host knows of its addresses.
public struct LocalAddresses: Hashable, Sendable {
    /// All that packets to a peer may be sent from, best first.
    public var usable: [IPAddress]
    /// Where the host's routes lead: for each address of the peer that has a route the source that goes with it, best
    /// first. Empty when no address of the peer can be reached, or when nobody asked.
    public var routed: [AddressPair]

    /// Makes a list.
    public init(usable: [IPAddress], routed: [AddressPair] = []) {
        self.usable = usable
        self.routed = routed
    }
}

/// Why an IKE SA and its Child SAs go another way.
public enum PathChange: String, Hashable, Sendable, Codable, CaseIterable {
    /// The peer's NAT gave it another address or port, and the peer has proved to be there.
    case natMapping = "nat_mapping"
    /// The peer moved (UPDATE_SA_ADDRESSES), and has proved to be there.
    case peerMoved = "peer_moved"
    /// Our address or our route changed.
    case localAddress = "local_address"
    /// The way before answered no more, this one did.
    case probed
    /// The peer's list of addresses has lost the one in use.
    case peerAddresses = "peer_addresses"
    /// The peer refused the new way, or did not prove to be there.
    case returned
}

/// What happened on the way to another path, for log and tests.
public enum MobilityReport: Hashable, Sendable {
    /// We ask whether the peer gets what goes there; until then no ESP does (RFC 4555 §3.7).
    case checkStarted(Path)
    /// It does.
    case checkPassed(Path)
    /// It did not prove that.
    case checkFailed(Path)
    /// The request in flight goes along this many other ways too (RFC 4555 §3.10).
    case probing(paths: Int)
    /// The peer refused new addresses: UNACCEPTABLE_ADDRESSES or UNEXPECTED_NAT_DETECTED.
    case refused(NotifyType, Path)
    /// We refused the peer's.
    case refusedPeer(NotifyType, Path)
    /// The responder sees us at another address or port than before (RFC 4555 §3.8).
    case mappingChanged(Path)
    /// The peer's additional addresses, as it tells them now.
    case peerAddresses([IPAddress])
}
