import IKEMessage
import IPsecTypes

/// What an IKE SA knows of ways to its peer (RFC 4555). A successor inherits all of it.
struct Mobility: Sendable {
    /// Both ends said MOBIKE_SUPPORTED.
    var isNegotiated = false
    /// The initiator said it, and we have not chosen the connection yet.
    var isOffered = false
    /// Addresses that we may send from, best first.
    var localAddresses: [IPAddress] = []
    /// Where the host's routes lead, best first.
    var routed: [AddressPair] = []
    /// The peer's addresses besides the one in use, as it told them last.
    var peerAddresses: [IPAddress] = []
    /// What the peer knows of ours.
    var announced: [IPAddress] = []
    /// NAT_DETECTION_DESTINATION_IP of the last answer: our end as the responder sees it.
    var mapping: [UInt8]?
    /// Where ESP goes while the peer has not proved to be at the new path; nil when it goes along the path.
    var proven: ProvenRoute?
    /// Where the peer seems to be, by an authentic packet from there; to be checked.
    var candidate: Path?
    /// How often what holds the window went there again.
    var candidateTries = 0
    /// Why the path is another one than ESP's, where we decided it.
    var cause = PathChange.probed
    /// A way that was checked in vain, not to be checked again before then.
    var failed: (path: Path, until: Instant)?
    /// Ways that the peer refused, since it last accepted one.
    var refused: [AddressPair] = []
    /// UNEXPECTED_NAT_DETECTED in a row.
    var natRefusals = 0
    /// What a peer may make us check and answer.
    var budget = TokenBucket()

    /// A path that the peer was proved to be at, with the NATs on it.
    struct ProvenRoute: Hashable, Sendable {
        var path: Path
        var nat: NATState
    }
}

/// An exchange of ours about addresses.
enum MobilityExchange: Hashable, Sendable {
    /// UPDATE_SA_ADDRESSES (RFC 4555 §3.5).
    case update(AddressUpdate)
    /// A return routability check (RFC 4555 §3.7).
    case check(ReturnCheck)
    /// A new list of our addresses (RFC 4555 §3.6).
    case announce([IPAddress])
}

/// UPDATE_SA_ADDRESSES as we sent it.
struct AddressUpdate: Hashable, Sendable {
    /// The way it was to make the way.
    var path: Path
    var cookie: [UInt8]
    /// The list of addresses that it carried; nil when it carried none.
    var announced: [IPAddress]?
}

/// A question that only who gets it can answer.
struct ReturnCheck: Hashable, Sendable {
    enum Proof: Hashable, Sendable {
        /// COOKIE2 comes back as it was sent.
        case cookie([UInt8])
        /// A peer without MOBIKE names, in UNSUPPORTED_CRITICAL_PAYLOAD, a payload type that we drew (RFC 7296 §2.5).
        case payloadType(UInt8)
        /// Any answer from there: enough where only the port is another.
        case answer
    }

    var path: Path
    var proof: Proof
}
