import Foundation
import IPsecTypes
import Testing

@testable import Store

private func wall(_ seconds: Int64) -> WallTime { WallTime(secondsSinceEpoch: seconds) }

private func lease(_ address: String, _ identity: String, _ session: String, since: Int64) throws -> AddressLease {
    AddressLease(
        address: try #require(IPAddress(address)),
        identity: identity,
        session: session,
        since: wall(since)
    )
}

@Test func leasesAreThereAfterARestart() throws {
    let scratch = try Scratch()
    let path = scratch.file("leases.db")
    let book = try LeaseBook(path: path, wallClock: wall(1000))
    book.note([
        .began(try lease("10.9.0.2", "a", "s1", since: 1000)),
        .began(try lease("fd00::2", "a", "s1", since: 1000)),
        .began(try lease("10.9.0.3", "b", "s2", since: 1001)),
        .ended(session: "s2", at: wall(1010)),
    ])
    try book.close()
    // The process died while s1 lasted: it ended at some time before the next start.
    let next = try LeaseBook(path: path, wallClock: wall(2000))
    let found = try next.newest(limit: 10)
    #expect(found.map { "\($0.address)" }.first == "10.9.0.3")
    #expect(Set(found.map { "\($0.address) \($0.identity)" }) == ["10.9.0.2 a", "fd00::2 a", "10.9.0.3 b"])
    #expect(found.first?.until == wall(1010) && found.first?.end == .closed)
    #expect(found.last?.until == wall(2000) && found.last?.end == .restart)
}

@Test func aBookIsWholeAfterItsProcessWasKilled() throws {
    let scratch = try Scratch()
    let path = scratch.file("leases.db")
    let book = try LeaseBook(path: path, wallClock: wall(1000))
    book.note([.began(try lease("10.9.0.2", "a", "s1", since: 1000))])
    book.flush()
    // What a kill leaves behind: the file and its log, with nobody who closed them.
    for suffix in ["", "-wal"] {
        try FileManager.default.copyItem(atPath: path + suffix, toPath: scratch.file("copy.db") + suffix)
    }
    let copy = try LeaseBook.openAnew(path: scratch.file("copy.db"), wallClock: wall(1001))
    #expect(copy.damage == nil)
    #expect(try copy.book.newest(limit: 10).map(\.identity) == ["a"])
}

@Test(arguments: ["not a database, and long enough to be looked at", ""])
func aDamagedBookIsPutAsideAndAFreshOneBegun(_ content: String) throws {
    let scratch = try Scratch()
    let path = scratch.file("leases.db")
    try Data((content + String(repeating: "x", count: content.isEmpty ? 0 : 8192)).utf8).write(
        to: URL(fileURLWithPath: path)
    )
    chmod(path, 0o600)
    let (book, damage) = try LeaseBook.openAnew(path: path, wallClock: wall(1000))
    // SQLite takes an empty file for a new database.
    #expect((damage != nil) == !content.isEmpty)
    #expect(FileManager.default.fileExists(atPath: path + ".damaged") == !content.isEmpty)
    book.note([.began(try lease("10.9.0.2", "a", "s1", since: 1000))])
    book.flush()
    #expect(try book.newest(limit: 10).count == 1)
}

@Test func pagesThatWereOverwrittenAreFoundWhenTheBookIsOpened() throws {
    let scratch = try Scratch()
    let path = scratch.file("leases.db")
    let book = try LeaseBook(path: path, wallClock: wall(1000))
    for index in 0..<500 { book.note([.began(try lease("10.9.1.\(index % 250)", "a", "s\(index)", since: 1000))]) }
    try book.close()
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.seek(toOffset: 8192)
    try file.write(contentsOf: Data(repeating: 0xA5, count: 16_384))
    try file.close()
    let (fresh, damage) = try LeaseBook.openAnew(path: path, wallClock: wall(1000))
    #expect(damage != nil)
    #expect(try fresh.newest(limit: 10).isEmpty)
}

@Test func theBookIsBoundedAndLosesTheOldestThatHaveEnded() throws {
    let scratch = try Scratch()
    var options = LeaseBook.Options()
    options.limit = 80
    let path = scratch.file("leases.db")
    let book = try LeaseBook(path: path, options: options, wallClock: wall(0))
    book.note([.began(try lease("10.9.0.2", "old", "lasting", since: 0))])
    for index in 1...200 {
        book.note([
            .began(try lease("10.9.1.\(index)", "a", "s\(index)", since: Int64(index))),
            .ended(session: "s\(index)", at: wall(Int64(index))),
        ])
        book.flush()
    }
    let found = try book.newest(limit: 1000)
    #expect(found.count <= 90 && found.count >= 80)
    #expect(found.contains { $0.session == "lasting" } && found.contains { $0.session == "s200" })
    #expect(!found.contains { $0.session == "s1" })
}

@Test func whatCannotBeKeptIsCounted() throws {
    let scratch = try Scratch()
    var options = LeaseBook.Options()
    options.queueLimit = 1
    let book = try LeaseBook(path: scratch.file("leases.db"), options: options, wallClock: wall(0))
    book.note([
        .began(try lease("10.9.0.2", "a", "s1", since: 0)), .began(try lease("10.9.0.3", "b", "s2", since: 0)),
    ])
    book.flush()
    #expect(book.takeFailure()?.lost == 1)
    #expect(book.takeFailure() == nil)
}

@Test func whoHadAnAddressAtATimeCanBeAsked() throws {
    let scratch = try Scratch()
    let path = scratch.file("leases.db")
    let book = try LeaseBook(path: path, wallClock: wall(0))
    var first = try lease("10.9.0.2", "default/fqdn:one", "s1", since: 100)
    first.name = "runner1"
    book.note([
        .began(first), .ended(session: "s1", at: wall(200)),
        .began(try lease("10.9.0.2", "default/fqdn:two", "s2", since: 600)),
    ])
    book.flush()
    var query = LeaseQuery()
    query.address = IPAddress("10.9.0.2")
    #expect(try query.read(path: path).map(\.session) == ["s2", "s1"])
    query.at = wall(150)
    #expect(try query.read(path: path).map(\.session) == ["s1"])
    query.at = wall(300)
    #expect(try query.read(path: path).isEmpty)
    query.at = wall(9999)
    #expect(try query.read(path: path).map(\.session) == ["s2"])
    var named = LeaseQuery()
    named.identity = "runner1"
    #expect(try named.read(path: path).map(\.session) == ["s1"])
    named.identity = "' OR 1=1 --"
    #expect(try named.read(path: path).isEmpty)
}

@Test func cutsOutliveARestartUntilTheyAreOver() throws {
    let scratch = try Scratch()
    let path = scratch.file("leases.db")
    let book = try LeaseBook(path: path, wallClock: wall(0))
    book.note([
        .cut(identity: "a", at: wall(10), until: wall(3610)), .cut(identity: "b", at: wall(10), until: wall(20)),
    ])
    try book.close()
    let next = try LeaseBook(path: path, wallClock: wall(100))
    #expect(try next.cuts() == ["a": wall(10)])
}
