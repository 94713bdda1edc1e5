import IPsecTypes
import Testing

private let place = SourcePlace(file: "f", line: 1, column: 1)

private func read<Value>(_ text: String, _ form: ConfigForm<Value>) -> Value? {
    form.read(ConfigNode(.scalar(text, plain: true), at: place), ConfigDiagnostics())
}

@Test func durationsReadAndShowInTheSameForm() {
    for text in ["500ms", "30s", "15m", "1h", "7d", "1h30m", "1d2h3m4s5ms", "0s"] {
        #expect(Duration(configText: text)?.configText == text)
    }
    #expect(Duration(configText: "90s") == .seconds(90))
    for text in [
        "", "5", "s", "1.5s", "-1s", "1m1h", "1s1s", "99999999999999999999s", "1 s", "1µs", "٣s", "9999999999d",
    ] {
        #expect(Duration(configText: text) == nil, "\(text)")
    }
}

@Test func sizesReadAndShowInTheSameForm() {
    for text in ["1B", "64KiB", "1MiB", "64GiB", "1TiB", "1500B", "0B"] {
        #expect(UInt64(sizeText: text)?.sizeText == text)
    }
    for text in ["", "1", "1MB", "1mib", "KiB", "99999999999999TiB", "-1B", "1.5KiB"] {
        #expect(UInt64(sizeText: text) == nil, "\(text)")
    }
}

@Test func bytesThatHostnamesMayNotHoldAreRefused() {
    for name in ["a", "vpn.example.com", "x-1.y", "1a.example", "xn--bcher-kva.example"] { #expect(name.isHostname) }
    for name in ["", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "10.0.0.1", "1.2", "::1", "a b", "ä", "*.a"] {
        #expect(!name.isHostname, "\(name)")
    }
    #expect(!String(repeating: "a", count: 64).isHostname)
    #expect(!(String(repeating: "a.", count: 127) + "b").isHostname)
}

@Test func quotedTextIsSafeInYAML() {
    #expect("plain/path-1.x".yamlQuoted == "plain/path-1.x")
    #expect("true".yamlQuoted == "\"true\"")
    #expect("a: b".yamlQuoted == "\"a: b\"")
    #expect("a\"\\\n".yamlQuoted == #""a\"\\\n""#)
    #expect("".yamlQuoted == "\"\"")
    #expect("::1".yamlQuoted == "\"::1\"")
    #expect("\u{1b}".yamlQuoted == "\"\\x1b\"")
}

@Test func textAndNamesRefuseControlCharacters() {
    #expect(read("a\u{7}", .text()) == nil)
    #expect(read("a b", .name()) == nil)
    #expect(read("a_b.c-1", .name()) == "a_b.c-1")
    #expect(read("x", .path(relativeTo: "/d")) == "/d/x")
    #expect(read("/x", .path(relativeTo: "/d")) == "/x")
    #expect(read("\u{0}", .path()) == nil)
}

@Test func aSingleValueStandsForAListOfOne() {
    #expect(read("10.0.0.0/8", .list(of: .prefix))?.map(\.description) == ["10.0.0.0/8"])
    let diagnostics = ConfigDiagnostics()
    let long = ConfigNode(.list((0..<9).map { _ in ConfigNode(.scalar("1.1.1.1", plain: true), at: place) }), at: place)
    #expect(ConfigForm<[IPAddress]>.list(of: .address, count: 1...8).read(long, diagnostics) == nil)
    #expect(!diagnostics.isClean)
}

@Test func theNearestNameIsWhatWasMostLikelyMeant() {
    let names = ["address", "addresses", "allow", "deny", "lease", "max_lease", "retransmit_first"]
    #expect(NearestName.find("adress", in: names) == "address")
    #expect(NearestName.find("alow", in: names) == "allow")
    #expect(NearestName.find("laese", in: names) == "lease")
    #expect(NearestName.find("max-lease", in: names) == "max_lease")
    #expect(NearestName.find("DENY", in: names) == "deny")
    #expect(NearestName.find("zebra", in: names) == nil)
    #expect(NearestName.find("", in: names) == nil)
    #expect(NearestName.find(String(repeating: "a", count: 10_000), in: names) == nil)
}

@Test func editDistanceCountsInsertionsDeletionsReplacementsAndSwaps() {
    #expect(NearestName.distance("", "abc") == 3)
    #expect(NearestName.distance("abc", "abc") == 0)
    #expect(NearestName.distance("abc", "acb") == 1)
    #expect(NearestName.distance("kitten", "sitting") == 3)
    #expect(NearestName.distance("abc", "") == 3)
}

@Test func aReaderOfAMapRefusesWhatNobodyAskedFor() {
    let diagnostics = ConfigDiagnostics()
    func entry(_ key: String, _ line: Int) -> ConfigNode.Entry {
        let at = SourcePlace(file: "f", line: line, column: 1)
        return ConfigNode.Entry(key: key, place: at, value: ConfigNode(.scalar("1", plain: true), at: at))
    }
    let node = ConfigNode(.map([entry("two", 2), entry("one", 1)]), at: place)
    let map = ConfigMap(node, diagnostics, subject: "it")
    #expect(map?.value("one", .integer(0...5)) == 1)
    _ = map?.required("three", .integer(0...5))
    map?.finish()
    do throws(ConfigProblems) {
        try diagnostics.throwProblems()
        Issue.record("accepted")
    } catch {
        #expect(error.problems.map(\.code) == [.missingKey, .unknownKey])
    }
}

@Test func problemsAreBoundedAndNotRepeated() {
    let diagnostics = ConfigDiagnostics()
    for line in 0..<500 {
        let at = SourcePlace(file: "f", line: line, column: 1)
        diagnostics.report(.unknownKey, at: at, "x")
        diagnostics.report(.unknownKey, at: at, "x")
    }
    do throws(ConfigProblems) {
        try diagnostics.throwProblems()
    } catch {
        #expect(error.problems.count == ConfigDiagnostics.maximumProblems)
    }
}
