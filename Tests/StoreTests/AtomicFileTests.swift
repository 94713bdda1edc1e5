import Foundation
import Glibc
import Testing

@testable import Store

private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}

@Test func aFileIsWrittenWholeWithItsMode() throws {
    let scratch = try Scratch()
    let path = scratch.file("key.pem")
    let previous = umask(0o077)
    defer { umask(previous) }
    try AtomicFile.write(Array("one".utf8), to: path)
    #expect(mode(path) == 0o600)
    try AtomicFile.write(Array("two".utf8), to: path, mode: 0o644)
    #expect(mode(path) == 0o644)
    #expect(try AtomicFile.read(path) == Array("two".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["key.pem"])
}

@Test func anExistingFileIsKeptWhenAskedTo() throws {
    let scratch = try Scratch()
    let path = scratch.file("root.key")
    try AtomicFile.write([1], to: path, replacing: false)
    #expect {
        try AtomicFile.write([2], to: path, replacing: false)
    } throws: { ($0 as? AtomicFile.Failure)?.code == EEXIST }
    #expect(try AtomicFile.readPrivate(path) == [1])
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["root.key"])
}

@Test func aLinkIsReplacedAndItsTargetUntouched() throws {
    let scratch = try Scratch()
    let target = scratch.file("target")
    let link = scratch.file("link")
    try AtomicFile.write([9], to: target)
    #expect(symlink(target, link) == 0)
    try AtomicFile.write([1], to: link)
    #expect(try AtomicFile.read(target) == [9])
    #expect(try AtomicFile.readPrivate(link) == [1])
}

@Test(arguments: [0o640, 0o604, 0o660, 0o602, 0o644, 0o777] as [mode_t])
func secretsOthersMayReadOrWriteAreRefused(_ open: mode_t) throws {
    let scratch = try Scratch()
    let path = scratch.file("key.pem")
    try AtomicFile.write([1], to: path, mode: open)
    #expect {
        try AtomicFile.readPrivate(path)
    } throws: { error in
        let text = (error as? AtomicFile.Failure)?.description ?? ""
        return text.contains("chmod 600") && text.contains(String(open, radix: 8))
    }
}

@Test func secretsBehindLinksInPipesAndInDirectoriesAreRefused() throws {
    let scratch = try Scratch()
    let path = scratch.file("key.pem")
    try AtomicFile.write([1], to: path)
    let link = scratch.file("link")
    #expect(symlink(path, link) == 0)
    let pipe = scratch.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    for refused in [link, pipe, scratch.path, scratch.file("missing")] {
        #expect(throws: AtomicFile.Failure.self) { try AtomicFile.readPrivate(refused) }
    }
    #expect(throws: AtomicFile.Failure.self) { try AtomicFile.readPrivate(path, limit: 0) }
    #expect(try AtomicFile.readPrivate(path, limit: 1) == [1])
}

@Test func aWriteThatFailsLeavesTheOldFileAndNoOther() throws {
    let scratch = try Scratch()
    let path = scratch.file("state")
    try AtomicFile.write([1], to: path)
    #expect(throws: AtomicFile.Failure.self) { try AtomicFile.write([2], to: scratch.file("missing/state")) }
    // A directory cannot be replaced by a file.
    #expect(mkdir(scratch.file("folder"), 0o700) == 0)
    #expect(throws: AtomicFile.Failure.self) { try AtomicFile.write([2], to: scratch.file("folder")) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == ["folder", "state"])
    // No space: the device says so when the first byte is written.
    #expect(try AtomicFile.readPrivate(path) == [1])
}

@Test func readersNeverSeeAHalfWrittenFile() async throws {
    let scratch = try Scratch()
    let path = scratch.file("state")
    let sizes = [1_000, 100_000, 300_000]
    try AtomicFile.write([UInt8](repeating: 1, count: 1_000), to: path)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            for round in 0..<20 {
                let value = UInt8(round)
                try AtomicFile.write([UInt8](repeating: value, count: sizes[round % 3]), to: path)
            }
        }
        group.addTask {
            for _ in 0..<200 {
                let bytes = try AtomicFile.readPrivate(path)
                #expect(sizes.contains(bytes.count))
                #expect(Set(bytes).count == 1)
            }
        }
        try await group.waitForAll()
    }
}

@Test(.enabled(if: geteuid() == 0, "only root has the files of others"))
func rootServesTheFilesOfAServicesUser() throws {
    let scratch = try Scratch()
    let path = scratch.file("gateway.key")
    try AtomicFile.write([1], to: path)
    #expect(chown(path, 65534, 65534) == 0)
    // In a directory of root's it is a stranger's file.
    #expect(throws: AtomicFile.Failure.self) { _ = try AtomicFile.readPrivate(path) }
    #expect(chown(scratch.path, 65534, 65534) == 0 && chmod(scratch.path, 0o700) == 0)
    #expect(try AtomicFile.readPrivate(path) == [1])
    try AtomicFile.write([2], to: path)
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_uid == 65534 && status.st_mode & 0o777 == 0o600)
    #expect(try AtomicFile.readPrivate(path) == [2])
    // Where others may write, anybody may have put it there.
    #expect(chmod(scratch.path, 0o777) == 0)
    #expect(throws: AtomicFile.Failure.self) { _ = try AtomicFile.readPrivate(path) }
}

/// NetworkManager's plugin read, as root, whatever credentials a user named: a secret is read only when its owner is whom the
/// daemon serves, never through a link that somebody else may turn, and what is looked at is what is read.
@Test(.enabled(if: geteuid() == 0, "only root has the files of others"))
func cve_2025_9615_credentialsOfAnotherUser() throws {
    let scratch = try Scratch()
    let theirs = scratch.file("theirs.key")
    try AtomicFile.write([1], to: theirs)
    #expect(chown(theirs, 65534, 65534) == 0)
    let failure = #expect(throws: AtomicFile.Failure.self) { try AtomicFile.readPrivate(theirs) }
    #expect(failure?.description.contains("65534") == true)
    // Somebody's link to what root alone may read, in a folder of theirs.
    let ours = scratch.file("ours.key")
    try AtomicFile.write([2], to: ours)
    let folder = scratch.file("folder")
    #expect(mkdir(folder, 0o700) == 0 && symlink(ours, "\(folder)/key.pem") == 0)
    #expect(chown(folder, 65534, 65534) == 0 && lchown("\(folder)/key.pem", 65534, 65534) == 0)
    #expect(throws: AtomicFile.Failure.self) { try AtomicFile.readPrivate("\(folder)/key.pem") }
    #expect(try AtomicFile.readPrivate(ours) == [2])
}
