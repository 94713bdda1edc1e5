/// What no file may say, and what the documents must.
enum TextLaws {
    /// Places and words of somebody's workshop. Joined from halves so that this file obeys its own law.
    static let forbidden = ["/wo" + "rk/", "/ho" + "me/", "FIX" + "ME", "XX" + "X:"]

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
}
