import Foundation
import Glibc
import IPsecTypes
import PacketIO
import RuntimeDoubles
import Testing

@testable import Runtime

@Suite(.serialized) struct ControlSocketTests {
    private func server(
        _ directory: TestDirectory,
        users: Set<UInt32> = [0, UInt32(geteuid())]
    ) throws -> (ControlServer, String) {
        let path = "\(directory.path)/control.sock"
        return (try ControlServer(path: path, allowedUsers: users) { request, _ in Array(request.reversed()) }, path)
    }

    @Test func aRequestIsAnsweredAndSoIsTheNextOnTheSameConnection() async throws {
        let directory = try TestDirectory()
        let (server, path) = try server(directory)
        let answers = try await blocking { () -> [[UInt8]?] in
            let one = try ControlClient.ask([1, 2, 3], at: path, timeoutSeconds: 5)
            let connection = try UnixConnection(path: path, timeoutSeconds: 5)
            try ControlFrame.write([4, 5], to: connection)
            let two = try ControlFrame.read(from: connection, limit: 100)
            try ControlFrame.write([], to: connection)
            return [one, two, try ControlFrame.read(from: connection, limit: 100)]
        }
        #expect(answers == [[3, 2, 1], [5, 4], []])
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        server.stop()
        #expect(stat(path, &status) != 0, "the socket goes with the server")
    }

    @Test func anotherUserIsClosedWithoutAnAnswerAndCounted() async throws {
        let directory = try TestDirectory()
        let (server, path) = try server(directory, users: [4_000_000_000])
        defer { server.stop() }
        await #expect(throws: IOFailure.self) {
            try await blocking { try ControlClient.ask([1], at: path, timeoutSeconds: 5) }
        }
        #expect(try await eventually { server.refusedCount == 1 })
    }

    @Test(.enabled(if: geteuid() == 0)) func aChildOfAnotherUserIsRefusedByItsCredentials() async throws {
        let directory = try TestDirectory()
        let (server, path) = try server(directory)
        defer { server.stop() }
        // Modes alone would stop it: opened here, so that only the credentials do.
        chmod(directory.path, 0o755)
        chmod(path, 0o666)
        let script = """
            import os, socket, struct, sys
            if len(sys.argv) > 2: os.setuid(int(sys.argv[2]))
            s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
            try:
                s.sendall(struct.pack('>I', 2) + b'ab'); print(s.recv(6)[4:].decode() or 'closed')
            except OSError: print('closed')
            """
        func ask(_ user: [String]) async throws -> String {
            try await blocking {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
                process.arguments = ["-c", script, path] + user
                let output = Pipe()
                process.standardOutput = output
                try process.run()
                process.waitUntilExit()
                return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            }
        }
        #expect(try await ask([]) == "ba\n")
        #expect(try await ask(["65534"]) == "closed\n")
        #expect(try await eventually { server.refusedCount == 1 })
    }

    @Test func anOversizeFrameIsRefusedBeforeItIsRead() async throws {
        let directory = try TestDirectory()
        let (server, path) = try server(directory)
        defer { server.stop() }
        let answer = try await blocking { () -> [UInt8]? in
            let connection = try UnixConnection(path: path, timeoutSeconds: 5)
            try connection.write([0xff, 0xff, 0xff, 0xff, 1, 2, 3])
            return try? connection.read(count: 1)
        }
        #expect(answer == nil)
        #expect(try await blocking { try ControlClient.ask([7], at: path, timeoutSeconds: 5) } == [7])
    }

    @Test func aFrameThatTricklesInIsGivenUpAtItsDeadline() async throws {
        let directory = try TestDirectory()
        let listener = try UnixListener(path: "\(directory.path)/slow.sock")
        let path = listener.path
        let spent = try await blocking { () -> Duration in
            let client = try UnixConnection(path: path, timeoutSeconds: 5)
            guard let served = try listener.accept(timeoutSeconds: 5) else { return .zero }
            let writer = Thread {
                // A byte now and then would keep a deadline for each read alive for ever.
                for byte in [UInt8](repeating: 0, count: 3) + [9] + [UInt8](repeating: 1, count: 20) {
                    guard (try? client.write([byte])) != nil else { return }
                    usleep(100_000)
                }
            }
            writer.start()
            let begun = SystemClock.now
            let frame = try? ControlFrame.read(from: served, limit: 100, before: begun + .milliseconds(700))
            #expect(frame == nil)
            return SystemClock.now - begun
        }
        #expect(spent >= .milliseconds(650) && spent < .seconds(3))
    }

    @Test func manySilentConnectionsDoNotKeepTheServerFromItsLimits() async throws {
        let directory = try TestDirectory()
        let (server, path) = try server(directory)
        defer { server.stop() }
        let opened = try await blocking { () -> Int in
            var held: [UnixConnection] = []
            for _ in 0..<300 {
                guard let connection = try? UnixConnection(path: path, timeoutSeconds: 1) else { break }
                try? connection.write([0, 0])
                held.append(connection)
            }
            return held.count
        }
        #expect(opened == 300)
        // They are gone: the server answers again at once.
        let answer = try await blocking { try ControlClient.ask([1, 2], at: path, timeoutSeconds: 10) }
        #expect(answer == [2, 1])
    }

    /// strongSwan's stroke socket took the length in a message for the one that had come, and read before its buffer: frames
    /// that say more, less or nothing, with and without octets behind them, end their own connection at most.
    @Test func cve_2018_5388_lengthsThatAreNotTheMessages() async throws {
        let directory = try TestDirectory()
        let (server, path) = try server(directory)
        defer { server.stop() }
        let heads: [[UInt8]] = [
            [0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 1, 0], [0, 1, 0, 0],
            [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFC], [0xFF, 0xFF, 0xFF, 0xFF],
        ]
        for head in heads {
            for body in [[], [7], [7, 8, 9]] as [[UInt8]] {
                try await blocking {
                    let connection = try UnixConnection(path: path, timeoutSeconds: 1)
                    try? connection.write(head + body)
                }
                let answer = try await blocking { try ControlClient.ask([1, 2], at: path, timeoutSeconds: 5) }
                #expect(answer == [2, 1], "\(head) \(body)")
            }
        }
    }

    @Test func aSecondServerSeesThatTheFirstListens() throws {
        let directory = try TestDirectory()
        let (first, path) = try server(directory)
        #expect(throws: IOFailure.self) {
            _ = try ControlServer(path: path, allowedUsers: []) { request, _ in request }
        }
        first.stop()
    }
}
