import Testing

/// Planted faults: each law must see its own, and stay silent on the sound twin beside it.
@Suite("The laws bite")
struct LawsBiteTests {
    private func file(_ path: String, _ text: String) -> SourceFile { SourceFile(path: path, text: text) }

    private static let manifestText = """
        let house: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]
        let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
        let floor1: [Target.Dependency] = ["IPsecTypes"]
        let more: [Target.Dependency] =
            floor1 + ["IKEMessage"]
        var targets: [Target] = [
            room("IPsecTypes", "Ground"),
            room("IKEMessage", "Protocol", floor1),
            room("IKECrypto", "Protocol", floor1 + [crypto]),
            room("IKEv2", "Protocol", more),
            EXTRA
        ]
        dependencies: [.package(url: "https://example.com/apple/swift-crypto", exact: "1.0.0")]
        """

    private func manifest(_ extra: String = "") -> (Manifest, String) {
        let text = Self.manifestText.replacing("EXTRA", with: extra)
        return (Manifest(text), text)
    }

    private func manifestFaults(_ extra: String) -> [String] {
        let (manifest, text) = manifest(extra)
        return EdgeLaws.checkManifest(manifest, text: text).map(\.message)
    }

    @Test func aSoundManifestPasses() {
        #expect(manifestFaults("").isEmpty)
    }

    @Test func aSidewaysEdgeIsSeen() {
        let faults = manifestFaults(#"room("ESP", "Protocol", floor1 + ["IKEMessage"]),"#)
        #expect(faults.count == 1 && faults.first?.hasPrefix("sideways") == true)
    }

    @Test func anUpwardEdgeIsSeen() {
        let faults = manifestFaults(#"room("ESP", "Protocol", floor1 + ["Dataplane"]),"#)
        #expect(faults.count == 1 && faults.first?.hasPrefix("upward") == true)
    }

    @Test func floorFiveSeesFloorsOneAndTwoOnly() {
        let faults = manifestFaults(#"room("Store", "System", ["IKEv2", "IKEMessage"]),"#)
        #expect(faults.count == 1 && faults.first?.contains("floor 5") == true)
    }

    @Test func aRoomWithoutAFloorOrInTheWrongWingIsSeen() {
        #expect(manifestFaults(#"room("Cellar", "Ground"),"#).count == 2)
        #expect(manifestFaults(#"room("ESP", "Trust"),"#).count == 1)
    }

    @Test func droppedWarningsAsErrorsAreSeen() {
        let text = Self.manifestText.replacing(".treatAllWarnings(as: .error)", with: "")
        #expect(EdgeLaws.checkManifest(Manifest(text), text: text).count == 1)
    }

    private func importFaults(_ path: String, _ text: String) -> [String] {
        EdgeLaws.checkImports(file(path, text), manifest: manifest().0).map(\.message)
    }

    @Test func importsAreHeldToTheFloors() {
        let path = "Sources/Protocol/IKEv2/A.swift"
        #expect(importFaults(path, "import IPsecTypes\nimport IKEMessage\nimport Synchronization").isEmpty)
        #expect(importFaults(path, "internal import Gateway").first?.hasPrefix("upward") == true)
        #expect(importFaults(path, "import struct Crypto.SHA256").first?.contains("not declared") == true)
        #expect(importFaults(path, "@preconcurrency import IKECrypto").first?.contains("not declared") == true)
        #expect(importFaults(path, "import NIOCore").first?.contains("no network") == true)
        #expect(importFaults(path, "// import Gateway\nlet text = \"import Gateway\"").isEmpty)
        #expect(importFaults("Sources/Trust/IKEv2/A.swift", "").count == 1)
    }

    @Test func aDependencyWithoutItsLineIsSeen() {
        let manifest = manifest().0
        #expect(DependencyLaw.check(manifest, architecture: "| swift-crypto | curves | IKECrypto |").isEmpty)
        #expect(DependencyLaw.check(manifest, architecture: "| swift-crypto | curves | PKI |").count == 1)
        #expect(DependencyLaw.check(manifest, architecture: "swift-crypto is nice").count == 1)
        let loose = Self.manifestText.replacing("exact:", with: "from:")
        #expect(DependencyLaw.check(Manifest(loose), architecture: "| swift-crypto | x | IKECrypto |").count == 1)
    }

    private func lines(_ count: Int) -> String {
        Array(repeating: "    step()", count: count).joined(separator: "\n")
    }

    @Test func aLongFileIsSeenUnlessItSaysWhy() {
        let long = lines(401)
        #expect(SizeLaws.checkFile(file("Sources/Protocol/ESP/A.swift", lines(400))).isEmpty)
        #expect(SizeLaws.checkFile(file("Sources/Protocol/ESP/A.swift", long)).count == 1)
        #expect(SizeLaws.checkFile(file("Sources/Protocol/ESP/A.swift", "// Long because a table\n" + long)).isEmpty)
    }

    private func functionFaults(_ text: String) -> [Violation] {
        SizeLaws.checkFunctions(file("Sources/Protocol/ESP/A.swift", text))
    }

    @Test func aLongFunctionIsSeenWhateverHidesItsBraces() {
        #expect(functionFaults("func f() {\n\(lines(68))\n}").isEmpty)
        #expect(functionFaults("func f() {\n\(lines(69))\n}").count == 1)
        #expect(functionFaults("init(a: () -> Void = {}) throws(E) {\n\(lines(70))\n}").count == 1)
        #expect(functionFaults("func f() {\n  let a = \"}\" // }\n  /* } */\n\(lines(70))\n}").count == 1)
        #expect(functionFaults("func f() {\n  let a = \"\"\"\n  } \\(b { }) \n  \"\"\"\n\(lines(70))\n}").count == 1)
        #expect(functionFaults("func f() {\n  let a = #\"}\\\"\"#\n\(lines(70))\n}").count == 1)
        #expect(functionFaults("// Long because it is a table.\nfunc f() {\n\(lines(70))\n}").isEmpty)
        #expect(functionFaults("protocol P {\n func f()\n func g()\n}\n\(lines(90))").isEmpty)
        #expect(functionFaults("struct S {\n func f() {}\n\(lines(90))\n}").isEmpty)
    }

    private func tokenFaults(_ path: String, _ text: String) -> Int {
        TokenLaws.check(file(path, text)).count
    }

    @Test(arguments: [
        "let t = Date()", "let t = ContinuousClock.now", "clock_gettime(CLOCK_MONOTONIC, &t)", "let n = clock.now()",
        "var g = SystemRandomNumberGenerator()", "let x = Int.random(in: 0..<9)", "list.shuffled()",
        "let a = try! f()", "let a = b as! C", "let a = map[key]!", "let a = value!", "var a: Int!",
        "let d = Data(bytes)", "import Foundation", "let p: UnsafeRawPointer", "print(key)", "socket(AF_INET, 1, 0)",
        "FileManager.default", "Task { work() }", "await work()", "actor A {}", "Insecure.SHA1.hash(data: d)",
        "fatalError()", "culvert_md4(a, 1, &b)", "culvert_des_block(a, b, &c)",
    ])
    func aBannedSpellingInTheCoreIsSeen(_ text: String) {
        #expect(tokenFaults("Sources/Protocol/IKEv2/A.swift", text) == 1, "\(text)")
        #expect(tokenFaults("Sources/Protocol/IKEv2/A.swift", "// " + text) == 0, "a comment may say it")
        #expect(tokenFaults("Sources/Protocol/IKEv2/A.swift", "let s = #\"" + text + "\"#") == 0, "a string may say it")
    }

    @Test(arguments: [
        "let t = Date(timeIntervalSince1970: 0)", "if a != b { }", "if !a { }",
        "let x = Int.random(in: 0..<9, using: &g)",
        "a = !b", "call(!done)", "let metadata = Metadata(x)", "let snapshot = state.now",
    ])
    func aSoundSpellingPasses(_ text: String) {
        #expect(tokenFaults("Sources/Protocol/IKEv2/A.swift", text) == 0, "\(text)")
    }

    @Test func exceptionsHoldOnlyWhereTheyAreGranted() {
        #expect(
            tokenFaults("Sources/Ground/LegacyDigests/FixedLegacyDigests.swift", "Insecure.SHA1.hash(data: d)") == 0
        )
        #expect(tokenFaults("Sources/Protocol/IKECrypto/Other.swift", "Insecure.SHA1.hash(data: d)") == 1)
        #expect(tokenFaults("Sources/System/PacketIO/SystemClock.swift", "clock_gettime(a, b)") == 0)
        #expect(tokenFaults("Sources/System/PacketIO/Poller.swift", "clock_gettime(a, b)") == 1)
        #expect(tokenFaults("Sources/Access/AuditLog/A.swift", "import Foundation") == 0)
        #expect(tokenFaults("Sources/Product/Gateway/A.swift", "print(a)") == 0)
    }

    @Test func anIndexOrABareMinusOnWireDataIsSeen() {
        let path = "Sources/Protocol/IKEMessage/A.swift"
        #expect(WireLaw.check(file(path, "let a = bytes[4]")).count == 1)
        #expect(WireLaw.check(file(path, "let a = length - 8")).count == 1)
        #expect(WireLaw.check(file(path, "let a: [UInt8] = [-1, 2]\nlet b = f() -> [UInt8]")).isEmpty)
        #expect(WireLaw.check(file(path, "let a = writer.count - start\nlet b = names[a] ?? text")).isEmpty)
        #expect(WireLaw.check(file("Sources/Protocol/ESP/A.swift", "let a = length - 8")).isEmpty)
    }

    @Test func anUnprovedEscapeFromSharingChecksIsSeen() {
        let path = "Sources/System/PacketIO/A.swift"
        #expect(SharingLaw.check(file(path, "final class A: @unchecked Sendable {}")).count == 1)
        #expect(SharingLaw.check(file(path, "nonisolated(unsafe) var a = 1")).count == 1)
        #expect(SharingLaw.check(file(path, "// One owner.\nfinal class A: @unchecked Sendable {}")).isEmpty)
        #expect(SharingLaw.check(file(path, "nonisolated func f() {}")).isEmpty)
    }

    @Test func workshopWordsAndUnsignedOpenEndsAreSeen() {
        #expect(TextLaws.checkWords(file("docs/a.md", "see /wo" + "rk/plan")).count == 1)
        #expect(TextLaws.checkWords(file("docs/a.md", "// TO" + "DO: later")).count == 1)
        #expect(TextLaws.checkWords(file("docs/a.md", "// TO" + "DO(#12): later")).isEmpty)
    }

    @Test func unpairedBracesAreSeen() {
        #expect(SizeLaws.checkBraces(file("Sources/Protocol/ESP/A.swift", "struct A { func f() {}")).count == 1)
    }
}
