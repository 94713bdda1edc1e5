import Foundation
import Glibc
import IPsecTypes
import Testing

@testable import Store

/// A directory that is removed when the test lets go of it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/culvert-store-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

/// The stores that must behave alike.
enum Kind: CaseIterable, Sendable {
    case memory
    case sqlite

    func make(_ scratch: Scratch) throws -> any StateStore {
        switch self {
        case .memory: MemoryStateStore()
        case .sqlite: try SQLiteStateStore(path: scratch.file("state.db"))
        }
    }
}

@Test(arguments: Kind.allCases)
func writingNeedsTheExpectedRevision(_ kind: Kind) async throws {
    let scratch = try Scratch()
    let store = try kind.make(scratch)
    let key = StateKey("a/1")
    #expect(try await store.get(key) == nil)
    let first = try await store.put(key, [1], expecting: .absent)
    await #expect(throws: StateStoreError.conflict(current: first)) {
        try await store.put(key, [2], expecting: .absent)
    }
    let second = try await store.put(key, [2], expecting: first)
    #expect(second > first)
    await #expect(throws: StateStoreError.conflict(current: second)) { try await store.put(key, [3], expecting: first) }
    await #expect(throws: StateStoreError.conflict(current: second)) { try await store.delete(key, expecting: first) }
    #expect(try await store.get(key)?.value == [2])
    try await store.delete(key, expecting: second)
    #expect(try await store.get(key) == nil)
    await #expect(throws: StateStoreError.conflict(current: .absent)) {
        try await store.put(key, [4], expecting: second)
    }
    try await store.delete(key, expecting: nil)
    let third = try await store.put(key, [], expecting: .absent)
    #expect(third > second)
    #expect(try await store.get(key)?.value == [])
}

@Test(arguments: Kind.allCases)
func listsAreOrderedPagedAndKeptApartByTenant(_ kind: Kind) async throws {
    let scratch = try Scratch()
    let store = try kind.make(scratch)
    for number in (0..<600).reversed() { try await store.put(StateKey("p/\(1_000 + number)"), [1], expecting: nil) }
    try await store.put(StateKey("q/1"), [2], expecting: nil)
    try await store.put(StateKey("p"), [2], expecting: nil)
    try await store.put(StateKey(tenant: "other", "p/1"), [3], expecting: nil)
    try await store.delete(StateKey("p/1005"), expecting: nil)
    let all = try await store.all(prefix: "p/")
    #expect(all.count == 599)
    #expect(all.map(\.key) == all.map(\.key).sorted())
    #expect(
        try await store.list(tenant: "default", prefix: "p/", after: "p/1598", limit: 10).map(\.key.name) == ["p/1599"]
    )
    #expect(try await store.all(tenant: "other", prefix: "").map(\.value) == [[3]])
}

@Test(arguments: Kind.allCases)
func changesAreSeenOnceInTheirOrderWithRemovals(_ kind: Kind) async throws {
    let scratch = try Scratch()
    let store = try kind.make(scratch)
    try await store.put(StateKey("w/a"), [1], expecting: nil)
    let start = try await store.latestRevision()
    try await store.put(StateKey("w/b"), [2], expecting: nil)
    try await store.put(StateKey("x/b"), [2], expecting: nil)
    try await store.delete(StateKey("w/a"), expecting: nil)
    try await store.put(StateKey("w/b"), [3], expecting: nil)
    let page = try await store.changes(tenant: "default", prefix: "w/", after: start, limit: 10)
    #expect(page.changes.map(\.key.name) == ["w/a", "w/b"])
    #expect(page.changes.map(\.value) == [nil, [3]])
    let next = try await store.changes(tenant: "default", prefix: "w/", after: page.next, limit: 10)
    #expect(next.changes.isEmpty)
    #expect(next.next >= page.next)
    let first = try await store.changes(tenant: "default", prefix: "w/", after: start, limit: 1)
    #expect(first.changes.map(\.key.name) == ["w/a"])
    let rest = try await store.changes(tenant: "default", prefix: "w/", after: first.next, limit: 1)
    #expect(rest.changes.map(\.key.name) == ["w/b"])
}

@Test(arguments: Kind.allCases)
func badKeysAndLargeValuesAreRefused(_ kind: Kind) async throws {
    let scratch = try Scratch()
    let store = try kind.make(scratch)
    for name in ["", "a b", "a\n", "ä", String(repeating: "x", count: 513)] {
        await #expect(throws: StateStoreError.invalidKey) { try await store.put(StateKey(name), [1], expecting: nil) }
        await #expect(throws: StateStoreError.invalidKey) { try await store.get(StateKey(tenant: name, "a")) }
    }
    let large = [UInt8](repeating: 0, count: StateStoreError.maximumValue + 1)
    await #expect(throws: StateStoreError.valueTooLarge(large.count)) {
        try await store.put(StateKey("a"), large, expecting: nil)
    }
}

@Test(arguments: Kind.allCases)
func ofManyWritersWithOneExpectationExactlyOneWins(_ kind: Kind) async throws {
    let scratch = try Scratch()
    let store = try kind.make(scratch)
    for round in 0..<5 {
        let key = StateKey("token/\(round)")
        let winners = await withTaskGroup(of: Bool.self) { group in
            for writer in 0..<16 {
                group.addTask { (try? await store.put(key, [UInt8(writer)], expecting: .absent)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }
    // A counter that everyone increments loses no increment.
    let key = StateKey("counter")
    try await store.put(key, [0], expecting: .absent)
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
            group.addTask {
                for _ in 0..<5 {
                    while true {
                        guard let entry = try await store.get(key), let value = entry.value.first else { return }
                        do {
                            try await store.put(key, [value + 1], expecting: entry.revision)
                            break
                        } catch StateStoreError.conflict {
                            continue
                        }
                    }
                }
            }
        }
        try await group.waitForAll()
    }
    #expect(try await store.get(key)?.value == [40])
}

@Test func aStoreSurvivesClosingAndKeepsItsRevisions() async throws {
    let scratch = try Scratch()
    let path = scratch.file("state.db")
    let first = try SQLiteStateStore(path: path)
    let revision = try await first.put(StateKey("a"), [1, 2, 3], expecting: .absent)
    try first.close()
    let second = try SQLiteStateStore(path: path)
    #expect(try await second.get(StateKey("a"))?.revision == revision)
    #expect(try await second.put(StateKey("b"), [], expecting: .absent) > revision)
}

@Test func twoOpenStoresOnOneFileSeeEachOther() async throws {
    let scratch = try Scratch()
    let path = scratch.file("state.db")
    let gateway = try SQLiteStateStore(path: path)
    let tool = try SQLiteStateStore(path: path)
    let start = try await gateway.latestRevision()
    try await tool.put(StateKey("ca/revoked/1"), [1], expecting: .absent)
    let page = try await gateway.changes(tenant: "default", prefix: "ca/revoked/", after: start, limit: 10)
    #expect(page.changes.map(\.key.name) == ["ca/revoked/1"])
}

@Test func everyFileOfAStoreIsPrivate() async throws {
    let scratch = try Scratch()
    let path = scratch.file("state.db")
    let previous = umask(0)
    defer { umask(previous) }
    let store = try SQLiteStateStore(path: path)
    try await store.put(StateKey("a"), [1], expecting: nil)
    for suffix in ["", "-wal", "-shm"] {
        var status = stat()
        #expect(lstat(path + suffix, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600, "\(suffix)")
    }
}

@Test func aStoreOthersMayReadALinkAndAFileThatIsNoneAreRefused() throws {
    let scratch = try Scratch()
    let open = scratch.file("open.db")
    _ = try SQLiteStateStore(path: open)
    chmod(open, 0o640)
    #expect(throws: StateStoreError.self) { try SQLiteStateStore(path: open) }
    chmod(open, 0o600)
    let link = scratch.file("link.db")
    #expect(symlink(open, link) == 0)
    #expect(throws: StateStoreError.self) { try SQLiteStateStore(path: link) }
    let text = scratch.file("text.db")
    try AtomicFile.write(Array(String(repeating: "this is no database. ", count: 400).utf8), to: text)
    #expect {
        try SQLiteStateStore(path: text)
    } throws: { error in
        if case .corrupt? = error as? StateStoreError { return true }
        return false
    }
    #expect(throws: StateStoreError.self) { try SQLiteStateStore(path: scratch.file("missing/state.db")) }
}

@Test func aFullStoreSaysSoKeepsWhatItHasAndWorksAgainAfterRemovals() async throws {
    let scratch = try Scratch()
    var options = SQLiteStateStore.Options()
    options.maximumPages = 64
    let store = try SQLiteStateStore(path: scratch.file("state.db"), options: options)
    var written = 0
    let value = [UInt8](repeating: 7, count: 8_000)
    await #expect(throws: StateStoreError.full) {
        while written < 1_000 {
            try await store.put(StateKey("v/\(100 + written)"), value, expecting: .absent)
            written += 1
        }
    }
    #expect(written > 5)
    #expect(try await store.all(prefix: "v/").count == written)
    try await store.delete(StateKey("v/100"), expecting: nil)
    try await store.put(StateKey("v/small"), [1], expecting: .absent)
}

@Test func aWatchThatFellBehindIsToldToListAgain() async throws {
    let scratch = try Scratch()
    var options = SQLiteStateStore.Options()
    options.tombstones = 5
    let store = try SQLiteStateStore(path: scratch.file("state.db"), options: options)
    let start = try await store.put(StateKey("keep"), [1], expecting: nil)
    for number in 0..<12 {
        try await store.put(StateKey("t/\(number)"), [1], expecting: nil)
        try await store.delete(StateKey("t/\(number)"), expecting: nil)
    }
    await #expect {
        try await store.changes(tenant: "default", prefix: "", after: start, limit: 100)
    } throws: { error in
        if case .compacted? = error as? StateStoreError { return true }
        return false
    }
    let fresh = try await store.changes(tenant: "default", prefix: "", after: .absent, limit: 100)
    #expect(fresh.changes.contains { $0.key.name == "keep" })
}
