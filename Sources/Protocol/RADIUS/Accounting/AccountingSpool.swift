public import IPsecTypes

/// Accounting records on their way: in order for each session, kept while no server answers, bounded.
public struct AccountingSpool: Sendable {
    /// Records that wait: Start and Stop of as many sessions as a gateway has by default. Beyond it the oldest interim
    /// record goes first, then the oldest of all, and is counted.
    public static let limit = 20_000
    /// Records in flight.
    static let window = 64
    /// How long after a failure the next attempt is made.
    static let pauses: ClosedRange<Duration> = .seconds(5) ... .seconds(60)

    private var waiting: [AccountingRecord] = []
    private var inFlight: [RADIUSRequestID: AccountingRecord] = [:]
    private var pause = Self.pauses.lowerBound
    private var notBefore: Instant?

    /// Records that were lost because too many waited.
    public private(set) var lost: UInt64 = 0
    /// Records that a server acknowledged.
    public private(set) var acknowledged: UInt64 = 0

    /// Makes an empty spool.
    public init() {}

    /// Records that no server has acknowledged.
    public var count: Int { waiting.count + inFlight.count }

    /// When ``next(now:)`` may give something that it does not give now.
    public var nextDeadline: Instant? { waiting.isEmpty ? nil : notBefore }

    /// Adds a record. An interim record takes the place of one of its session that still waits.
    public mutating func add(_ record: AccountingRecord) {
        if record.status == .interim || record.status == .stop {
            waiting.removeAll { $0.sessionID == record.sessionID && $0.status == .interim }
        }
        waiting.append(record)
        guard waiting.count > Self.limit else { return }
        lost &+= 1
        waiting.remove(at: waiting.firstIndex { $0.status == .interim } ?? 0)
    }

    /// Gives up all records that no server has acknowledged, those in flight first.
    public mutating func surrender() -> [AccountingRecord] {
        let records = inFlight.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value) + waiting
        inFlight = [:]
        waiting = []
        taken = 0
        return records
    }

    /// Takes the next records to be sent now, at most one of each session.
    public mutating func next(now: Instant) -> [AccountingRecord] {
        if let notBefore, notBefore > now { return [] }
        notBefore = nil
        var busy = Set(inFlight.values.map(\.sessionID))
        var room = Self.window &- inFlight.count &- taken
        var chosen: [AccountingRecord] = []
        waiting.removeAll { record in
            guard room > 0, busy.insert(record.sessionID).inserted else { return false }
            room &-= 1
            chosen.append(record)
            return true
        }
        taken &+= chosen.count
        return chosen
    }

    /// Records handed out by ``next(now:)`` that ``sent(_:as:)`` has not heard of.
    private var taken = 0

    /// Says under which request a record was sent.
    public mutating func sent(_ record: AccountingRecord, as id: RADIUSRequestID) {
        taken = max(0, taken &- 1)
        inFlight.updateValue(record, forKey: id)
    }

    /// Takes the end of a request; false when it is none of ours.
    public mutating func finished(_ id: RADIUSRequestID, _ outcome: RADIUSOutcome, now: Instant) -> Bool {
        guard let record = inFlight.removeValue(forKey: id) else { return false }
        if case .answered = outcome {
            acknowledged &+= 1
            pause = Self.pauses.lowerBound
            return true
        }
        // An interim record that failed is out of date when a newer one waits.
        let isStale = record.status == .interim && waiting.contains { $0.sessionID == record.sessionID }
        if !isStale { waiting.insert(record, at: 0) }
        notBefore = now + pause
        pause = min(pause * 2, Self.pauses.upperBound)
        return true
    }
}
