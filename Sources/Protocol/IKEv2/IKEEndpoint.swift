import IKECrypto
import IKEMessage
import IPsecTypes

/// All IKE SAs of one shard: a pure machine (law 1).
///
/// Inputs are datagrams, events, commands and the passing of time; each takes `now`, `wallClock` and a source of
/// randomness and appends to a list of actions, which the driver carries out in order. After each input the driver reads
/// ``nextDeadline`` and calls ``handleTimeout(now:wallClock:using:into:)`` when it has come; early or late calls do no
/// harm. One owner: nothing here may be called from two threads at once.
public struct IKEEndpoint: ~Copyable {
    let engine: Engine

    /// Makes an endpoint without IKE SAs.
    ///
    /// - Parameters:
    ///   - configuration: connections, limits, ports.
    ///   - crypto: PRF and SK protection. Key exchange and signatures leave as actions.
    ///   - spis: hands out IKE and ESP SPIs that carry node and shard (law 5).
    public init(configuration: IKEConfiguration, crypto: any CryptoProvider, spis: SPIAllocator) {
        engine = Engine(configuration: configuration, crypto: crypto, spis: spis)
    }

    /// When ``handleTimeout(now:wallClock:using:into:)`` is due; nil for never.
    public var nextDeadline: Instant? { engine.nextDeadline }

    /// Counters since the start.
    public var statistics: IKEStatistics { engine.statistics }

    /// IKE SAs that are not authenticated yet and that a peer began.
    public var halfOpenCount: Int { engine.halfOpen.count }

    /// Whether an operation serves an established IKE SA, and so goes before those of strangers.
    public func isForEstablished(_ operation: OperationID) -> Bool { engine.isForEstablished(operation) }

    /// Takes an IKE message, without non-ESP marker or TCP length.
    public mutating func receive(
        _ datagram: [UInt8],
        path: Path,
        now: Instant,
        wallClock: WallTime,
        using generator: inout some RandomNumberGenerator,
        into actions: inout [IKEAction]
    ) {
        engine.begin(now, wallClock, generator, &actions)
        engine.receive(datagram, path: path)
        engine.end(&generator, &actions)
    }

    /// Takes the answer to an action, or news from the data plane.
    public mutating func handle(
        _ event: IKEEvent,
        now: Instant,
        wallClock: WallTime,
        using generator: inout some RandomNumberGenerator,
        into actions: inout [IKEAction]
    ) {
        engine.begin(now, wallClock, generator, &actions)
        engine.handle(event)
        engine.end(&generator, &actions)
    }

    /// Does what is due: retransmissions, liveness checks, keepalives, rekeyings, expiry.
    public mutating func handleTimeout(
        now: Instant,
        wallClock: WallTime,
        using generator: inout some RandomNumberGenerator,
        into actions: inout [IKEAction]
    ) {
        engine.begin(now, wallClock, generator, &actions)
        engine.handleTimeout()
        engine.end(&generator, &actions)
    }

    /// Carries out a command.
    ///
    /// - Returns: the IKE SA made by ``IKECommand/initiate(_:path:)``, or the one the command names; nil when there is no
    ///   such IKE SA.
    @discardableResult
    public mutating func perform(
        _ command: IKECommand,
        now: Instant,
        wallClock: WallTime,
        using generator: inout some RandomNumberGenerator,
        into actions: inout [IKEAction]
    ) -> IKESAID? {
        engine.begin(now, wallClock, generator, &actions)
        let id = engine.perform(command)
        engine.end(&generator, &actions)
        return id
    }

    /// All IKE SAs, oldest first; half-open ones that a peer began are only counted (``halfOpenCount``).
    public func statuses() -> [IKESAStatus] { engine.statuses() }

    /// One IKE SA; nil when it is gone.
    public func status(_ id: IKESAID) -> IKESAStatus? { engine.status(id) }

    /// What is needed to go on with an established IKE SA elsewhere; nil when there is none, and while an operation or an
    /// exchange of it depends on private keys that do not travel (ask again after the next input). The IKE SA stays: use
    /// ``IKECommand/forget(_:)`` to let go of it without telling the peer.
    public func snapshot(_ id: IKESAID, now: Instant) -> IKESASnapshot? { engine.snapshot(id, now) }
}

/// What a driver can ask for. Exchanges are queued and run one after another.
public enum IKECommand: Sendable {
    /// Make an IKE SA with the connection's first child. The path's remote end is where IKE_SA_INIT goes.
    case initiate(ConnectionConfiguration, path: Path)
    /// Delete an IKE SA and its Child SAs.
    case close(IKESAID, CloseReason)
    /// Delete all IKE SAs (shutdown); what is half-open is forgotten.
    case closeAll
    /// Make a further Child SA.
    case addChild(IKESAID, ChildConfiguration)
    /// Delete a Child SA.
    case closeChild(IKESAID, SPI)
    /// Replace a Child SA's keys.
    case rekeyChild(IKESAID, SPI)
    /// Replace the IKE SA's keys.
    case rekeyIKE(IKESAID)
    /// Check now whether the peer lives.
    case probe(IKESAID)
    /// Moves the end of an IKE SA (a renewed lease or certificate); nil for no end.
    case setNotAfter(IKESAID, WallTime?)
    /// The ticket of an IKE SA is good no more, and it gets no other: what the tickets say of its peer has changed.
    case retireTicket(IKESAID)
    /// Replace the configuration. IKE SAs of connections that are gone are closed; those of connections that changed keep
    /// running and use the changed settings from their next exchange on.
    case reload(IKEConfiguration)
    /// Take over an IKE SA that another owner let go of. `ivEpoch` must never have been used with its keys (law 5).
    case thaw(IKESASnapshot, ivEpoch: UInt16)
    /// The addresses of this host have changed, or its routes: for one IKE SA, or for all. What follows is the initiator's
    /// decision (RFC 4555 §3.5); a responder tells its peers.
    case localAddressesChanged(IKESAID?, LocalAddresses)
    /// Drop an IKE SA without telling anyone, data plane included: another owner has it.
    case forget(IKESAID)
    /// Make an IKE SA, by a ticket or after a redirect.
    case begin(Initiation)
    /// Take these secrets for crash tokens and tickets.
    case useSecrets(ReturnSecrets)
    /// Send new clients to another gateway and ask established ones to move there; nil ends that.
    case drain(to: RedirectTarget?)
}
