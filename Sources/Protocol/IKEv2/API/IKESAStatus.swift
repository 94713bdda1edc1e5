import IKEMessage
import IPsecTypes

/// An IKE SA as status shows it.
public struct IKESAStatus: Hashable, Sendable {
    /// Where it stands.
    public enum Phase: String, Sendable, Codable {
        /// Before authentication.
        case connecting
        /// Authenticated.
        case established
        /// A Delete is under way.
        case closing
    }

    /// Its identifier.
    public var id: IKESAID
    /// The connection; nil before the responder has chosen one.
    public var connection: String?
    /// The tenant.
    public var tenant: String
    /// Where it stands.
    public var phase: Phase
    /// Whether we are the original initiator.
    public var isInitiator: Bool
    /// The initiator's SPI.
    public var initiatorSPI: IKESPI
    /// The responder's SPI.
    public var responderSPI: IKESPI
    /// The algorithms; nil before they are chosen.
    public var suite: IKESuite?
    /// Where the peer is.
    public var path: Path
    /// Whether we are behind a NAT.
    public var localNAT: Bool
    /// Whether the peer is.
    public var remoteNAT: Bool
    /// Our identity.
    public var localIdentity: Identity?
    /// The peer's, authenticated once the phase is established.
    public var remoteIdentity: Identity?
    /// What verification found out about the peer.
    public var peer: VerifiedPeer?
    /// Session, as authorization named it; empty on the initiator's side.
    public var session: String
    /// Virtual addresses: ours as initiator, the peer's as responder.
    public var addresses: [IPAddress]
    /// DNS servers the peer assigned to us, or we to it.
    public var dnsServers: [IPAddress]
    /// DNS domains that came with them.
    public var dnsDomains: [String]
    /// Networks to be routed to the peer (initiator), or announced to it (responder).
    public var subnets: [IPPrefix]
    /// When it was established.
    public var establishedAt: Instant?
    /// When it will be rekeyed.
    public var rekeyAt: Instant?
    /// When it ends whatever happens.
    public var notAfter: WallTime?
    /// When the peer last proved to be alive by an IKE message.
    public var lastInbound: Instant?
    /// What is known of the peer's silence, where it was given up for it, or has still to let us in.
    public var silence: PeerSilence?
    /// Rekeyings so far.
    public var rekeyings: Int
    /// Whether the peer follows redirects (RFC 5685).
    public var followsRedirects: Bool
    /// Whether a ticket can resume it (RFC 5723).
    public var isResumable: Bool
    /// Until when, at the longest.
    public var ticketExpires: WallTime?
    /// When the peer must be authenticated anew (RFC 4478): we are the initiator.
    public var reauthenticateAt: Instant?
    /// Its Child SAs, oldest first.
    public var children: [ChildSAStatus]
    /// Whether both ends can change addresses (RFC 4555).
    public var hasMOBIKE: Bool
    /// Where ESP goes: the path, or the one before while the peer has not proved to be at this one.
    public var trafficPath: Path
    /// The peer's addresses besides the one in use, as it told them.
    public var additionalAddresses: [IPAddress]
}

/// A Child SA as status shows it.
public struct ChildSAStatus: Hashable, Sendable {
    /// Where it stands.
    public enum Phase: String, Sendable, Codable {
        /// In use.
        case installed
        /// In use; its rekeying is under way.
        case rekeying
        /// Replaced; still accepts packets in flight.
        case rekeyed
        /// A Delete is under way.
        case closing
    }

    /// The child's name in the configuration, or the grant's.
    public var name: String
    /// Where it stands.
    public var phase: Phase
    /// Our SPI.
    public var inboundSPI: SPI
    /// The peer's SPI.
    public var outboundSPI: SPI
    /// The algorithms.
    public var suite: ESPSuite
    /// Tunnel or transport.
    public var mode: ChildSAParameters.Mode
    /// Our side.
    public var localSelectors: [TrafficSelector]
    /// The peer's side.
    public var remoteSelectors: [TrafficSelector]
    /// Whether ESP goes in UDP.
    public var udpEncapsulation: Bool
    /// Whom it belongs to.
    public var owner: ChildSAOwner
    /// When it was made.
    public var createdAt: Instant
    /// When it will be rekeyed.
    public var rekeyAt: Instant?
}
