import Foundation
import Testing

/// Everything the fuzzer keeps is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func inputsOfTheRADIUSFuzzerHoldTheProperties(folder: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let inputs = root.appendingPathComponent("Fuzz/\(folder)/radius-packet")
    for name in (try? FileManager.default.contentsOfDirectory(atPath: inputs.path))?.sorted() ?? [] {
        let bytes = [UInt8](try Data(contentsOf: inputs.appendingPathComponent(name)))
        #expect(RADIUSPacketProperties.violation(bytes) == nil, "\(name)")
        // Each octet of it flipped, and each prefix, as a small fuzzer of its own.
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0xff
            #expect(RADIUSPacketProperties.violation(changed) == nil, "\(name), octet \(index)")
            #expect(RADIUSPacketProperties.violation(Array(bytes.prefix(index))) == nil, "\(name), first \(index)")
        }
    }
    #expect(folder == "crashes" || FileManager.default.fileExists(atPath: inputs.path))
}
