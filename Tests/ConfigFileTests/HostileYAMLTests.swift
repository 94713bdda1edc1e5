import ConfigFile
import IPsecTypes
import Testing

/// The codes and places of what is wrong with a text; empty when it parses.
func yamlProblems(_ text: String) -> [ConfigProblem] { yamlProblems(Array(text.utf8)) }

func yamlProblems(_ bytes: [UInt8]) -> [ConfigProblem] {
    do throws(ConfigProblems) {
        _ = try ConfigDocument.parse(bytes, file: "x.yaml")
        return []
    } catch {
        return error.problems
    }
}

private func first(_ text: String) -> String {
    yamlProblems(text).first.map { "\($0.code) \($0.place.line):\($0.place.column)" } ?? "none"
}

@Test func aTreeKeepsLinesColumnsAndWhetherTextWasQuoted() throws {
    let text = "name: gw\nlist:\n  - 1\n  - \"2\"\nmap: {k: v}\nempty:\n"
    let node = try ConfigDocument.parse(Array(text.utf8), file: "x.yaml")
    let entries = try #require(node.entries)
    #expect(entries.map(\.key) == ["name", "list", "map", "empty"])
    #expect(entries[0].value.place == SourcePlace(file: "x.yaml", line: 1, column: 7))
    #expect(entries[1].value.elements?.map(\.value) == [.scalar("1", plain: true), .scalar("2", plain: false)])
    #expect(entries[1].value.elements?.last?.place.line == 4)
    #expect(entries[2].value.entries?.first?.place.column == 7)
    #expect(entries[3].value.value == .null)
}

@Test func duplicateKeysAreRefusedAtTheSecondOne() {
    #expect(first("a: 1\nb: 2\na: 3\n") == "E1002 3:1")
    #expect(first("a:\n  x: 1\n  y: 2\n  x: 3\n") == "E1002 4:3")
    #expect(first("{a: 1, \"a\": 2}") == "E1002 1:2")
}

@Test func anchorsAliasesTagsMergeKeysAndSeveralDocumentsAreRefused() {
    #expect(first("a: &x 1\nb: *x\n") == "E1007 1:4")
    #expect(first("a: *x\n") == "E1007 1:4")
    #expect(first("a: !!python/object 1\n") == "E1007 1:4")
    #expect(first("a: !local 1\n") == "E1007 1:4")
    #expect(first("a: !!int \"1\"\n") == "E1007 1:4")
    #expect(first("a: !!map {b: c}\n") == "E1007 1:4")
    #expect(first("<<: {a: 1}\n") == "E1007 1:1")
    #expect(first("a: 1\n---\nb: 2\n").hasPrefix("E1007 2"))
    #expect(first("a: &x {b: &y [1]}\n") == "E1007 1:4")
}

@Test func anAliasBombIsRefusedBeforeItGoesOff() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1...30 {
        let aliases = [String](repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
        text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    #expect(first(text) == "E1007 1:5")
    // In a key the parser itself would hash the whole of it.
    #expect(first(text + "? *a30\n: boom\n") == "E1007 1:5")
    // Few aliases cannot multiply much, and still are refused.
    #expect(first("a: &a [x]\n? [*a, *a]\n: b\n").hasPrefix("E1007"))
}

@Test func ampersandsAndStarsInsideTextAreNoAnchors() {
    #expect(yamlProblems("a: \"&x *y\"\nb: https://h/?a=1&b=2*c\n# &x *y\n").isEmpty)
    #expect(yamlProblems("a: refs/heads/*\nb: 'x & y'\n").isEmpty)
}

@Test func bytesThatAreNoTextAreRefusedWhereTheyStand() {
    #expect(first("a: 1\nb: \u{0}\n") == "E1009 2:4")
    #expect(first("a: \u{1b}[31m\n") == "E1009 1:4")
    #expect(first("a: \u{202e}evil\n") == "E1009 1:4")
    let invalid = yamlProblems(Array("a: 1\nbc".utf8) + [0xff, 0x0a])
    #expect(invalid.first?.place == SourcePlace(file: "x.yaml", line: 2, column: 3))
    #expect(yamlProblems([0xef, 0xbb, 0xbf] + Array("a: 1".utf8)).isEmpty)
    #expect(yamlProblems([0xff, 0xfe, 0x61, 0x00]).first?.code == .notText)
    #expect(first("a: 1\rb: 2\n") == "E1009 1:5")
    #expect(first("a: 1\r") == "E1009 1:5")
    #expect(first("a: 1\r\nb: [\r\n").hasPrefix("E1001 3"))
    // A surrogate half and an overlong form are not UTF-8.
    #expect(yamlProblems([0x61, 0x3a, 0x20, 0xed, 0xa0, 0x80]).first?.code == .notText)
    #expect(yamlProblems([0x61, 0x3a, 0x20, 0xc0, 0xaf]).first?.code == .notText)
}

@Test func anEmptyFileIsRefusedAsSuch() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "~\n", "null\n"] {
        #expect(yamlProblems(text).map(\.code) == [.emptyFile], "\(text)")
    }
}

@Test func aFileThatIsTooLargeIsRefusedUnread() {
    let large = [UInt8](repeating: 0x61, count: ConfigDocument.maximumBytes + 1)
    #expect(yamlProblems(large).map(\.code) == [.fileTooLarge])
    #expect(yamlProblems([UInt8](repeating: 0x61, count: ConfigDocument.maximumBytes)).isEmpty)
}

@Test func nestingBeyondTheBoundIsRefusedHoweverDeep() {
    func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(yamlProblems(nested(32)).isEmpty)
    #expect(yamlProblems(nested(33)).map(\.code) == [.fileTooLarge])
    #expect(yamlProblems(nested(900)).map(\.code) == [.fileTooLarge])
    for text in [
        nested(100_000), String(repeating: "- ", count: 100_000) + "x", String(repeating: "{a: ", count: 50_000),
        String(repeating: "? ", count: 50_000) + "x",
    ] {
        #expect(!yamlProblems(text).isEmpty)
    }
    var block = ""
    for level in 0..<400 { block += String(repeating: " ", count: level) + "a:\n" }
    #expect(yamlProblems(block + String(repeating: " ", count: 400) + "b: 1\n").map(\.code) == [.fileTooLarge])
}

@Test func manyValuesAreBounded() {
    let text = "[" + String(repeating: "a,", count: 150_000) + "]"
    #expect(yamlProblems(text).first?.code == .fileTooLarge)
}

@Test func brokenYAMLNamesThePlaceAndTheRemedy() {
    #expect(first("a: b: c\n") == "E1001 1:5")
    #expect(yamlProblems("a: b: c\n").first?.hint == "quote the value: it holds ': '")
    #expect(first("a: [1, 2\n").hasPrefix("E1001"))
    #expect(first("a: \"unfinished\n").hasPrefix("E1001"))
    #expect(first("a:\n\tb: 1\n").hasPrefix("E1001 2"))
    #expect(yamlProblems("a:\n\tb: 1\n").first?.hint?.contains("tabs") == true)
    #expect(first("a: @x\n").hasPrefix("E1001"))
}

@Test func keysThatAreNoTextAreRefused() {
    #expect(first("? [a]\n: b\n").hasPrefix("E1004"))
    #expect(first("? {a: b}\n: c\n").hasPrefix("E1004"))
    #expect(first("~: c\n").hasPrefix("E1004"))
}

@Test func randomDamageToAFileNeverCrashesTheParser() {
    let original = Array(GatewayConfiguration.defaultsText().utf8)
    var state: UInt64 = 42
    func next() -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33)
    }
    let marks = Array("&*!{}[]:-?|>%@`\"'#\n\t \u{0}".utf8) + [0xff, 0xc3]
    for _ in 0..<400 {
        var bytes = original
        for _ in 0...(next() % 6) {
            let position = next() % bytes.count
            switch next() % 3 {
            case 0: bytes[position] = marks[next() % marks.count]
            case 1: bytes.insert(marks[next() % marks.count], at: position)
            default: bytes.removeSubrange(position..<min(bytes.count, position + next() % 20))
            }
        }
        do throws(ConfigProblems) {
            _ = try GatewayConfiguration.decode(bytes, file: "gateway.yaml")
        } catch {
            #expect(!error.problems.isEmpty)
            #expect(error.problems.allSatisfy { $0.code.exitClass == .config && $0.place.file == "gateway.yaml" })
        }
    }
}
