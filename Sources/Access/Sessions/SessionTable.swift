public import IPsecTypes
public import Policy

/// All live sessions of a gateway with their addresses and deadlines: pure, one owner.
public struct SessionTable: Sendable {
    /// Clocks may differ by this much: a session ends this long after its certificate (decisions.md, sessions).
    public static let certificateGrace: Int64 = 60

    /// Sessions at a time.
    public var maximumSessions: Int
    /// The addresses.
    public private(set) var pool: AddressPool

    private var sessions: [String: Session] = [:]
    private var byIdentity: [String: Set<String>] = [:]
    private var deadlines = DeadlineHeap()
    private var leaseChanges: [LeaseChange]?

    /// What happened to the addresses of a session.
    public enum LeaseChange: Hashable, Sendable {
        /// It has them now.
        case began(Session)
        /// It has them no longer.
        case ended(Session)
    }

    /// Makes an empty table.
    ///
    /// With `notesLeases`, ``takeLeaseChanges()`` must be called after each change, and tells which addresses came and went.
    public init(pool: AddressPool, maximumSessions: Int = 10_000, notesLeases: Bool = false) {
        self.pool = pool
        self.maximumSessions = maximumSessions
        leaseChanges = notesLeases ? [] : nil
    }

    /// What happened to addresses since the last call, in order.
    public mutating func takeLeaseChanges() -> [LeaseChange] {
        guard let changes = leaseChanges else { return [] }
        leaseChanges = []
        return changes
    }

    /// Sessions that are live.
    public var count: Int { sessions.count }

    /// The session of an identifier.
    public subscript(id: String) -> Session? { sessions[id] }

    /// All sessions in the order of their start.
    public var all: [Session] {
        sessions.values.sorted { ($0.started, $0.id) < ($1.started, $1.id) }
    }

    /// The session that holds an inner address.
    public func session(at address: IPAddress) -> Session? {
        pool.session(holding: address).flatMap { sessions[$0] }
    }

    /// The sessions of an identity in the order of their start.
    public func sessions(of subject: PolicySubject) -> [Session] {
        (byIdentity[Session.identityKey(subject)] ?? []).compactMap { sessions[$0] }
            .sorted { ($0.started, $0.id) < ($1.started, $1.id) }
    }

    /// When ``expire(now:)`` is due next.
    public mutating func nextDeadline() -> Instant? { deadlines.next() }

    /// Opens a session for an authenticated identity. Older sessions of the same identity end when the request says so,
    /// and a fixed address moves to the newer session; both are returned. Refused requests change nothing.
    public mutating func open(
        _ request: SessionRequest,
        now: Instant,
        wall: WallTime
    ) throws(SessionRefusal) -> (session: Session, replaced: [Session]) {
        guard sessions[request.id] == nil else { throw .duplicate(request.id) }
        let hardEnd = try Self.hardEnd(request, now, wall)
        let replaced = older(request)
        guard sessions.count - replaced.count < maximumSessions else { throw .limitReached(maximumSessions) }
        for old in replaced { remove(old.id, now: now) }
        let addresses: [IPAddress]
        do throws(AddressPoolFailure) {
            addresses = try giveAddresses(request, now)
        } catch {
            for old in replaced { restore(old) }
            throw .address(error)
        }
        let session = Session(
            id: request.id,
            subject: request.subject,
            grant: request.grant,
            addresses: addresses,
            startedAt: wall,
            started: now,
            leaseEnds: request.grant.lease.map { now + $0 },
            hardEnd: hardEnd,
            certificateEnd: try Self.certificateEnd(request, now, wall),
            certificateSerial: request.certificateSerial
        )
        insert(session)
        return (session, replaced)
    }

    /// Renews the lease of a session, never beyond its hard end. nil for an unknown session.
    public mutating func renew(_ id: String, now: Instant) -> Session? {
        guard var session = sessions[id] else { return nil }
        session.leaseEnds = session.grant.lease.map { now + $0 }
        sessions[id] = session
        deadlines.set(id, session.deadline)
        return session
    }

    /// Sets when a session ends whatever happens; its certificate and longest lease still count.
    public mutating func limit(_ id: String, until end: Instant) {
        guard var session = sessions[id] else { return }
        let longest = session.grant.maxLease.map { session.started + $0 }
        session.hardEnd = [end, longest, session.certificateEnd].compactMap { $0 }.min()
        sessions[id] = session
        deadlines.set(id, session.deadline)
    }

    /// Gives a session another subject and grant: its groups changed. Its addresses stay.
    public mutating func regrant(_ id: String, subject: PolicySubject, grant: PolicyGrant) {
        guard var session = sessions[id], Session.identityKey(subject) == session.identityKey else { return }
        session.subject = subject
        session.grant = grant
        sessions[id] = session
    }

    /// Ends a session; its addresses rest. nil for an unknown one.
    @discardableResult
    public mutating func close(_ id: String, now: Instant) -> Session? { remove(id, now: now) }

    /// Ends and returns every session whose lease or hard end has come.
    public mutating func expire(now: Instant) -> [(session: Session, end: SessionEnd)] {
        var ended: [(session: Session, end: SessionEnd)] = []
        while let id = deadlines.pop(now: now) {
            guard let session = remove(id, now: now) else { continue }
            let hard = session.hardEnd.map { $0 <= now } ?? false
            ended.append((session, hard ? .hardEnd : .leaseEnded))
        }
        return ended
    }

    /// What a changed policy means for a session.
    public enum Change: Hashable, Sendable {
        /// The same rules and selectors: its Child SAs stay.
        case unchanged
        /// Another grant: its Child SAs must be replaced.
        case changed(PolicyGrant)
        /// Nothing is allowed any more: it must end.
        case denied(PolicyDenial)
    }

    /// Decides every session anew, and keeps the grants of those that remain. Sessions that are denied are returned and
    /// stay in the table until they are closed.
    public mutating func apply(_ engine: PolicyEngine) -> [(session: Session, change: Change)] {
        var changes: [(session: Session, change: Change)] = []
        for session in all {
            switch engine.decide(session.subject) {
            case .denied(let denial): changes.append((session, .denied(denial)))
            case .allowed(let grant):
                let same =
                    grant.selectors == session.grant.selectors && grant.ruleIndices == session.grant.ruleIndices
                    && grant.remoteSelectors == session.grant.remoteSelectors
                    && grant.virtualAddress == session.grant.virtualAddress
                var updated = session
                updated.grant = grant
                sessions[session.id] = updated
                changes.append((updated, same ? .unchanged : .changed(grant)))
            }
        }
        return changes
    }

    /// Changes the pools at a reload; sessions keep their addresses.
    public mutating func replacePools(_ prefixes: [IPPrefix], reserved: some Sequence<IPAddress>) {
        pool.replace(prefixes, reserved: reserved)
    }

    private static func hardEnd(
        _ request: SessionRequest,
        _ now: Instant,
        _ wall: WallTime
    ) throws(SessionRefusal) -> Instant? {
        let ends = [
            try certificateEnd(request, now, wall), request.grant.maxLease.map { now + $0 },
            request.longest.map { now + $0 },
        ]
        return ends.compactMap { $0 }.min()
    }

    private static func certificateEnd(
        _ request: SessionRequest,
        _ now: Instant,
        _ wall: WallTime
    ) throws(SessionRefusal) -> Instant? {
        guard let certificate = request.certificateEnds else { return nil }
        let left = certificate.advanced(bySeconds: certificateGrace).secondsSinceEpoch
            .subtractingReportingOverflow(wall.secondsSinceEpoch)
        guard left.overflow || left.partialValue > 0 else { throw .ended }
        return left.overflow ? nil : now + .seconds(left.partialValue)
    }

    private func older(_ request: SessionRequest) -> [Session] {
        let same = request.replacesOlder ? sessions(of: request.subject) : []
        let addresses: [IPAddress]
        switch request.grant.virtualAddress {
        case .fixed(let fixed): addresses = fixed
        // The same user comes back, and its RADIUS server gives it the same address.
        case .pool: addresses = request.framedAddresses
        case .none: return same
        }
        let holders = addresses.compactMap { session(at: $0) }.filter { holder in
            holder.identityKey == Session.identityKey(request.subject) && !same.contains { $0.id == holder.id }
        }
        var seen: Set<String> = []
        return (same + holders).filter { seen.insert($0.id).inserted }
    }

    private mutating func giveAddresses(
        _ request: SessionRequest,
        _ now: Instant
    ) throws(AddressPoolFailure) -> [IPAddress] {
        let identity = Session.identityKey(request.subject)
        var given: [IPAddress] = []
        do throws(AddressPoolFailure) {
            switch request.grant.virtualAddress {
            case .none: break
            case .fixed(let addresses):
                for address in addresses {
                    try pool.claim(address, session: request.id, identity: identity)
                    given.append(address)
                }
            case .pool:
                for family in IPAddress.Family.allCases
                where request.families.contains(family) && pool.families.contains(family) {
                    if let framed = request.framedAddresses.first(where: { $0.family == family }) {
                        try pool.claimInside(framed, session: request.id, identity: identity)
                        given.append(framed)
                        continue
                    }
                    given.append(
                        try pool.lease(
                            family,
                            session: request.id,
                            identity: identity,
                            wanting: request.wantedAddresses,
                            now: now
                        )
                    )
                }
            }
        } catch {
            for address in given { pool.release(address, now: now) }
            throw error
        }
        return given
    }

    private mutating func insert(_ session: Session) {
        sessions[session.id] = session
        byIdentity[session.identityKey, default: []].insert(session.id)
        deadlines.set(session.id, session.deadline)
        if !session.addresses.isEmpty { leaseChanges?.append(.began(session)) }
    }

    /// Puts a session back whose addresses were released a moment ago and are held for its identity.
    private mutating func restore(_ session: Session) {
        for address in session.addresses {
            try? pool.claim(address, session: session.id, identity: session.identityKey)
        }
        insert(session)
    }

    @discardableResult
    private mutating func remove(_ id: String, now: Instant) -> Session? {
        guard let session = sessions.removeValue(forKey: id) else { return nil }
        byIdentity[session.identityKey]?.remove(id)
        if byIdentity[session.identityKey]?.isEmpty == true { byIdentity[session.identityKey] = nil }
        deadlines.set(id, nil)
        for address in session.addresses { pool.release(address, now: now) }
        if !session.addresses.isEmpty { leaseChanges?.append(.ended(session)) }
        return session
    }
}
