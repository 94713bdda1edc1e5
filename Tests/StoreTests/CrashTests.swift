import Foundation
import Glibc
import IPsecTypes
import Testing

@testable import Store

private let childVariable = "CULVERT_STORE_CRASH_CHILD"

/// The child's half: writes until it is killed, and notes each write the store acknowledged.
@Test(.enabled(if: ProcessInfo.processInfo.environment[childVariable] != nil))
func childWritesUntilItIsKilled() async throws {
    let directory = try #require(ProcessInfo.processInfo.environment[childVariable])
    let store = try SQLiteStateStore(path: directory + "/state.db")
    let notes = open(directory + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    for number in 0..<100_000 {
        let text = String(100_000 + number)
        try await store.put(StateKey("n/" + text), Array(text.utf8), expecting: .absent)
        _ = write(notes, text + "\n", text.utf8.count + 1)
    }
}

@Test(.disabled(if: ProcessInfo.processInfo.environment[childVariable] != nil))
func whatWasAcknowledgedSurvivesAKilledWriter() async throws {
    let scratch = try Scratch()
    let child = Process()
    child.executableURL = URL(
        fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    )
    child.arguments = ["--testing-library", "swift-testing", "--filter", "childWritesUntilItIsKilled"]
    child.environment = ProcessInfo.processInfo.environment.merging([childVariable: scratch.path]) { $1 }
    child.standardOutput = FileHandle.nullDevice
    child.standardError = FileHandle.nullDevice
    try child.run()
    let notes = scratch.file("acknowledged")
    for _ in 0..<200 {
        if (try? AtomicFile.read(notes, limit: 1 << 24).count) ?? 0 > 200 { break }
        try await Task.sleep(for: .milliseconds(50))
    }
    kill(child.processIdentifier, SIGKILL)
    child.waitUntilExit()

    let acknowledged = String(decoding: try AtomicFile.read(notes, limit: 1 << 24), as: UTF8.self).split(
        separator: "\n"
    )
    #expect(acknowledged.count > 10)
    let store = try SQLiteStateStore(path: scratch.file("state.db"))
    let entries = try await store.all(prefix: "n/")
    #expect(Set(acknowledged.map { "n/" + $0 }).isSubset(of: Set(entries.map(\.key.name))))
    // At most the write in flight is there without its note.
    #expect(entries.count <= acknowledged.count + 1)
    #expect(entries.allSatisfy { Array($0.key.name.dropFirst(2).utf8) == $0.value })
    try await store.put(StateKey("after"), [1], expecting: .absent)
}
