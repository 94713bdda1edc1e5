import Foundation
import Testing

/// Everything the fuzzer keeps is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func framesOfTheFuzzerHoldTheProperties(folder: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let directory = root.appendingPathComponent("Fuzz/\(folder)/admin-request")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    #expect(folder == "crashes" || !names.isEmpty)
    for name in names.sorted() where !name.hasPrefix(".") {
        let bytes = Array(try Data(contentsOf: directory.appendingPathComponent(name)))
        #expect(AdminCodingProperties.violation(frame: bytes) == nil, "\(name)")
    }
}

@Test func framesNestedWithoutEndAreRefusedOnASmallStack() {
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
        for opening in ["[", "{\"version\":", "{\"version\":1,\"operation\":["] {
            let bytes = Array(String(repeating: opening, count: (1 << 20) / opening.utf8.count).utf8)
            #expect(AdminCodingProperties.violation(frame: bytes) == nil)
        }
        done.signal()
    }
    // The threads that answer control requests have no more.
    thread.stackSize = 1 << 20
    thread.start()
    #expect(done.wait(timeout: .now() + 60) == .success)
}
