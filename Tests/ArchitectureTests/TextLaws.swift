/// What no file may say, and what the documents must.
enum TextLaws {
    /// Places and words of somebody's workshop. Joined from halves so that this file obeys its own law.
    static let forbidden = ["/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "FIX" + "ME", "XX" + "X:"]

    static func checkWords(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            for word in forbidden where line.contains(word) {
                found.append(Violation(file.path, index + 1, "\"\(word)\" has no place in the repository"))
            }
            if line.contains("TO" + "DO"), !line.contains("TO" + "DO(#") {
                found.append(Violation(file.path, index + 1, "an open end without an issue's number"))
            }
        }
        return found
    }

    /// Every code of the catalogue has a heading in the reference.
    static func checkErrors(catalogue: String, reference: String) -> [Violation] {
        let documented = Set(
            codes(in: reference.split(separator: "\n").filter { $0.hasPrefix("#") }.joined(separator: "\n"))
        )
        return codes(in: catalogue).filter { !documented.contains($0) }.sorted().map {
            Violation("docs/reference/errors.md", 0, "no heading for \($0)")
        }
    }

    /// Spellings such as E1203.
    static func codes(in text: String) -> Set<String> {
        var result: Set<String> = []
        for word in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            let lower = word.lowercased()
            guard lower.count == 5, lower.hasPrefix("e1"), lower.dropFirst().allSatisfy(\.isNumber) else { continue }
            result.insert("E" + lower.dropFirst())
        }
        return result
    }
}
