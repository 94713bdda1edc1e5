import Foundation
import Testing

/// Everything the fuzzers keep is replayed for ever, with each octet flipped and each prefix as a small fuzzer of its own.
@Suite struct FuzzReplayTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func replay(_ target: String, _ property: ([UInt8]) -> String?) throws {
        var count = 0
        for folder in ["corpus", "crashes"] {
            let inputs = Self.root.appendingPathComponent("Fuzz/\(folder)/\(target)")
            for name in (try? FileManager.default.contentsOfDirectory(atPath: inputs.path))?.sorted() ?? [] {
                let bytes = [UInt8](try Data(contentsOf: inputs.appendingPathComponent(name)))
                count += 1
                #expect(property(bytes) == nil, "\(name)")
                for index in bytes.indices.prefix(200) {
                    var changed = bytes
                    changed[index] ^= 0xFF
                    #expect(property(changed) == nil, "\(name), octet \(index)")
                    #expect(property(Array(bytes.prefix(index))) == nil, "\(name), first \(index)")
                }
            }
        }
        #expect(count > 0, "no seeds of \(target)")
    }

    @Test func packets() throws { try replay("eap-packet") { EAPProperties.violation(packet: $0) } }
    @Test func mschapv2() throws { try replay("eap-mschapv2") { EAPProperties.violation(mschapv2: $0) } }
    @Test func fragments() throws { try replay("eap-fragments") { EAPProperties.violation(fragments: $0) } }
    @Test func attributes() throws { try replay("eap-attributes") { EAPProperties.violation(attributes: $0) } }
}
