import Foundation
import Testing

/// Everything the fuzzer keeps is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func inputsOfTheKeyFuzzerHoldTheProperties(folder: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let directory = root.appendingPathComponent("Fuzz/\(folder)/public-key")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    #expect(folder == "crashes" || !names.isEmpty)
    for name in names.sorted() where !name.hasPrefix(".") {
        let bytes = Array(try Data(contentsOf: directory.appendingPathComponent(name)))
        #expect(PublicKeyProperties.violation(octets: bytes) == nil, "\(name)")
    }
}
