import Foundation
import Testing

private func inputs(_ folder: String) throws -> [(name: String, bytes: [UInt8])] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz/\(folder)")
    guard FileManager.default.fileExists(atPath: root.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: root.path).sorted().map {
        ($0, [UInt8](try Data(contentsOf: root.appendingPathComponent($0))))
    }
}

/// Everything the fuzzers keep is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func inputsOfTheInnerPacketFuzzerHoldTheProperties(folder: String) throws {
    for input in try inputs("\(folder)/esp-inner") {
        #expect(ESPProperties.violation(inner: input.bytes) == nil, "\(input.name)")
    }
}

@Test(arguments: ["corpus", "crashes"])
func inputsOfTheDatagramFuzzerHoldTheProperties(folder: String) throws {
    for input in try inputs("\(folder)/esp-datagram") {
        #expect(ESPProperties.violation(datagram: input.bytes) == nil, "\(input.name)")
    }
}

@Test(arguments: ["corpus", "crashes"])
func inputsOfTheOffloadFuzzerHoldTheProperties(folder: String) throws {
    for input in try inputs("\(folder)/esp-offload") {
        #expect(ESPProperties.violation(offload: input.bytes) == nil, "\(input.name)")
    }
}

@Test func changedPacketsHoldTheProperties() {
    var generator = SeededGenerator(seed: 1)
    let extensions: [UInt8] = [44, 0, 1, 4, 0, 0, 0, 0] + [6, 0, 0, 1, 0, 0, 0, 1]
    let segment: [UInt8] = [1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x70, 2, 0, 0, 0, 0, 0, 0, 2, 4, 5, 180, 1, 1, 1, 0]
    let seeds = [
        ipPacket(address("10.0.0.1"), address("10.0.0.2"), ipProtocol: 6, payload: segment),
        ipPacket(address("fd00::1"), address("fd00::2"), ipProtocol: 0, payload: extensions + segment),
        ipPacket(address("10.0.0.1"), address("10.0.0.2"), ipProtocol: 17, payload: udp(1, 2, [1, 2, 3])),
    ]
    for seed in seeds {
        #expect(ESPProperties.violation(inner: seed) == nil)
        for _ in 0..<1000 {
            var changed = seed
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                changed[Int.random(in: 0..<changed.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            if Bool.random(using: &generator) {
                changed = Array(changed.prefix(Int.random(in: 0...changed.count, using: &generator)))
            }
            let problem = ESPProperties.violation(inner: changed) ?? ESPProperties.violation(datagram: changed)
            #expect(problem == nil, "\(changed)")
        }
    }
}
