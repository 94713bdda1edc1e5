import GRDB
public import IPsecTypes

/// A question about leases, put to the book of a gateway that may be running.
public struct LeaseQuery: Hashable, Sendable {
    /// Who had this address; nil for all.
    public var address: IPAddress?
    /// Part of the identity or of the certificate's name; nil for all.
    public var identity: String?
    /// At this time; nil for any.
    public var at: WallTime?
    /// How many at most, newest first.
    public var limit = 100

    /// Asks for the newest leases.
    public init() {}

    /// Reads the answers, newest first, from the file of a ``LeaseBook``. Changes nothing.
    public func read(path: String) throws(StateStoreError) -> [AddressLease] {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? database.close() }
            return try database.read { db in
                let rows = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT * FROM lease WHERE (?1 IS NULL OR address = ?1)
                        AND (?2 IS NULL OR instr(identity, ?2) > 0 OR instr(coalesce(name, ''), ?2) > 0)
                        AND (?3 IS NULL OR (since <= ?3 AND coalesce(until, 9223372036854775807) >= ?3))
                        ORDER BY since DESC, session DESC LIMIT ?4
                        """,
                    arguments: [address.map { "\($0)" }, identity, at?.secondsSinceEpoch, limit]
                )
                return rows.compactMap { LeaseBook.lease(from: $0) }
            }
        } catch {
            throw SQLiteStateStore.translate(error)
        }
    }
}
