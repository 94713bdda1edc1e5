import IKECrypto
import IKEMessage
import IPsecTypes

/// How an IKE SA with one kind of peer is made, in either role.
public struct ConnectionConfiguration: Hashable, Sendable {
    /// Its name in configuration, logs and status.
    public var name: String
    /// The tenant it belongs to.
    public var tenant: String
    /// Our addresses it may be used on, as responder; empty for all.
    public var localAddresses: [IPAddress]
    /// Peers' addresses it may be used with, as responder; empty for all.
    public var remoteAddresses: [IPRange]
    /// Who we say we are.
    public var localIdentity: Identity
    /// Who the peer must be.
    public var remoteIdentity: RemoteIdentity
    /// How we prove it.
    public var localAuthentication: LocalAuthentication
    /// How the peer must prove it.
    public var remoteAuthentication: RemoteAuthentication
    /// What we prove after that, in order (RFC 4739). Whatever the peer shows, all rounds of both lists must pass.
    public var furtherLocal: [LocalRound] = []
    /// What the peer must prove after that, in order (RFC 4739).
    public var furtherRemote: [RemoteRound] = []
    /// As initiator with EAP: lets the responder authenticate by the EAP method alone (RFC 5998). One that sends its AUTH
    /// nevertheless is held to ``remoteAuthentication``. As responder: grants it to an initiator that asks.
    public var eapOnly = false
    /// Whether we announce how the peer may authenticate, and heed what it announces (RFC 9593).
    public var announcesMethods = true
    /// The hashes (20 bytes each) of the public keys of the roots that our certificate leads to; empty when not known.
    public var localAuthorityHashes: [[UInt8]] = []
    /// Which signatures we make and accept.
    public var signatures: SignaturePolicy
    /// What we offer or accept for the IKE SA.
    public var ikeProposals: [IKEProposal]
    /// The Child SAs: those we ask for as initiator (the first within IKE_AUTH), and what we let a responder ask us for.
    public var children: [ChildConfiguration]
    /// Families for which we ask for a virtual address; empty for none.
    public var requestedAddresses: [IPAddress.Family]
    /// Whether we ask for DNS servers and domains.
    public var requestsDNS: Bool
    /// UDP encapsulation even where no NAT is found.
    public var alwaysEncapsulates: Bool
    /// Whether long messages are split (RFC 7383).
    public var fragmentation: Bool
    /// The largest IP datagram an IKE fragment may become.
    public var fragmentBytes: Int
    /// Whether a new IKE SA of an authenticated identity replaces its older ones.
    public var replacesOlder: Bool
    /// Timers.
    public var timing: ConnectionTiming
    /// Whether every IKE SA, rekeyed ones too, must have a post-quantum key exchange. Proposals that leave the peer a choice
    /// without one are then neither offered nor accepted.
    public var requiresPostQuantum = false
    /// Post-quantum pre-shared keys (RFC 8784); nil for none. They go with connections of one round of authentication.
    public var ppk: PPKSettings?
    /// How it comes back, is renewed and moves.
    public var returning: ReturnSettings
    /// What happens when addresses change.
    public var mobility = MobilitySettings()

    /// Makes a connection.
    public init(
        name: String,
        tenant: String = "default",
        localAddresses: [IPAddress] = [],
        remoteAddresses: [IPRange] = [],
        localIdentity: Identity,
        remoteIdentity: RemoteIdentity,
        localAuthentication: LocalAuthentication,
        remoteAuthentication: RemoteAuthentication,
        signatures: SignaturePolicy = SignaturePolicy(),
        ikeProposals: [IKEProposal] = IKEProposal.offered,
        children: [ChildConfiguration] = [],
        requestedAddresses: [IPAddress.Family] = [],
        requestsDNS: Bool = false,
        alwaysEncapsulates: Bool = false,
        fragmentation: Bool = true,
        fragmentBytes: Int = 1280,
        replacesOlder: Bool = true,
        timing: ConnectionTiming = ConnectionTiming(),
        returning: ReturnSettings = ReturnSettings()
    ) {
        self.name = name
        self.tenant = tenant
        self.localAddresses = localAddresses
        self.remoteAddresses = remoteAddresses
        self.localIdentity = localIdentity
        self.remoteIdentity = remoteIdentity
        self.localAuthentication = localAuthentication
        self.remoteAuthentication = remoteAuthentication
        self.signatures = signatures
        self.ikeProposals = ikeProposals
        self.children = children
        self.requestedAddresses = requestedAddresses
        self.requestsDNS = requestsDNS
        self.alwaysEncapsulates = alwaysEncapsulates
        self.fragmentation = fragmentation
        self.fragmentBytes = fragmentBytes
        self.replacesOlder = replacesOlder
        self.timing = timing
        self.returning = returning
    }
}

/// Which identities a peer may claim.
public enum RemoteIdentity: Hashable, Sendable {
    /// Any identity that its certificate carries; authorization decides. Not allowed beside a pre-shared key.
    case any
    /// Any distinguished name that its certificate carries; authorization compares it with the policy's text.
    case anyDistinguishedName
    /// One of these, of exactly this type (A11).
    case oneOf([Identity])

    /// Whether `identity` may be claimed.
    public func allows(_ identity: Identity) -> Bool {
        switch self {
        case .any: true
        case .anyDistinguishedName: if case .distinguishedName = identity { true } else { false }
        case .oneOf(let identities): identities.contains(identity)
        }
    }
}

/// Timers of a connection. Defaults are those for jobs; ``site`` has those for sites.
public struct ConnectionTiming: Hashable, Sendable {
    /// The first retransmission comes after this, each later one after twice the time.
    public var retransmitInitial: Duration = .milliseconds(500)
    /// The longest pause between two retransmissions.
    public var retransmitMaximum: Duration = .seconds(16)
    /// Without an answer for this long the peer is taken for dead.
    public var giveUp: Duration = .seconds(20)
    /// Liveness is checked after this long without anything from the peer; nil for never.
    public var deadPeerDetection: Duration? = .seconds(10)
    /// Keepalives, only behind a NAT (RFC 3948 §4).
    public var keepalive: Duration = .seconds(20)
    /// The IKE SA is rekeyed after a random time in this range.
    public var ikeRekey: ClosedRange<Duration> = .seconds(3000) ... .seconds(3600)
    /// The IKE SA ends when it could not be rekeyed for this long.
    public var ikeHard: Duration = .seconds(4200)
    /// The pause before an operation is tried again after TEMPORARY_FAILURE (RFC 7296 §2.25).
    public var temporaryFailureRetry: ClosedRange<Duration> = .seconds(1) ... .seconds(3)
    /// Tries after TEMPORARY_FAILURE; then the peers' states disagree and the IKE SA is closed.
    public var temporaryFailureLimit = 60
    /// How long the inbound half of a replaced or deleted Child SA goes on accepting packets in flight.
    public var inboundLinger: Duration = .seconds(5)

    /// Timers for jobs.
    public init() {}

    /// Timers for sites: more patience.
    public static var site: ConnectionTiming {
        var timing = ConnectionTiming()
        timing.giveUp = .seconds(60)
        timing.deadPeerDetection = .seconds(30)
        return timing
    }
}

/// One Child SA as configured.
public struct ChildConfiguration: Hashable, Sendable {
    /// Its name; one live Child SA a name.
    public var name: String
    /// What we offer or accept.
    public var proposals: [ESPProposal]
    /// Our side; empty for the virtual address that the peer assigns.
    public var localSelectors: [TrafficSelector]
    /// The peer's side.
    public var remoteSelectors: [TrafficSelector]
    /// Byte and packet limits.
    public var lifetime: SALifetime
    /// It is rekeyed after a random time in this range.
    public var rekey: ClosedRange<Duration>
    /// It ends when it could not be rekeyed for this long.
    public var hard: Duration
    /// The anti-replay window in packets.
    public var replayWindow: Int
    /// Who it belongs to, where the peer's authorization does not say so.
    public var owner: ChildSAOwner
    /// What we ask for as initiator, and what a peer may ask for where nobody authorizes it. In transport mode the selectors
    /// are those of the two hosts: of ``localSelectors`` and ``remoteSelectors`` only protocols and ports count.
    public var mode = ChildSAParameters.Mode.tunnel
    /// Whether a Child SA in tunnel mode will do where the responder declines transport mode (RFC 7296 §1.3.1).
    public var allowsTunnelFallback = false

    /// Makes a child.
    public init(
        name: String,
        proposals: [ESPProposal] = ESPProposal.offered,
        localSelectors: [TrafficSelector] = [],
        remoteSelectors: [TrafficSelector],
        lifetime: SALifetime = ChildConfiguration.defaultLifetime,
        rekey: ClosedRange<Duration> = .seconds(1200) ... .seconds(1500),
        hard: Duration = .seconds(1800),
        replayWindow: Int = 4096,
        owner: ChildSAOwner = ChildSAOwner()
    ) {
        self.name = name
        self.proposals = proposals
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.lifetime = lifetime
        self.rekey = rekey
        self.hard = hard
        self.replayWindow = replayWindow
        self.owner = owner
    }

    /// Rekeying at 2^36 bytes, the end at 2^37. Packets are limited only without extended sequence numbers, see
    /// ``packetLimitsWithoutESN``.
    public static let defaultLifetime = SALifetime(softBytes: 1 << 36, hardBytes: 1 << 37)

    /// Without 64-bit sequence numbers: rekeying at 2^30 packets, the end just before the number would wrap.
    public static let packetLimitsWithoutESN: (soft: UInt64, hard: UInt64) = (1 << 30, (1 << 32) - 1)
}
