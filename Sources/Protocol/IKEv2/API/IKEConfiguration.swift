import IPsecTypes

/// Everything an endpoint is told at its start and at a reload.
public struct IKEConfiguration: Hashable, Sendable {
    /// Connections in order of preference: the responder takes the first that fits.
    public var connections: [ConnectionConfiguration]
    /// Bounds on what strangers and peers can make us hold.
    public var limits: IKELimits
    /// Where IKE goes when a NAT is found: our port.
    public var localNATPort: UInt16
    /// Where IKE goes when a NAT is found: the peer's port, when we initiate.
    public var remoteNATPort: UInt16
    /// The epoch of all IVs, for SK payloads and for the Child SAs (law 5). A new owner of the same keys needs another.
    public var ivEpoch: UInt16
    /// Whether a request for an unknown IKE SA gets a rate-limited INVALID_IKE_SPI (RFC 7296 §2.21.4), which tells a peer
    /// after our restart that we forgot it.
    public var answersUnknownSPIs: Bool

    /// Makes a configuration.
    public init(
        connections: [ConnectionConfiguration],
        limits: IKELimits = IKELimits(),
        localNATPort: UInt16 = 4500,
        remoteNATPort: UInt16 = 4500,
        ivEpoch: UInt16 = 0,
        answersUnknownSPIs: Bool = true
    ) {
        self.connections = connections
        self.limits = limits
        self.localNATPort = localNATPort
        self.remoteNATPort = remoteNATPort
        self.ivEpoch = ivEpoch
        self.answersUnknownSPIs = answersUnknownSPIs
    }
}

/// Bounds of an endpoint, each with its reason. Defaults are those of the decisions.
public struct IKELimits: Hashable, Sendable {
    /// A half-open IKE SA lives no longer: an honest peer authenticates within its own give-up time.
    public var halfOpenLifetime: Duration = .seconds(30)
    /// From this many half-open IKE SAs on, strangers must return a cookie first (RFC 7296 §2.6).
    public var cookieThreshold = 64
    /// From this many half-open IKE SAs of one address (IPv6: /64), that source must return a cookie.
    public var cookieThresholdPerSource = 16
    /// How long a demand for cookies stands after its reason: longer than copies of a request are on their way.
    public var cookieDemandMemory: Duration = .seconds(10)
    /// Cookie or not, no more half-open IKE SAs than this: bounds memory.
    public var halfOpenLimit = 4096
    /// From this many half-open and lately failed IKE SAs on, strangers must solve a puzzle (RFC 8019): the last step before
    /// ``halfOpenLimit``.
    public var puzzleThreshold = 1024
    /// From this many of one source on, that source must solve a puzzle. A good cookie alone is enough below, so that two
    /// hundred runners behind one NAT get in at once.
    public var puzzleThresholdPerSource = 256
    /// The puzzles we give: the work of a tenth of a second to a second or two, harder with the load.
    public var puzzleDifficulty: ClosedRange<UInt8> = 14...18
    /// From this many half-open IKE SAs on whose first protected message was junk, within ``failureMemory``, whoever solved a
    /// puzzle must solve another before IKE_AUTH is looked at (RFC 8019 §7.2).
    public var authPuzzleThreshold = 64
    /// The hardest puzzle that we solve as initiator: some ten seconds of work, which a forged answer can make us do.
    public var puzzleDifficultyAccepted: UInt8 = 20
    /// Initiators that know no puzzles, let in by lot a second while puzzles are demanded.
    public var unsolvedAdmissionsPerSecond = 16
    /// How long a failed authentication counts like a half-open IKE SA.
    public var failureMemory: Duration = .seconds(30)
    /// The cookie secret changes after this; the secret before it stays good for as long.
    public var cookieSecretLifetime: Duration = .seconds(60)
    /// An IKE message, also after reassembly.
    public var messageBytes = 65536
    /// Fragments of one message (RFC 7383).
    public var fragments = 64
    /// An unfinished reassembly is dropped after this.
    public var reassemblyLifetime: Duration = .seconds(30)
    /// Certificates accepted from a peer.
    public var certificates = 8
    /// IKE SAs of one identity where it may have several; then the oldest goes.
    public var ikeSAsPerIdentity = 64
    /// Children of one IKE SA, rekeying included.
    public var children = 64
    /// CREATE_CHILD_SA requests of one peer at once: all children made and rekeyed. What is beyond gets TEMPORARY_FAILURE.
    public var childRequestBurst = 128
    /// CREATE_CHILD_SA requests of one peer a second, afterwards; an honest one sends a few an hour.
    public var childRequestsPerSecond = 2
    /// Additional addresses of one end (RFC 4555 §3.4): what is beyond is not told, and not believed.
    public var additionalAddresses = 8
    /// Ways that one retransmission goes along besides the one in use: four addresses here and four there.
    public var probedPaths = 16
    /// Retransmissions without an answer before other ways are tried too: 1.5 s with the usual pauses.
    public var attemptsBeforeProbing = 2
    /// Retransmissions of a return routability check before it has failed: 7.5 s with the usual pauses.
    public var returnCheckAttempts = 4
    /// Moves a second that one peer may make us check; each costs one message to wherever it says it is.
    public var movesPerSecond = 2
    /// Moves at once.
    public var moveBurst = 10
    /// Refusals for NATs on the way (UNEXPECTED_NAT_DETECTED) before the way counts as unusable (RFC 4555 §3.9).
    public var natRefusals = 5
    /// Selectors in one payload.
    public var selectors = 64
    /// Datagrams held while an operation of their IKE SA is under way.
    public var heldDatagrams = 64
    /// Octets of such datagrams: the longest message in fragments, and a bit. Nobody has authenticated them.
    public var heldBytes = 131_072
    /// Octets of such datagrams while nobody has authenticated either: an IKE_AUTH with a chain of certificates.
    public var heldBytesHalfOpen = 16_384
    /// An IKE_SA_INIT request, which is kept because AUTH covers it: honest ones have some hundred octets, with the largest
    /// key exchange two thousand.
    public var initialBytes = 16_384
    /// SK messages that fail their integrity check before a half-open IKE SA stops decrypting: one key derivation and a
    /// handful of checks is all that a stranger gets.
    public var junkMessagesHalfOpen = 32
    /// Unprotected error messages a second, all peers together (RFC 7296 §2.21.4).
    public var unprotectedErrorsPerSecond = 10
    /// IKE_INTERMEDIATE exchanges of one IKE SA: seven additional key exchanges and one for another use.
    public var intermediateExchanges = 8
    /// CREATE_CHILD_SA exchanges of one peer that wait for their additional key exchanges; then the oldest goes.
    public var awaitedSeries = 4
    /// How long each waits (RFC 9370 §2.2.4: 5 to 20 seconds).
    public var awaitedSeriesLifetime: Duration = .seconds(20)
    /// Additional key exchanges in a row that the peer knows nothing of before the IKE SA is closed.
    public var lostSeries = 3
    /// Crash tokens, INVALID_SPI and TICKET_NACK a second, all peers together: after a restart they call back as many agents,
    /// each of which then sets up a tunnel. 10 000 agents are back in less than a minute; a flood costs some microseconds each.
    public var crashAnswersPerSecond = 250
    /// Unprotected hints about one IKE SA, and INVALID_SPI of all, that are looked at in a second (RFC 6290 §8.1).
    public var hintsPerSecond = 4
    /// IKE SAs that went to another owner and are remembered, so that their crash tokens stay secret. Beyond, no tokens are
    /// shown at all.
    public var handedOver = 65_536
    /// Tickets that are spent or revoked and not yet expired; each takes some 80 octets.
    public var spentTickets = 65_536
    /// A ticket that is kept or looked at: a leaf certificate and its issuer fit.
    public var ticketBytes = 4096
    /// Clients are asked to move away over this time when a drain begins.
    public var drainSpread: Duration = .seconds(10)
    /// Retries of IKE_SA_INIT after COOKIE or INVALID_KE_PAYLOAD, together.
    public var initRetries = 6

    /// EAP packets of one conversation, either way. RFC 7296 §2.16 wants ten at least, a chain of certificates in
    /// fragments of EAP-TLS takes twenty.
    public var eapExchanges = 50
    /// An EAP packet; methods that need more send fragments.
    public var eapBytes = 16_384
    /// However long its conversations, an IKE SA whose peer is not authenticated lives no longer than this.
    public var conversationLifetime: Duration = .seconds(120)

    /// The defaults.
    public init() {}
}
