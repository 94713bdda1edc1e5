import AuditLog
import Foundation
import IPsecTypes
import Testing

/// A stand-in for SHA-256: 32 bytes that depend on every byte and its place.
@Sendable func testDigest(_ bytes: [UInt8]) -> [UInt8] {
    var lanes: [UInt64] = [1, 2, 3, 4]
    for (index, byte) in bytes.enumerated() {
        let lane = index % 4
        lanes[lane] = (lanes[lane] ^ UInt64(byte) ^ UInt64(index)) &* 0x0000_0100_0000_01b3
        lanes[(lane + 1) % 4] ^= lanes[lane] >> 7
    }
    return lanes.flatMap { lane in (0..<8).map { UInt8(truncatingIfNeeded: lane >> UInt64($0 * 8)) } }
}

private let time = WallTime(secondsSinceEpoch: 1_795_438_800)

private func fullRecord() throws -> AuditRecord {
    var record = AuditRecord(.sessionEnd, at: time, gateway: "gw-fra1")
    record.tenant = "default"
    record.session = "01JD"
    record.claimedID = "fqdn:evil\u{1b}[31m\n\"quoted\\\u{202e}"
    record.peerID = "fqdn:runner1.jobs.example"
    record.name = "runner1"
    record.rule = "deploy-prod (policy.yaml:41)"
    record.resources = ["registry", "k8s-api"]
    record.addresses = [.v4(0x0a63_0002), .v6(0xfd00 << 48, 2)]
    record.path = Path(
        transport: .udp4500,
        local: Endpoint(.v4(0xcb00_7109), port: 4500),
        remote: Endpoint(.v6(1, 2), port: 61022)
    )
    record.suite = "x25519 aes256gcm prf-sha384"
    record.spis = ["c0000001", "c0000002"]
    record.selectors = ["10.20.0.0/28[tcp/443]", "10.99.0.2/32"]
    var counters = SACounters()
    counters.inboundBytes = .max
    counters.outboundPackets = 7
    record.count(counters)
    record.seconds = 61
    record.count = 3
    record.serial = "9f3c"
    record.actor = "uid 0"
    record.fail(CulvertError(.leaseEnded, details: [("rule", "x")]))
    return record
}

private func trail(_ count: Int) throws -> [String] {
    var chain = AuditChain(digest: testDigest)
    return try (0..<count).map { index in
        var record = try fullRecord()
        record.count = UInt64(index)
        return chain.append(record)
    }
}

private func damage(_ lines: [String]) -> AuditDamage.Kind? {
    var reader = AuditReader(digest: testDigest)
    return reader.verify(Array((lines.joined(separator: "\n") + "\n").utf8))?.kind
}

@Test func aRecordReadsBackAsItWasWritten() throws {
    var chain = AuditChain(digest: testDigest)
    let record = try fullRecord()
    let line = chain.append(record)
    let entry = try #require(AuditEntry(line: line.utf8))
    #expect(entry.record.sequence == 1)
    #expect(entry.previous == AuditChain.genesis)
    var second = AuditChain(digest: testDigest)
    #expect(second.append(entry.record) == line)
    #expect(entry.record.claimedID == record.claimedID)
    #expect(entry.record.path == record.path)
    #expect(entry.record.bytesIn == UInt64.max)
    #expect(entry.record.code == .leaseEnded)
}

@Test func aLineIsOneLineOfPrintableJSONWithSortedKeys() throws {
    let line = try #require(try trail(1).first)
    #expect(line.unicodeScalars.allSatisfy { (0x20...0x7e).contains($0.value) })
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
    let keys = try #require(object as? [String: Any]).keys
    #expect(keys.count == 31)
    var position = line.startIndex
    for key in keys.sorted() where key != "hash" && key != "previous" {
        let found = try #require(line.range(of: "\"\(key)\":", range: position..<line.endIndex))
        position = found.upperBound
    }
    #expect(line.hasSuffix("\"}"))
    #expect(line.contains(#"\u001b[31m\n\"quoted\\\u202e"#))
}

@Test func aSmallRecordLeavesOutWhatItDoesNotHave() {
    var chain = AuditChain(digest: testDigest)
    let line = chain.append(AuditRecord(.daemonStart, at: time, gateway: "gw"))
    #expect(
        line.hasPrefix(
            #"{"event":"daemon.start","gateway":"gw","seq":1,"time":"2026-11-23T13:00:00Z","version":1,"previous":"0000"#
        )
    )
    #expect(AuditEntry(line: line.utf8)?.record.reason == nil)
}

@Test func anUntouchedTrailIsGood() throws {
    let lines = try trail(20)
    #expect(damage(lines) == nil)
    var reader = AuditReader(digest: testDigest)
    #expect(reader.verify(Array((lines.joined(separator: "\n") + "\n").utf8)) == nil)
    #expect(reader.records == 20)
    #expect(reader.tail.sequence == 20)
    #expect(reader.tail.wholeBytes == lines.reduce(0) { $0 + $1.utf8.count + 1 })
    var empty = AuditReader(digest: testDigest)
    #expect(empty.verify([]) == nil)
}

@Test func everyKindOfTamperingShows() throws {
    let lines = try trail(6)
    var changed = lines
    changed[2] = changed[2].replacingOccurrences(of: "runner1", with: "runner2")
    #expect(damage(changed) == .changed)
    var removed = lines
    removed.remove(at: 2)
    #expect(damage(removed) == .broken)
    var swapped = lines
    swapped.swapAt(2, 3)
    #expect(damage(swapped) == .broken)
    var doubled = lines
    doubled.insert(lines[2], at: 3)
    #expect(damage(doubled) == .broken)
    #expect(damage(Array(lines.dropFirst())) == .broken)
    var garbage = lines
    garbage[1] = "{}"
    #expect(damage(garbage) == .unreadable)
    var reader = AuditReader(digest: testDigest)
    let found = reader.verify(Array((changed.joined(separator: "\n") + "\n").utf8))
    #expect(found?.description == "line 3 was changed: its hash does not fit")
}

@Test func everyByteOfALineMatters() throws {
    let lines = try trail(2)
    let original = Array(lines[0].utf8)
    for position in stride(from: 0, to: original.count, by: 3) {
        var bytes = original
        bytes[position] ^= 0x01
        var reader = AuditReader(digest: testDigest)
        let file = bytes + [0x0a] + Array(lines[1].utf8) + [0x0a]
        #expect(reader.verify(file) != nil, "byte \(position)")
    }
}

@Test func aTrailContinuesAfterItsLastWholeRecord() throws {
    let lines = try trail(3)
    let whole = Array((lines.joined(separator: "\n") + "\n").utf8)
    let torn = whole + Array(lines[2].utf8.prefix(40))
    let tail = try #require(AuditReader.tail(of: torn, digest: testDigest))
    #expect(tail.sequence == 3)
    #expect(tail.wholeBytes == whole.count)
    var reader = AuditReader(digest: testDigest)
    #expect(reader.verify(torn)?.kind == .cutOff)
    var chain = AuditChain(after: tail, digest: testDigest)
    let next = chain.append(try fullRecord())
    #expect(damage(lines + [next]) == nil)
    // The last bytes of a large file are enough.
    let offset = lines[0].utf8.count + 1
    #expect(AuditReader.tail(of: Array(torn.dropFirst(offset + 5)), at: offset + 5, digest: testDigest) == tail)
    #expect(AuditReader.tail(of: [], digest: testDigest) == nil)
    #expect(AuditReader.tail(of: Array("no\nrecord\n".utf8), digest: testDigest) == nil)
}

@Test func aRotatedFileIsCheckedAgainstTheOneBefore() throws {
    let lines = try trail(4)
    var first = AuditReader(digest: testDigest)
    #expect(first.verify(Array((lines[0] + "\n" + lines[1] + "\n").utf8)) == nil)
    let rest = Array((lines[2] + "\n" + lines[3] + "\n").utf8)
    var second = AuditReader(after: first.tail, digest: testDigest)
    #expect(second.verify(rest) == nil)
    var unanchored = AuditReader(after: nil, digest: testDigest)
    #expect(unanchored.verify(rest) == nil)
    var anchored = AuditReader(digest: testDigest)
    #expect(anchored.verify(rest)?.kind == .broken)
}

@Test func hostileLinesAreRefusedAndNeverTrap() throws {
    let line = try #require(try trail(1).first)
    let bytes = Array(line.utf8)
    for length in stride(from: 0, to: bytes.count, by: 7) {
        #expect(AuditEntry(line: bytes.prefix(length)) == nil)
    }
    for text in [
        "", "{", "null", "[]", String(repeating: "[", count: 200_000),
        "{\"hash\":\"" + String(repeating: "0", count: 64) + "\"}",
    ] { #expect(AuditEntry(line: text.utf8) == nil) }
    #expect(AuditEntry(line: [UInt8](repeating: 0xff, count: 500)) == nil)
}

@Test func textThatAPeerChoseIsBounded() throws {
    var chain = AuditChain(digest: testDigest)
    var record = AuditRecord(.authenticationFailed, at: time, gateway: "gw")
    record.claimedID = String(repeating: "\u{1F600}\u{7}", count: 100_000)
    let line = chain.append(record)
    #expect(line.utf8.count < 40_000)
    #expect(AuditEntry(line: line.utf8) != nil)
}

@Test func theLineForPeopleNamesWhatMattersAndEscapesTheRest() throws {
    var record = AuditRecord(.sessionStart, at: time, gateway: "gw")
    record.name = "runner1"
    record.addresses = [.v4(0x0a63_0002)]
    record.rule = "deploy-prod (policy.yaml:41)"
    record.resources = ["registry"]
    record.session = "01JD"
    #expect(
        record.line
            == "2026-11-23T13:00:00Z  session.start          runner1  10.99.0.2  "
            + "rule deploy-prod (policy.yaml:41) -> registry  session 01JD"
    )
    var failed = AuditRecord(.authenticationFailed, at: time, gateway: "gw")
    failed.claimedID = "fqdn:\u{1b}[2Jx"
    failed.fail(CulvertError(.authenticationFailed))
    #expect(
        failed.line
            == #"2026-11-23T13:00:00Z  authentication.failed  claimed fqdn:\u{1b}[2Jx  E1101  authentication failed"#
    )
}

@Test func civilTimesAreThoseOfTheGregorianCalendar() {
    func text(_ seconds: Int64) -> String { WallTime(secondsSinceEpoch: seconds).rfc3339 }
    #expect(text(0) == "1970-01-01T00:00:00Z")
    #expect(text(951_782_399) == "2000-02-28T23:59:59Z")
    #expect(text(951_782_400) == "2000-02-29T00:00:00Z")
    #expect(text(4_107_542_399) == "2100-02-28T23:59:59Z")
    #expect(text(4_107_542_400) == "2100-03-01T00:00:00Z")
    #expect(text(-1) == "1969-12-31T23:59:59Z")
    #expect(text(-62_135_596_800) == "0001-01-01T00:00:00Z")
    #expect(text(.max) == "9999-12-31T23:59:59Z")
    let formatter = ISO8601DateFormatter()
    for step in 0..<2000 {
        let seconds = Int64(step) * 7_654_321 - 2_000_000_000
        #expect(text(seconds) == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
    }
}
