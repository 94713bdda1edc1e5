import IKECrypto
import IKEMessage
import IPsecTypes

/// One IKE SA, in either role. Only the engine's exchanges change it.
final class IKESA {
    /// Where it stands. Valid transitions are: initiating and halfOpen to established or finished; established to
    /// replaced, closing or finished; replaced and closing to finished.
    enum Phase {
        /// We sent IKE_SA_INIT; until the peer is authenticated.
        case initiating
        /// The peer sent IKE_SA_INIT; until it is authenticated.
        case halfOpen
        /// Authenticated, or made by rekeying an authenticated one.
        case established
        /// Its Child SAs are with its successor; a Delete ends it.
        case replaced
        /// Our Delete waits for its answer.
        case closing
        /// Answers retransmitted requests from its cache, nothing else.
        case finished
    }

    let id: IKESAID
    /// Whether we are its original initiator.
    let isInitiator: Bool
    let localSPI: IKESPI
    var remoteSPI: IKESPI
    var connection: ConnectionConfiguration
    var path: Path
    var phase: Phase
    var timers = Timers()

    /// What is needed only until it is established.
    var handshake: Handshake?
    var suite: IKESuite?
    var keys: IKEKeys?
    let ivEpoch: UInt16
    var sendIV: IVCounter
    var supportsFragments = false
    var nat = NATState()
    var mobility = Mobility()

    var requests = RequestWindow()
    var responses = ResponseWindow()
    var requestReassembly: Reassembly?
    var responseReassembly: Reassembly?
    var junkMessages = 0
    var lengths = MessageLengths()
    /// What was known when the peer was given up.
    var silence: PeerSilence?

    /// The earliest entry of it on the heap of deadlines.
    var scheduledAt: Instant?

    /// The operation it waits for, and what happens then.
    var pending: PendingOperation?
    /// Datagrams that came meanwhile.
    var held: [(bytes: [UInt8], path: Path)] = []
    var tasks: [QueuedTask] = []
    var temporaryFailures = 0
    /// Oldest first.
    var children: [ChildSA] = []

    var remoteIdentity: Identity?
    var peer: VerifiedPeer?
    /// What authorization granted; nil on the initiator's side.
    var grant: AuthorizationGrant?
    var configuration = ReceivedConfiguration()
    var notAfter: WallTime?
    var establishedAt: Instant?
    var lastInbound: Instant?
    var queriedActivity = false
    var rekeyings = 0
    /// Whether the peer asks and we grant: we were the responder of IKE_AUTH. A rekeying does not change it.
    var authorizesPeer = false
    /// The peer's rekeyings of Child SAs that we answered while ours were under way, by the SPI of the old one (§2.8.1).
    var childCollisions: [SPI: PeerChildRekeying] = [:]
    /// What the peer deleted before we had its answer that made it.
    var earlyDeletes: Set<SPI> = []
    /// The IKE SA it was made to replace, until the Child SAs have moved here.
    var predecessor: IKESPI?
    /// The IKE SA that it has replaced; the peer must let go of that one before it replaces this one.
    var replaces: IKESPI?
    /// How many CREATE_CHILD_SA requests the peer may still send.
    var childRequests = TokenBucket()
    /// The peer's CREATE_CHILD_SA exchanges that we answered and whose additional key exchanges are still to come, oldest
    /// first.
    var awaitedSeries: [KeyExchangeSeries] = []
    /// How often in a row the peer knew nothing of our additional key exchange.
    var lostSeries = 0
    /// Made by a rekeying that collided and lost: nothing may move to it.
    var isRedundant = false
    /// The peer's rekeying that we answered while ours was under way (RFC 7296 §2.8.2).
    var peerRekeying: PeerIKERekeying?
    var closeReason: CloseReason?
    /// What it knows for the time after it.
    var returning = ReturnState()
    /// Finished without ever being authenticated: it stays to repeat our refusal.
    var isRefused = false

    init(
        id: IKESAID,
        isInitiator: Bool,
        localSPI: IKESPI,
        remoteSPI: IKESPI,
        connection: ConnectionConfiguration,
        path: Path,
        phase: Phase,
        ivEpoch: UInt16
    ) {
        self.id = id
        self.isInitiator = isInitiator
        self.localSPI = localSPI
        self.remoteSPI = remoteSPI
        self.connection = connection
        self.path = path
        self.phase = phase
        self.ivEpoch = ivEpoch
        sendIV = IVCounter(epoch: ivEpoch)
    }

    var initiatorSPI: IKESPI { isInitiator ? localSPI : remoteSPI }
    var responderSPI: IKESPI { isInitiator ? remoteSPI : localSPI }
    /// Keys for what we send.
    var sendKeys: SKKeys? { isInitiator ? keys?.initiator : keys?.responder }
    /// Keys for what we receive.
    var receiveKeys: SKKeys? { isInitiator ? keys?.responder : keys?.initiator }

    var isEstablished: Bool { phase == .established }

    /// The way of ESP: the path, or the one before while the peer has not proved to be at this one.
    var trafficPath: Path { mobility.proven?.path ?? path }

    /// Whether ESP goes in UDP: a NAT is between us, or the connection says so (RFC 7296 §2.23, RFC 3948).
    var encapsulates: Bool {
        let nat = mobility.proven?.nat ?? nat
        return switch trafficPath.transport {
        case .udp500: false
        case .udp4500: nat.found || connection.alwaysEncapsulates
        case .tcp, .tls: true
        }
    }

    func child(inbound spi: SPI) -> ChildSA? { children.first { $0.inboundSPI == spi } }
    func child(outbound spi: SPI) -> ChildSA? {
        children.first { $0.outboundSPI == spi && $0.phase != .lingering && !$0.isRemoved }
    }

    /// When it next wants to be looked at.
    var nextDeadline: Instant? {
        var earliest = timers.next
        for child in children {
            guard let at = child.nextDeadline else { continue }
            earliest = earliest.map { min($0, at) } ?? at
        }
        return earliest
    }
}

/// What is known of NATs on the path.
struct NATState: Hashable, Sendable {
    /// We are behind one.
    var local = false
    /// The peer is.
    var remote = false
    /// The peer told what addresses it sees, so it can do NAT traversal.
    var isSupported = false

    var found: Bool { local || remote }
}

/// What the responder's configuration payload gave us, or ours gave the peer.
struct ReceivedConfiguration: Hashable, Sendable {
    var addresses: [IPAddress] = []
    var dnsServers: [IPAddress] = []
    var dnsDomains: [String] = []
    var subnets: [IPPrefix] = []
}

/// Our own requests: one at a time (RFC 7296 §2.3, window size 1).
struct RequestWindow {
    var nextID: UInt32 = 0
    var outstanding: OutstandingRequest?
}

/// A request that waits for its response, with the very bytes to send again (RFC 7296 §2.1).
struct OutstandingRequest {
    var messageID: UInt32
    var exchange: ExchangeType
    var context: ExchangeContext
    var datagrams: [[UInt8]]
    /// When it was sent first.
    var since: Instant
    var attempt = 0
    var pause: Duration
    /// Where it goes when not along the IKE SA's path: a return routability check.
    var detour: Path?
    /// Whether it goes along all ways to find one that works (RFC 4555 §3.10).
    var isProbing = false
    /// All ways it has gone along.
    var ways: [Path] = []
}

/// The peer's requests: one at a time.
struct ResponseWindow {
    /// The Message ID of the next request.
    var expected: UInt32 = 0
    /// The request being worked on.
    var current: CurrentRequest?
    /// What tells a retransmission of the request before from anything else, and the answer to repeat.
    var lastTag: [UInt8] = []
    var lastResponse: [[UInt8]] = []
    /// Where that request came from.
    var lastPath: Path?
    /// The keys it was protected with, where that exchange changed the keys.
    var lastKeys: SKKeys?

    struct CurrentRequest {
        var exchange: ExchangeType
        var tag: [UInt8]
        var path: Path
    }
}
