/// Durable state behind plain values: keys, byte values and revisions.
///
/// An embedded database, another node or a double in a test can stand behind it. A revision is unique in the whole store
/// and only grows, so it orders changes and serves as the token of a watch. Values are opaque; whoever writes them
/// versions their content.
public protocol StateStore: Sendable {
    /// The entry under `key`, or nil when there is none.
    func get(_ key: StateKey) async throws(StateStoreError) -> StateEntry?

    /// Writes `value` when the entry's current revision is `expected` (``StateRevision/absent``: there is no entry), or
    /// whatever it is when `expected` is nil. Returns the new revision; durable once it returns.
    @discardableResult
    func put(
        _ key: StateKey,
        _ value: [UInt8],
        expecting expected: StateRevision?
    ) async throws(StateStoreError)
        -> StateRevision

    /// Removes the entry under the same condition; removing what is absent succeeds unless a revision was expected.
    func delete(_ key: StateKey, expecting expected: StateRevision?) async throws(StateStoreError)

    /// The tenant's entries whose name starts with `prefix`, in the order of their names, after `after` if given.
    func list(tenant: String, prefix: String, after: String?, limit: Int) async throws(StateStoreError) -> [StateEntry]

    /// What changed after `revision` under `prefix`, oldest first: the poll of a watch.
    func changes(
        tenant: String,
        prefix: String,
        after revision: StateRevision,
        limit: Int
    )
        async throws(StateStoreError) -> StateChanges

    /// The newest revision of the store: where a watch that begins now starts.
    func latestRevision() async throws(StateStoreError) -> StateRevision
}

extension StateStore {
    /// All entries under a prefix, read in pages.
    public func all(
        tenant: String = StateKey.defaultTenant,
        prefix: String
    ) async throws(StateStoreError)
        -> [StateEntry]
    {
        var entries: [StateEntry] = []
        while true {
            let page = try await list(tenant: tenant, prefix: prefix, after: entries.last?.key.name, limit: 512)
            entries.append(contentsOf: page)
            if page.count < 512 { return entries }
        }
    }
}

/// The name of an entry: a tenant and a path such as `ca/record/00c4…`.
public struct StateKey: Hashable, Comparable, Sendable {
    /// The one tenant of a house that has one.
    public static let defaultTenant = "default"
    /// Names stay short enough for an index page.
    public static let maximumLength = 512

    /// Whose entry it is.
    public let tenant: String
    /// The path inside the tenant.
    public let name: String

    /// Makes a key; whether it is acceptable is checked where it is used (``isValid``).
    public init(tenant: String = StateKey.defaultTenant, _ name: String) {
        self.tenant = tenant
        self.name = name
    }

    /// Whether both parts are printable ASCII without blanks, not empty and not longer than the limit.
    public var isValid: Bool {
        [tenant, name].allSatisfy { part in
            !part.isEmpty && part.utf8.count <= Self.maximumLength && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
    }

    /// Tenant first, then name, by bytes.
    public static func < (left: StateKey, right: StateKey) -> Bool {
        left.tenant == right.tenant
            ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
            : left.tenant.utf8.lexicographicallyPrecedes(right.tenant.utf8)
    }
}

/// A number that grows with every change in the store.
public struct StateRevision: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number.
    public let number: Int64

    /// Wraps a number that the store gave out.
    public init(number: Int64) {
        self.number = number
    }

    /// Stands for "no such entry" as an expectation, and for "from the beginning" as the start of a watch.
    public static let absent = StateRevision(number: 0)

    /// Older before newer.
    public static func < (left: StateRevision, right: StateRevision) -> Bool {
        left.number < right.number
    }

    /// The number as text.
    public var description: String { "r\(number)" }
}

/// A value with the revision at which it was written.
public struct StateEntry: Hashable, Sendable {
    /// Where it is.
    public let key: StateKey
    /// What it holds.
    public let value: [UInt8]
    /// When it was written.
    public let revision: StateRevision

    /// Makes an entry.
    public init(key: StateKey, value: [UInt8], revision: StateRevision) {
        self.key = key
        self.value = value
        self.revision = revision
    }
}

/// One change: an entry that was written, or nil in place of its value when it was removed.
public struct StateChange: Hashable, Sendable {
    /// What changed.
    public let key: StateKey
    /// The new value; nil when the entry was removed.
    public let value: [UInt8]?
    /// The revision of the change.
    public let revision: StateRevision

    /// Makes a change.
    public init(key: StateKey, value: [UInt8]?, revision: StateRevision) {
        self.key = key
        self.value = value
        self.revision = revision
    }
}

/// A page of changes. Several writes of one key may be folded into the newest.
public struct StateChanges: Hashable, Sendable {
    /// The changes, oldest first.
    public let changes: [StateChange]
    /// Where the next poll goes on.
    public let next: StateRevision

    /// Makes a page.
    public init(changes: [StateChange], next: StateRevision) {
        self.changes = changes
        self.next = next
    }
}

/// Why the store refused or failed.
public enum StateStoreError: Error, Hashable, Sendable {
    /// The entry is at another revision than expected; ``StateRevision/absent`` when there is none.
    case conflict(current: StateRevision)
    /// The key is empty, too long or not printable ASCII.
    case invalidKey
    /// The value is larger than ``StateStoreError/maximumValue``.
    case valueTooLarge(Int)
    /// The watch fell behind what the store remembers: list again, then watch from `oldest`.
    case compacted(oldest: StateRevision)
    /// No space is left where the store lives.
    case full
    /// The store cannot be opened or written: permissions, a lock, an input or output error.
    case unavailable(String)
    /// What is stored cannot be read.
    case corrupt(String)

    /// The largest value a store takes: records are small, and a node must be able to replicate them.
    public static let maximumValue = 1 << 20
}
