import Foundation
import Testing

/// Everything the fuzzer keeps is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func inputsOfTheTicketFuzzerHoldTheProperties(folder: String) throws {
    let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz/\(folder)/ticket")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    #expect(folder == "crashes" || !names.isEmpty)
    for name in names.sorted() where !name.hasPrefix(".") {
        let bytes = Array(try Data(contentsOf: directory.appendingPathComponent(name)))
        #expect(TicketProperties.violation(content: bytes) == nil, "\(name)")
    }
}
