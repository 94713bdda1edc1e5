import Foundation
import GRDB
import Glibc
import IPsecTypes

/// The embedded ``StateStore``: one SQLite file in WAL mode, private to its user, one writer at a time.
///
/// A write is on disk once it returns (`synchronous=FULL`); a killed process loses nothing it was told was written.
/// Several processes may share the file: SQLite locks, and readers never wait for the writer.
public final class SQLiteStateStore: StateStore {
    /// Settings of a store.
    public struct Options: Sendable {
        /// How long a write waits for another process's write.
        public var busySeconds: Double = 5
        /// Removed entries that are remembered for watches.
        public var tombstones = 10_000
        /// Most pages of 4096 bytes the file may have; nil: what the disk holds.
        public var maximumPages: Int?

        /// The defaults.
        public init() {}
    }

    private let pool: DatabasePool
    private let tombstoneLimit: Int64

    /// Opens or creates the store. The file is created 0600; one that others may read is refused.
    public init(path: String, options: Options = Options()) throws(StateStoreError) {
        try Self.prepareFile(path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(options.busySeconds)
        configuration.maximumReaderCount = 4
        let pages = options.maximumPages
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            if let pages { _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(pages)") }
        }
        tombstoneLimit = Int64(options.tombstones)
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            try Self.migrate(pool)
        } catch {
            throw Self.translate(error)
        }
    }

    /// Closes the file; later calls fail.
    public func close() throws(StateStoreError) {
        do {
            try pool.close()
        } catch {
            throw Self.translate(error)
        }
    }

    /// The entry under `key`, or nil when there is none.
    public func get(_ key: StateKey) async throws(StateStoreError) -> StateEntry? {
        guard key.isValid else { throw .invalidKey }
        return try await reading { db in try Self.entry(db, key) }
    }

    /// Writes under the condition of ``StateStore/put(_:_:expecting:)``.
    @discardableResult
    public func put(
        _ key: StateKey,
        _ value: [UInt8],
        expecting expected: StateRevision?
    )
        async throws(StateStoreError) -> StateRevision
    {
        guard key.isValid else { throw .invalidKey }
        guard value.count <= StateStoreError.maximumValue else { throw .valueTooLarge(value.count) }
        return try await writing { db in try Self.change(db, key, to: value, expecting: expected) }
    }

    /// Removes under the condition of ``StateStore/delete(_:expecting:)``.
    public func delete(_ key: StateKey, expecting expected: StateRevision?) async throws(StateStoreError) {
        guard key.isValid else { throw .invalidKey }
        let limit = tombstoneLimit
        try await writing { db in
            _ = try Self.change(db, key, to: nil, expecting: expected)
            try Self.compact(db, keeping: limit)
        }
    }

    /// A page of a tenant's entries in the order of their names.
    public func list(
        tenant: String,
        prefix: String,
        after: String?,
        limit: Int
    ) async throws(StateStoreError)
        -> [StateEntry]
    {
        try await reading { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT tenant, name, value, revision FROM entry
                    WHERE tenant = ? AND name >= ? AND name < ? AND name > ? AND value IS NOT NULL
                    ORDER BY name LIMIT ?
                    """,
                arguments: [tenant, prefix, prefix + "\u{7F}", after ?? "", limit]
            )
            return rows.compactMap { Self.change(from: $0).entry }
        }
    }

    /// What changed after a revision.
    public func changes(
        tenant: String,
        prefix: String,
        after revision: StateRevision,
        limit: Int
    )
        async throws(StateStoreError) -> StateChanges
    {
        try await reading { db in
            guard let counter = try Row.fetchOne(db, sql: "SELECT revision, compacted FROM counter") else {
                throw StateStoreError.corrupt("the revision counter is gone")
            }
            let newest: Int64 = counter["revision"]
            let compacted: Int64 = counter["compacted"]
            // A watch from the beginning knows no entry, so no removal matters to it.
            if revision != .absent, revision.number < compacted {
                throw StateStoreError.compacted(oldest: StateRevision(number: compacted))
            }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT tenant, name, value, revision FROM entry
                    WHERE revision > ? AND tenant = ? AND name >= ? AND name < ?
                    ORDER BY revision LIMIT ?
                    """,
                arguments: [revision.number, tenant, prefix, prefix + "\u{7F}", limit]
            )
            let changes = rows.map { Self.change(from: $0) }
            let next = changes.count < limit ? StateRevision(number: newest) : (changes.last?.revision ?? revision)
            return StateChanges(changes: changes, next: max(next, revision))
        }
    }

    /// The newest revision.
    public func latestRevision() async throws(StateStoreError) -> StateRevision {
        try await reading { db in
            StateRevision(number: try Int64.fetchOne(db, sql: "SELECT revision FROM counter") ?? 0)
        }
    }
}

extension SQLiteStateStore {
    static func prepareFile(_ path: String) throws(StateStoreError) {
        let created = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if created >= 0 {
            Glibc.close(created)
            return
        }
        guard errno == EEXIST else {
            throw errno == ENOSPC ? .full : .unavailable("\(path): \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unavailable("\(path) is not a regular file")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .unavailable("\(path): others may read or write it; run: chmod 600 \(path)")
        }
    }

    private static func migrate(_ pool: DatabasePool) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE counter (revision INTEGER NOT NULL, compacted INTEGER NOT NULL);
                    INSERT INTO counter VALUES (0, 0);
                    CREATE TABLE entry (
                        tenant TEXT NOT NULL, name TEXT NOT NULL, value BLOB, revision INTEGER NOT NULL,
                        PRIMARY KEY (tenant, name)
                    ) WITHOUT ROWID;
                    CREATE UNIQUE INDEX entry_revision ON entry (revision);
                    """
            )
        }
        try migrator.migrate(pool)
        let known = try pool.read { db in try migrator.hasBeenSuperseded(db) }
        guard !known else { throw StateStoreError.corrupt("the file was written by a newer version") }
    }

    private static func entry(_ db: Database, _ key: StateKey) throws -> StateEntry? {
        try Row.fetchOne(
            db,
            sql: "SELECT tenant, name, value, revision FROM entry WHERE tenant = ? AND name = ?",
            arguments: [key.tenant, key.name]
        ).flatMap { change(from: $0).entry }
    }

    private static func change(
        _ db: Database,
        _ key: StateKey,
        to value: [UInt8]?,
        expecting expected: StateRevision?
    ) throws -> StateRevision {
        let current = try entry(db, key)?.revision ?? .absent
        if let expected, expected != current { throw StateStoreError.conflict(current: current) }
        if value == nil, current == .absent { return .absent }
        try db.execute(sql: "UPDATE counter SET revision = revision + 1")
        guard let number = try Int64.fetchOne(db, sql: "SELECT revision FROM counter") else {
            throw StateStoreError.corrupt("the revision counter is gone")
        }
        try db.execute(
            sql: """
                INSERT INTO entry (tenant, name, value, revision) VALUES (?, ?, ?, ?)
                ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value, revision = excluded.revision
                """,
            arguments: [key.tenant, key.name, value.map { Data($0) }, number]
        )
        return StateRevision(number: number)
    }

    /// Forgets the oldest removals once there are more than twice the limit.
    private static func compact(_ db: Database, keeping limit: Int64) throws {
        let count = try Int64.fetchOne(db, sql: "SELECT count(*) FROM entry WHERE value IS NULL") ?? 0
        guard count > 2 * limit else { return }
        let oldest = try Int64.fetchOne(
            db,
            sql: "SELECT revision FROM entry WHERE value IS NULL ORDER BY revision DESC LIMIT 1 OFFSET ?",
            arguments: [limit]
        )
        guard let oldest else { return }
        try db.execute(sql: "DELETE FROM entry WHERE value IS NULL AND revision <= ?", arguments: [oldest])
        try db.execute(sql: "UPDATE counter SET compacted = ?", arguments: [oldest])
    }

    private static func change(from row: Row) -> StateChange {
        let value: Data? = row["value"]
        return StateChange(
            key: StateKey(tenant: row["tenant"], row["name"]),
            value: value.map { Array($0) },
            revision: StateRevision(number: row["revision"])
        )
    }

    private func reading<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StateStoreError) -> Value {
        do {
            return try await pool.read(body)
        } catch {
            throw Self.translate(error)
        }
    }

    private func writing<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StateStoreError) -> Value {
        do {
            return try await pool.write(body)
        } catch {
            throw Self.translate(error)
        }
    }

    static func translate(_ error: any Error) -> StateStoreError {
        if let error = error as? StateStoreError { return error }
        guard let error = error as? DatabaseError else { return .unavailable("\(error)") }
        let text = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_FULL: return .full
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .corrupt(text)
        default: return .unavailable(text)
        }
    }
}
