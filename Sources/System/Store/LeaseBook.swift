import Foundation
import GRDB
public import IPsecTypes
import Synchronization

/// Which identity had which inner address when: a SQLite file that outlives restarts, so that whoever comes back gets its
/// address again and an audit finds who had it.
///
/// Writing never waits: changes go to the database's own queue, which commits all that has come meanwhile at once. A killed
/// process loses what its last batch held and no more. The book is bounded: the oldest leases that have ended go first.
public final class LeaseBook: Sendable {
    /// Settings of a book.
    public struct Options: Sendable {
        /// Leases that are kept, those that last included.
        public var limit = 200_000
        /// Changes that may wait to be written; beyond it the newest are lost, and counted.
        public var queueLimit = 65_536

        /// The defaults.
        public init() {}
    }

    /// What happened to a lease, or to whoever may return.
    public enum Change: Hashable, Sendable {
        /// A session got an address.
        case began(AddressLease)
        /// A session ended.
        case ended(session: String, at: WallTime)
        /// Somebody was thrown out: what proved it until then proves it no more. Forgotten at `until`.
        case cut(identity: String, at: WallTime, until: WallTime)
    }

    private struct Waiting: Sendable {
        var changes: [Change] = []
        var isScheduled = false
        var lost: UInt64 = 0
        var failure: StateStoreError?
    }

    /// When the book was begun: of what happened before it knows nothing.
    public let born: WallTime

    private let pool: DatabasePool
    private let options: Options
    private let waiting = Mutex(Waiting())

    /// Opens or creates the book. Leases that were not ended, because the process before died, end at `wallClock`.
    ///
    /// Throws ``StateStoreError/corrupt(_:)`` for a file that cannot be read, see ``openAnew(path:options:wallClock:)``.
    public init(path: String, options: Options = Options(), wallClock: WallTime) throws(StateStoreError) {
        try SQLiteStateStore.prepareFile(path)
        self.options = options
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 2
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            try Self.migrate(pool)
            try Self.check(pool)
            born = try pool.write { db in
                try db.execute(
                    sql: "INSERT OR IGNORE INTO birth VALUES (1, ?)",
                    arguments: [wallClock.secondsSinceEpoch]
                )
                try db.execute(
                    sql: "UPDATE lease SET until = max(since, ?), end = ? WHERE until IS NULL",
                    arguments: [wallClock.secondsSinceEpoch, AddressLease.End.restart.rawValue]
                )
                try db.execute(sql: "DELETE FROM cut WHERE until <= ?", arguments: [wallClock.secondsSinceEpoch])
                try Self.trim(db, options.limit)
                return WallTime(secondsSinceEpoch: try Int64.fetchOne(db, sql: "SELECT at FROM birth") ?? 0)
            }
        } catch {
            throw SQLiteStateStore.translate(error)
        }
    }

    /// Opens the book; one that cannot be read is put aside as `path.damaged`, and a fresh one is begun. Says what was wrong.
    public static func openAnew(
        path: String,
        options: Options = Options(),
        wallClock: WallTime
    ) throws(StateStoreError) -> (book: LeaseBook, damage: String?) {
        do throws(StateStoreError) {
            return (try LeaseBook(path: path, options: options, wallClock: wallClock), nil)
        } catch {
            guard case .corrupt(let damage) = error else { throw error }
            try setAside(path)
            return (try LeaseBook(path: path, options: options, wallClock: wallClock), damage)
        }
    }

    /// Notes changes, in order. Never waits.
    public func note(_ changes: [Change]) {
        guard !changes.isEmpty else { return }
        let schedules = waiting.withLock { waiting -> Bool in
            let room = max(0, options.queueLimit - waiting.changes.count)
            waiting.changes += changes.prefix(room)
            waiting.lost += UInt64(max(0, changes.count - room))
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        guard schedules else { return }
        // GRDB's writer has a queue of its own.
        pool.asyncWriteWithoutTransaction { [self] db in writeWaiting(db) }
    }

    /// Waits until everything noted before is on disk, or has failed.
    public func flush() { pool.writeWithoutTransaction { db in writeWaiting(db) } }

    /// What went wrong since the last call: changes that are lost, and why.
    public func takeFailure() -> (lost: UInt64, why: StateStoreError)? {
        waiting.withLock { waiting in
            guard waiting.lost > 0 else { return nil }
            defer { (waiting.lost, waiting.failure) = (0, nil) }
            return (waiting.lost, waiting.failure ?? .unavailable("too many changes wait to be written"))
        }
    }

    /// The newest lease of each address, the one that ended first at the front; at most `limit`, the newest ends.
    public func newest(limit: Int) throws(StateStoreError) -> [AddressLease] {
        try reading { db in
            // SQLite takes the other columns from the row that has the maximum.
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT address, identity, name, session, max(since) AS since, until, end FROM lease
                    GROUP BY address ORDER BY coalesce(until, 9223372036854775807) DESC LIMIT ?
                    """,
                arguments: [limit]
            )
            return rows.compactMap { Self.lease(from: $0) }.reversed()
        }
    }

    /// Identities that were thrown out, and when.
    public func cuts() throws(StateStoreError) -> [String: WallTime] {
        try reading { db in
            let rows = try Row.fetchAll(db, sql: "SELECT identity, at FROM cut")
            return Dictionary(
                rows.map { ($0["identity"] as String, WallTime(secondsSinceEpoch: $0["at"])) },
                uniquingKeysWith: { max($0, $1) }
            )
        }
    }

    /// Closes the file after writing what waits.
    public func close() throws(StateStoreError) {
        flush()
        do {
            _ = try pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
            try pool.close()
        } catch {
            throw SQLiteStateStore.translate(error)
        }
    }

    // MARK: Writing

    private func writeWaiting(_ db: Database) {
        let changes = waiting.withLock { waiting -> [Change] in
            defer { (waiting.changes, waiting.isScheduled) = ([], false) }
            return waiting.changes
        }
        guard !changes.isEmpty else { return }
        do {
            let limit = options.limit
            try db.inTransaction {
                for change in changes { try Self.write(change, db) }
                try Self.trim(db, limit)
                return .commit
            }
        } catch {
            let failure = SQLiteStateStore.translate(error)
            waiting.withLock { waiting in
                waiting.lost += UInt64(changes.count)
                waiting.failure = failure
            }
        }
    }

    private static func write(_ change: Change, _ db: Database) throws {
        switch change {
        case .began(let lease):
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO lease (session, address, identity, name, since, until, end)
                    VALUES (?, ?, ?, ?, ?, NULL, NULL)
                    """,
                arguments: [
                    lease.session, "\(lease.address)", lease.identity, lease.name, lease.since.secondsSinceEpoch,
                ]
            )
        case .ended(let session, let at):
            try db.execute(
                sql: "UPDATE lease SET until = max(since, ?), end = ? WHERE session = ? AND until IS NULL",
                arguments: [at.secondsSinceEpoch, AddressLease.End.closed.rawValue, session]
            )
        case .cut(let identity, let at, let until):
            try db.execute(sql: "DELETE FROM cut WHERE until <= ?", arguments: [at.secondsSinceEpoch])
            try db.execute(
                sql: "INSERT OR REPLACE INTO cut (identity, at, until) VALUES (?, ?, ?)",
                arguments: [identity, at.secondsSinceEpoch, until.secondsSinceEpoch]
            )
        }
    }

    /// Forgets the oldest leases that have ended once there are an eighth more than the limit.
    private static func trim(_ db: Database, _ limit: Int) throws {
        let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM lease") ?? 0
        guard count > limit + limit / 8 else { return }
        try db.execute(
            sql: """
                DELETE FROM lease WHERE (session, address) IN (
                    SELECT session, address FROM lease WHERE until IS NOT NULL ORDER BY until LIMIT ?)
                """,
            arguments: [count - limit]
        )
    }

    // MARK: The file

    private static func migrate(_ pool: DatabasePool) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE lease (
                        session TEXT NOT NULL, address TEXT NOT NULL, identity TEXT NOT NULL, name TEXT,
                        since INTEGER NOT NULL, until INTEGER, end TEXT, PRIMARY KEY (session, address)
                    ) WITHOUT ROWID;
                    CREATE INDEX lease_address ON lease (address, since);
                    CREATE INDEX lease_until ON lease (until);
                    CREATE TABLE birth (id INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL);
                    CREATE TABLE cut (identity TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, until INTEGER NOT NULL);
                    """
            )
        }
        try migrator.migrate(pool)
        guard try !pool.read({ db in try migrator.hasBeenSuperseded(db) }) else {
            throw StateStoreError.corrupt("the file was written by a newer version")
        }
    }

    private static func check(_ pool: DatabasePool) throws {
        let found = try pool.read { db in try String.fetchOne(db, sql: "PRAGMA quick_check(1)") } ?? "no answer"
        guard found == "ok" else { throw StateStoreError.corrupt(found) }
    }

    private static func setAside(_ path: String) throws(StateStoreError) {
        let files = FileManager.default
        for suffix in ["-wal", "-shm"] { try? files.removeItem(atPath: path + suffix) }
        try? files.removeItem(atPath: path + ".damaged")
        do {
            try files.moveItem(atPath: path, toPath: path + ".damaged")
        } catch {
            throw .unavailable("\(path) is damaged and cannot be put aside")
        }
    }

    static func lease(from row: Row) -> AddressLease? {
        guard let address = IPAddress(row["address"] as String) else { return nil }
        let until: Int64? = row["until"]
        let end: String? = row["end"]
        return AddressLease(
            address: address,
            identity: row["identity"],
            name: row["name"],
            session: row["session"],
            since: WallTime(secondsSinceEpoch: row["since"]),
            until: until.map { WallTime(secondsSinceEpoch: $0) },
            end: end.flatMap { AddressLease.End(rawValue: $0) }
        )
    }

    private func reading<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws(StateStoreError) -> Value
    {
        do {
            return try pool.read(body)
        } catch {
            throw SQLiteStateStore.translate(error)
        }
    }
}
