import Foundation
import Glibc
import IKEv2
import IPsecTypes
import Testing

@testable import Runtime

@Suite struct ReturnSecretsFileTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("return-\(UUID())").path
    private var path: String { "\(directory)/return.secrets" }

    init() throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func open(_ seconds: Int64) throws -> ReturnSecretsFile {
        try ReturnSecretsFile(
            path: path,
            ticketLifetime: .seconds(3600),
            wallClock: WallTime(secondsSinceEpoch: seconds)
        )
    }

    @Test func aRestartKeepsTheCrashSecretAndSealsWithAFreshTicketKey() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try open(1_800_000_000).secrets
        #expect(first.crash.count == 1 && first.tickets.count == 1)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let second = try open(1_800_000_010).secrets
        #expect(second.crash.count == 1 && second.crash[0].isEqual(to: first.crash[0]))
        #expect(second.tickets.map(\.id).last == first.tickets[0].id && second.tickets.count == 2)
        #expect(!second.tickets[0].secret.isEqual(to: first.tickets[0].secret))
    }

    @Test func ticketKeysGoWhenTheirTicketsHaveExpired() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var file = try open(1_800_000_000)
        let old = file.secrets.tickets[0].id
        try file.renew(WallTime(secondsSinceEpoch: 1_800_003_600))
        #expect(file.secrets.tickets.contains { $0.id == old })
        try file.renew(WallTime(secondsSinceEpoch: 1_800_011_000))
        #expect(!file.secrets.tickets.contains { $0.id == old })
        for _ in 0..<100 { try file.renew(WallTime(secondsSinceEpoch: 1_800_011_000)) }
        #expect(file.secrets.tickets.count == 64)
        // A month later there is another crash secret, and the one before still counts.
        let crash = file.secrets.crash[0]
        try file.renew(WallTime(secondsSinceEpoch: 1_803_000_000))
        #expect(file.secrets.crash.count == 2 && file.secrets.crash[1].isEqual(to: crash))
    }

    @Test func aFileOfAnotherKindIsReplacedAndAnOpenOneRefused() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try Data("something else\nticket x y z\n".utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o644)
        #expect(throws: CulvertError.self) { try open(1_800_000_000) }
        chmod(path, 0o600)
        #expect(try open(1_800_000_000).secrets.tickets.count == 1)
    }
}
