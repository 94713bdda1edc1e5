import AuditLog
import Crypto
import Foundation
import Glibc
import IPsecTypes
import Logging
import PacketIO
import RuntimeDoubles
import Testing

@testable import Runtime

@Suite(.serialized) struct AuditWriterTests {
    private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func record(_ reason: String = "x") -> AuditRecord {
        var record = AuditRecord(.sessionStart, at: SystemClock.wall, gateway: "gw")
        record.reason = reason
        return record
    }

    private func verify(_ path: String) throws -> (count: UInt64, damage: AuditDamage?) {
        var reader = AuditReader { Array(SHA256.hash(data: $0)) }
        let damage = reader.verify(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        return (reader.records, damage)
    }

    private func write(_ count: Int, to path: String) throws {
        let writer = try AuditWriter(path: path, gateway: "gw", logger: silent)
        for index in 0..<count { writer.write(record("record \(index)")) }
        writer.stop()
    }

    @Test func theChainGoesOnAfterARestart() throws {
        let directory = try TestDirectory()
        let path = "\(directory.path)/audit.jsonl"
        try write(3, to: path)
        try write(2, to: path)
        let (count, damage) = try verify(path)
        #expect(count == 5 && damage == nil)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func aLineThatACrashCutOffIsTruncatedAway() throws {
        let directory = try TestDirectory()
        let path = "\(directory.path)/audit.jsonl"
        try write(3, to: path)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"actor\":\"half".utf8))
        try handle.close()
        try write(1, to: path)
        let (count, damage) = try verify(path)
        #expect(count == 4 && damage == nil)
    }

    @Test func aFileWithOneHalfLineStartsAgain() throws {
        let directory = try TestDirectory()
        let path = try directory.write("{\"half", to: "audit.jsonl")
        try write(1, to: path)
        let (count, damage) = try verify(path)
        #expect(count == 1 && damage == nil)
    }

    @Test(arguments: ["record 2", "seq\":3", "no record at all"]) func aDamagedLastRecordIsRefused(
        _ part: String
    ) throws {
        let directory = try TestDirectory()
        let path = "\(directory.path)/audit.jsonl"
        try write(3, to: path)
        var text = try String(contentsOfFile: path, encoding: .utf8)
        if text.contains(part) {
            text = text.replacingOccurrences(of: part, with: part.replacingOccurrences(of: "3", with: "4") + "")
            text = text.replacingOccurrences(of: "record 2", with: "record 9")
        } else {
            text += part + "\n"
        }
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let failure = #expect(throws: CulvertError.self) {
            _ = try AuditWriter(path: path, gateway: "gw", logger: silent)
        }
        #expect(failure?.code == .stateDamaged)
    }

    @Test func aSymbolicLinkIsNotFollowedAndAMissingDirectoryIsNamed() throws {
        let directory = try TestDirectory()
        symlink("\(directory.path)/elsewhere", "\(directory.path)/link")
        for path in ["\(directory.path)/link", "\(directory.path)/missing/audit.jsonl"] {
            let failure = #expect(throws: CulvertError.self) {
                _ = try AuditWriter(path: path, gateway: "gw", logger: silent)
            }
            #expect(failure?.code == .auditUnavailable && failure?.message.contains(path) == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0)) func aFullDiskStopsNewSessionsUntilThereIsRoomAgain() async throws {
        let directory = try TestDirectory()
        let disk = "\(directory.path)/disk"
        mkdir(disk, 0o700)
        try #require(mount("none", disk, "tmpfs", 0, "size=64k") == 0)
        defer { umount2(disk, CInt(MNT_DETACH)) }
        let path = "\(disk)/audit.jsonl"
        let writer = try AuditWriter(path: path, gateway: "gw", logger: silent)
        writer.write(record())
        #expect(try await eventually { (try? verify(path).count) == 1 })
        #expect(writer.isHealthy)
        let filler = [UInt8](repeating: 0, count: 1 << 20)
        let hog = open("\(disk)/hog", O_WRONLY | O_CREAT, 0o600)
        while Glibc.write(hog, filler, 4096) > 0 {}
        close(hog)
        // What is left of the last page is used up before the disk refuses.
        for index in 0..<40 { writer.write(record("waiting \(index)" + String(repeating: "x", count: 500))) }
        #expect(try await eventually { !writer.isHealthy })
        unlink("\(disk)/hog")
        // A tmpfs of 64 KiB has room for what waits once the hog is gone.
        #expect(try await eventually(seconds: 5) { writer.isHealthy && (try? verify(path).count) == 41 })
        writer.stop()
        let (count, damage) = try verify(path)
        #expect(count == 41 && damage == nil, "nothing is lost and nothing half written")
    }

    @Test(.enabled(if: geteuid() == 0)) func recordsBeyondTheQueueAreCountedInAGapRecord() async throws {
        let directory = try TestDirectory()
        let disk = "\(directory.path)/disk"
        mkdir(disk, 0o700)
        try #require(mount("none", disk, "tmpfs", 0, "size=4k") == 0)
        defer { umount2(disk, CInt(MNT_DETACH)) }
        let path = "\(disk)/audit.jsonl"
        let writer = try AuditWriter(path: path, gateway: "gw", logger: silent)
        writer.write(record(String(repeating: "y", count: 2000)))
        #expect(try await eventually { (try? verify(path).count) == 1 })
        writer.write(record(String(repeating: "y", count: 2000)))
        #expect(try await eventually { !writer.isHealthy })
        let one = record("z")
        for _ in 0..<AuditWriter.queueLimit + 7 { writer.write(one) }
        try #require(mount("none", disk, "tmpfs", UInt(MS_REMOUNT), "size=128m") == 0)
        // The batch that was being tried, a full queue, and the record that tells of the gap.
        let expected = 2 + AuditWriter.queueLimit + 1
        let lines = { @Sendable () -> [Data] in
            ((try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data()).split(separator: 10)
        }
        #expect(try await eventually(seconds: 40) { lines().count == expected })
        #expect(writer.isHealthy)
        writer.stop()
        let last = try #require(lines().last.flatMap { AuditEntry(line: $0) })
        #expect(last.record.event == .sourceLimited && last.record.count == 7)
        #expect(last.record.sequence == UInt64(expected))
    }
}
