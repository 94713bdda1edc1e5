import Crypto
import Foundation
import IPsecTypes
import Testing
import X509

@testable import RADIUS

#if canImport(Glibc)
import Glibc
#endif

/// Whether a foreign program is there. In continuous integration a missing one is a failure.
func isInstalled(_ program: String) -> Bool {
    let isThere = ["/usr/bin/", "/usr/sbin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + program) }
    if !isThere, ProcessInfo.processInfo.environment["CI"] != nil { Issue.record("\(program) is not installed") }
    return isThere
}

/// The secret between RADIUS client and server in these tests.
let radiusSecret = SecretBytes(Array("testing123".utf8))

/// Now, for programs that read the clock themselves.
var today: WallTime { WallTime(secondsSinceEpoch: Int64(Date().timeIntervalSince1970)) }

/// A UDP socket on the loopback.
final class LoopbackSocket: Sendable {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        self.descriptor = descriptor
        try #require(descriptor >= 0)
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
            }
        }
        try #require(bound)
        port = UInt16(bigEndian: address.sin_port)
        var patience = timeval(tv_sec: 0, tv_usec: 200_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// A datagram and where it came from; nil after 0.2 s without one.
    func receive() -> (bytes: [UInt8], port: UInt16)? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var from = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &from) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
            }
        }
        return count > 0 ? (Array(buffer.prefix(count)), UInt16(bigEndian: from.sin_port)) : nil
    }

    func send(_ bytes: [UInt8], to port: UInt16) {
        var address = Self.address(port)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A folder for files that foreign programs read; it goes with its owner.
final class ScratchFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("culvert-\(UUID().uuidString)").path
        // FreeRADIUS refuses what others can write, and another test may be trying umask 0.
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        return file
    }

    /// A certificate as PEM.
    func write(_ name: String, certificate made: Made) throws -> String {
        let base64 = Data(made.der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
        return try write(name, "-----BEGIN CERTIFICATE-----\n\(base64)\n-----END CERTIFICATE-----\n")
    }

    /// A key as PEM.
    func write(_ name: String, key made: Made) throws -> String { try write(name, made.key.pemRepresentation) }
}

/// What a program said and how it ended.
func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}
