import Foundation
import Testing

/// Everything the fuzzer keeps is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func inputsOfTheChainFuzzerHoldTheProperties(folder: String) async throws {
    let directory = vectors("../../Fuzz/\(folder)/chain")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    #expect(folder == "crashes" || names.count > 50)
    for name in names.sorted() where !name.hasPrefix(".") {
        let bytes = Array(try Data(contentsOf: directory.appendingPathComponent(name)))
        #expect(await ChainProperties.violation(input: bytes) == nil, "\(name)")
    }
}

/// The seeds are what their names say, so that what the fuzzer breaks was whole.
@Test func soundSeedsPassAndOthersDoNot() async throws {
    for (name, passes) in [
        ("sound", true), ("sound-with-root", true), ("sound-rsa", true), ("sound-tls", true), ("hostile-root", true),
        ("not-a-gateway", false), ("stranger", false), ("leaf-as-authority", false), ("path-length", false),
        ("constrained", false), ("authority-as-peer", false), ("nine", false), ("empty", false),
    ] {
        let bytes = Array(try Data(contentsOf: vectors("../../Fuzz/corpus/chain/\(name)")))
        #expect(await ChainProperties.isAccepted(input: bytes) == passes, "\(name)")
    }
}
