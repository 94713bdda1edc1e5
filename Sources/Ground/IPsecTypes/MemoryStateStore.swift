import Synchronization

/// A ``StateStore`` that lives as long as the process: for tests, simulations and tools without a data directory.
public final class MemoryStateStore: StateStore {
    private struct Content {
        var entries: [StateKey: StateChange] = [:]
        var newest: Int64 = 0
    }

    // Removed entries stay as changes without a value, so that a watch sees them.
    private let content = Mutex(Content())

    /// Makes an empty store.
    public init() {}

    /// The entry under `key`, or nil when there is none.
    public func get(_ key: StateKey) async throws(StateStoreError) -> StateEntry? {
        guard key.isValid else { throw .invalidKey }
        return content.withLock { $0.entries[key]?.entry }
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
        return try change(key, to: value, expecting: expected)
    }

    /// Removes under the condition of ``StateStore/delete(_:expecting:)``.
    public func delete(_ key: StateKey, expecting expected: StateRevision?) async throws(StateStoreError) {
        guard key.isValid else { throw .invalidKey }
        _ = try change(key, to: nil, expecting: expected)
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
        content.withLock { content in
            let found = content.entries.values.compactMap(\.entry).filter {
                $0.key.tenant == tenant && $0.key.name.utf8.starts(with: prefix.utf8)
            }
            let floor = StateKey(tenant: tenant, after ?? "")
            return Array(found.sorted { $0.key < $1.key }.drop { after != nil && !(floor < $0.key) }.prefix(limit))
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
        content.withLock { content in
            let found = content.entries.values.filter {
                $0.revision > revision && $0.key.tenant == tenant && $0.key.name.utf8.starts(with: prefix.utf8)
            }
            let page = Array(found.sorted { $0.revision < $1.revision }.prefix(limit))
            let isWhole = page.count == found.count
            let next = isWhole ? StateRevision(number: content.newest) : (page.last?.revision ?? revision)
            return StateChanges(changes: page, next: max(next, revision))
        }
    }

    /// The newest revision.
    public func latestRevision() async throws(StateStoreError) -> StateRevision {
        StateRevision(number: content.withLock { $0.newest })
    }

    private func change(
        _ key: StateKey,
        to value: [UInt8]?,
        expecting expected: StateRevision?
    )
        throws(StateStoreError) -> StateRevision
    {
        let outcome: Result<StateRevision, StateStoreError> = content.withLock { content in
            let current = content.entries[key]?.entry?.revision ?? .absent
            if let expected, expected != current { return .failure(.conflict(current: current)) }
            if value == nil, current == .absent { return .success(.absent) }
            content.newest += 1
            let revision = StateRevision(number: content.newest)
            content.entries[key] = StateChange(key: key, value: value, revision: revision)
            return .success(revision)
        }
        return try outcome.get()
    }
}

extension StateChange {
    /// The entry this change left behind; nil when it removed it.
    public var entry: StateEntry? {
        value.map { StateEntry(key: key, value: $0, revision: revision) }
    }
}
