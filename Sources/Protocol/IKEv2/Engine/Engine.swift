import IKECrypto
import IKEMessage
import IPsecTypes

/// What stands behind ``IKEEndpoint``: the IKE SAs, and the surroundings of the input that is being handled.
///
/// A class so that the exchanges, a file each, can work on it as extensions without passing six arguments along. It never
/// leaves its endpoint.
final class Engine {
    var configuration: IKEConfiguration
    let crypto: any CryptoProvider
    let schedule: IKEKeySchedule
    var spis: SPIAllocator
    var statistics = IKEStatistics()

    /// IKE SAs by our SPI.
    var sas: [IKESPI: IKESA] = [:]
    /// Where an identifier's Child SAs are: the newest IKE SA of a line of rekeyings.
    var current: [IKESAID: IKESPI] = [:]
    /// Who waits for an operation.
    var operations: [OperationID: IKESPI] = [:]
    /// The IKE SA of a Child SA, by inbound SPI.
    var childOwners: [SPI: IKESPI] = [:]
    /// Established IKE SAs by the peer's authenticated identity.
    var byIdentity: [Identity: [IKESAID]] = [:]
    var halfOpen = HalfOpenTable()
    /// Refused IKE SAs that only repeat their refusal.
    var refusedCount = 0
    /// Half-open IKE SAs whose first protected message was junk, lately.
    var spoiled = RecentCount()
    var cookies = CookieJar()
    var demands = DemandMemory()
    var demandsCookies = false
    var deadlines = DeadlineHeap()
    var errorBudget = TokenBucket()
    var reportBudget = TokenBucket()
    var failureBudget = TokenBucket()
    var legacyBudget = TokenBucket()
    /// For what follows a restart of ours, and for what may follow one of a peer's.
    var crashBudget = TokenBucket()
    var hintBudget = TokenBucket()
    var secrets = ReturnSecrets()
    /// Counts for the newest ticket key.
    var ticketIV: IVCounter
    var spentTickets = TicketMemory()
    /// Our SPIs of IKE SAs that live on elsewhere.
    var handedOver: Set<IKESPI> = []
    /// SPIs that we offered for a successor which the peer may know before we do, and until when.
    var offeredSPIs: [IKESPI: Instant] = [:]
    var offeredSPIsPrunedAt = 64
    /// IKE SAs beside a newer one of the same identity, until they go.
    var superseded: [Identity: [IKESPI]] = [:]
    /// Where clients are sent.
    var drainTarget: RedirectTarget?

    // The surroundings of one input.
    var now: Instant = .zero
    var wallClock = WallTime(secondsSinceEpoch: 0)
    var random: any RandomNumberGenerator = NoRandomness()
    var actions: [IKEAction] = []
    /// IKE SAs that were worked on and whose deadline may have moved.
    var touched: [IKESPI] = []

    private var lastID: UInt64 = 0
    private var lastOperation: UInt64 = 0
    private var lastEAPSession: UInt64 = 0

    init(configuration: IKEConfiguration, crypto: any CryptoProvider, spis: SPIAllocator) {
        self.configuration = configuration
        self.crypto = crypto
        self.spis = spis
        ticketIV = IVCounter(epoch: configuration.ivEpoch)
        schedule = IKEKeySchedule(provider: crypto)
    }

    /// Takes over the surroundings of an input. The caller's action list is moved, not copied.
    func begin(
        _ now: Instant,
        _ wallClock: WallTime,
        _ generator: some RandomNumberGenerator,
        _ actions: inout [IKEAction]
    ) {
        self.now = now
        self.wallClock = wallClock
        random = generator
        swap(&self.actions, &actions)
    }

    /// Hands back what ``begin(_:_:_:_:)`` took over.
    func end<Generator: RandomNumberGenerator>(_ generator: inout Generator, _ actions: inout [IKEAction]) {
        for spi in touched { sas[spi].map(schedule(_:)) }
        touched.removeAll(keepingCapacity: true)
        deadlines.prune { sas[$0] != nil }
        if let advanced = random as? Generator { generator = advanced }
        random = NoRandomness()
        swap(&self.actions, &actions)
    }

    var nextDeadline: Instant? { deadlines.next }

    // MARK: Small tools of all exchanges

    func emit(_ action: IKEAction) { actions.append(action) }

    func report(_ report: IKEReport) { actions.append(.report(report)) }

    func send(_ datagrams: [[UInt8]], _ path: Path) {
        for datagram in datagrams {
            statistics.sent += 1
            actions.append(.send(datagram, path))
        }
    }

    func drop(_ reason: DropReason, _ path: Path) {
        statistics.dropped[reason, default: 0] += 1
        if reportBudget.take(now, perSecond: 1) { report(.dropped(reason, path)) }
    }

    func touch(_ sa: IKESA) { touched.append(sa.localSPI) }

    func nextID() -> IKESAID {
        lastID += 1
        return IKESAID(rawValue: lastID)
    }

    func nextEAPSession() -> EAPSessionID {
        lastEAPSession += 1
        return EAPSessionID(lastEAPSession)
    }

    /// Keeps an identifier from being given to another IKE SA.
    func reserve(_ id: IKESAID) { lastID = max(lastID, id.rawValue) }

    /// Opens an operation: until its event comes, `sa` waits in `step`.
    func begin(_ step: Step, _ sa: IKESA) -> OperationID {
        precondition(sa.pending == nil, "an IKE SA waits for one operation at a time")
        lastOperation += 1
        let id = OperationID(rawValue: lastOperation)
        sa.pending = PendingOperation(id: id, step: step)
        operations[id] = sa.localSPI
        return id
    }

    /// Whether whoever waits for an operation is past its authentication.
    func isForEstablished(_ id: OperationID) -> Bool {
        guard let spi = operations[id], let sa = sas[spi] else { return false }
        return sa.phase != .halfOpen && sa.phase != .initiating
    }

    /// Closes an operation; nil when nobody waits for it any more.
    func finish(_ id: OperationID) -> (IKESA, Step)? {
        guard let spi = operations.removeValue(forKey: id), let sa = sas[spi], let pending = sa.pending,
            pending.id == id
        else { return nil }
        sa.pending = nil
        touch(sa)
        return (sa, pending.step)
    }

    func randomBytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 7)
        while bytes.count < count {
            withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// A duration drawn evenly from a range: timers of both ends must not run in step (RFC 7296 §2.8.1).
    func jittered(_ range: ClosedRange<Duration>) -> Duration {
        let (low, high) = (range.lowerBound.wholeNanoseconds, range.upperBound.wholeNanoseconds)
        guard low < high else { return range.lowerBound }
        return .nanoseconds(Int64.random(in: low...high, using: &random))
    }

    /// The length of our nonces: at least half the key of every PRF (RFC 7296 §2.10).
    static let nonceLength = 32

    /// An SPI that no Child SA of ours has.
    func freshSPI() -> SPI {
        var spi = spis.nextSPI()
        while childOwners[spi] != nil { spi = spis.nextSPI() }
        return spi
    }

    /// An SPI that no IKE SA of ours has.
    func freshIKESPI() -> IKESPI {
        var spi = spis.nextIKESPI()
        while sas[spi] != nil { spi = spis.nextIKESPI() }
        return spi
    }
}

/// Stands where no input is being handled: nothing may draw randomness then. It cannot be reached, because every input
/// goes through `begin`, which puts the caller's generator in its place.
private struct NoRandomness: RandomNumberGenerator {
    mutating func next() -> UInt64 { preconditionFailure("randomness is an argument of each input") }
}
