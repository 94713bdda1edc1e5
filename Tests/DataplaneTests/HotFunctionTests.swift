import Foundation
import Testing

/// Law 3 as the processor sees it: what runs for every packet, or for every batch of one, neither counts references nor
/// allocates nor takes locks. Read from the machine code of the optimised build.
@Suite struct HotFunctionTests {
    /// Mangled beginnings of names. Each must be there, so that a function that was renamed is not forgotten.
    private static let hot: [String: [String]] = [
        "Dataplane": [
            "$s9Dataplane10PacketPathV4send", "$s9Dataplane10PacketPathV7receive", "$s9Dataplane10PacketPathV4open",
            "$s9Dataplane10PacketPathV4seal", "$s9Dataplane10PacketPathV5admit", "$s9Dataplane10PacketPathV6choose",
            "$s9Dataplane10PacketPathV13judgeOutbound", "$s9Dataplane10PacketPathV12judgeInbound",
            "$s9Dataplane10PacketPathV12countInbound", "$s9Dataplane13OutboundTableV4find",
            "$s9Dataplane0A6WorkerV10sendMarked",
            "$s9Dataplane0A6WorkerV7readTUN", "$s9Dataplane9TUNReaderV4fill", "$s9Dataplane9TUNWriterV5write",
            "$s9Dataplane13HandoverDoorsV11pushInbound", "$s9Dataplane13HandoverDoorsV12pushOutbound",
        ],
        "ESP": [
            "$s3ESP10OutboundSAV4seal", "$s3ESP9InboundSAV4open", "$s3ESP12ReplayWindowV6accept",
            "$s3ESP12ReplayWindowV9candidate", "$s3ESP12PacketMergerV3add", "$s3ESP11SuperPacketV5write",
            "$s3ESP8IPPacketV5parse", "$s3ESP11SelectorSetV10firstMatch",
        ],
        "PacketIO": [
            "$s8PacketIO9UDPSocketC4send", "$s8PacketIO9UDPSocketC7receive", "$s8PacketIO11MessageRingC4push",
            "$s8PacketIO9TUNDeviceC5write", "$s8PacketIO0A5BatchC6append",
        ],
    ]

    /// Of these, what makes and unmakes a value is not hot.
    private static let notHot = ["fD", "fd", "fC", "fc"]

    private static let forbidden = [
        "swift_retain", "swift_release", "swift_bridgeObject", "swift_unknownObject", "swift_allocObject",
        "swift_slowAlloc", "swift_isUniquely", "swift_beginAccess", "swift_task", "swift_once", "pthread_mutex",
        "pthread_rwlock", "malloc", "calloc", "realloc", "free",
    ]

    @Test func nothingIsCountedAllocatedOrLockedForAPacket() throws {
        #if !DEBUG
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".build/release")
        for (module, beginnings) in Self.hot {
            let functions = try Self.calls(in: folder.appendingPathComponent("\(module).build"))
            for beginning in beginnings {
                let found = functions.filter { name, _ in
                    name.hasPrefix(beginning) && !Self.notHot.contains { name.hasSuffix($0) }
                }
                #expect(!found.isEmpty, "\(beginning) is not in the build")
                for (name, called) in found {
                    let bad = called.filter { Self.isForbidden($0, functions) }
                    #expect(bad.isEmpty, "\(name) calls \(bad.sorted().joined(separator: " "))")
                }
            }
        }
        #endif
    }

    /// Outlined copies and destructions of values are looked into.
    private static func isForbidden(_ name: String, _ functions: [String: Set<String>]) -> Bool {
        if forbidden.contains(where: {
            name == $0 || ($0.hasPrefix("swift_") || $0.hasPrefix("pthread")) && name.hasPrefix($0)
        }) {
            return true
        }
        let isOutlined = name.dropLast().hasSuffix("WO")
        return isOutlined && (functions[name] ?? []).contains { isForbidden($0, [:]) }
    }

    /// What each function of a module's object files refers to.
    private static func calls(in folder: URL) throws -> [String: Set<String>] {
        let objects = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasSuffix(".swift.o")
        }
        try #require(!objects.isEmpty)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["objdump", "-dr", "--no-show-raw-insn"] + objects.map { folder.path + "/" + $0 }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "objdump (binutils) reads the object files")
        var functions: [String: Set<String>] = [:]
        var current = ""
        for line in text.split(separator: UInt8(ascii: "\n")) {
            if line.last == UInt8(ascii: ":"), let open = line.firstIndex(of: UInt8(ascii: "<")) {
                // 0000000000000000 <name>:
                current = String(decoding: line[(open + 1)...].dropLast(2), as: UTF8.self)
                functions[current] = functions[current] ?? []
            } else if let type = line.firstRange(of: Array(": R_".utf8)) {
                //     12: R_X86_64_PLT32  name-0x4
                let rest = line[type.upperBound...].drop { $0 != UInt8(ascii: "\t") && $0 != UInt8(ascii: " ") }
                let name = rest.drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
                let target = name.prefix {
                    $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "@")
                }
                functions[current, default: []].insert(String(decoding: target, as: UTF8.self))
            }
        }
        return functions
    }
}
