/// One word, number or punctuation mark of Swift source, with where it stands.
struct Token: Equatable {
    enum Kind { case word, number, mark }
    let text: String
    let kind: Kind
    let line: Int
    /// Whether nothing, not even a blank, stands between this token and the one before.
    let glued: Bool
}

/// Swift source taken apart just far enough for the laws: words and marks, with string literals and comments set aside.
///
/// Code inside an interpolation counts as code. Regular-expression literals between bare slashes are not known; the
/// house does not use them.
struct SourceScanner {
    private(set) var tokens: [Token] = []
    /// The text of the comments that begin on, or run over, each line.
    private(set) var comments: [Int: String] = [:]
    let lineCount: Int

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var lastEnd = -1

    init(_ source: String) {
        bytes = Array(source.utf8)
        var newlines = 0
        for byte in bytes where byte == UInt8(ascii: "\n") { newlines += 1 }
        lineCount = newlines + (bytes.last == UInt8(ascii: "\n") || bytes.isEmpty ? 0 : 1)
        scan(untilParenthesisCloses: false)
    }

    private func peek(_ ahead: Int = 0) -> UInt8 {
        at + ahead < bytes.count ? bytes[at + ahead] : 0
    }

    private func follows(_ text: StaticString) -> Bool {
        guard at + text.utf8CodeUnitCount <= bytes.count else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<wanted.count where wanted[index] != bytes[at + index] { return false }
            return true
        }
    }

    private mutating func step() {
        if peek() == UInt8(ascii: "\n") { line += 1 }
        at += 1
    }

    /// Reads code to the end of the text, or of the interpolation that it is inside of.
    private mutating func scan(untilParenthesisCloses: Bool) {
        var depth = 1
        while at < bytes.count {
            if follows("//") {
                scanLineComment()
            } else if follows("/*") {
                scanBlockComment()
            } else if peek() == UInt8(ascii: "\"") || (peek() == UInt8(ascii: "#") && startsRawString()) {
                scanString()
            } else if isWordByte(peek()) {
                scanWord()
            } else if isBlank(peek()) {
                step()
            } else {
                if untilParenthesisCloses {
                    if peek() == UInt8(ascii: "(") { depth += 1 }
                    if peek() == UInt8(ascii: ")") { depth -= 1 }
                    if depth == 0 {
                        at += 1
                        return
                    }
                }
                add(.mark, from: at, to: at + 1)
            }
        }
    }

    private mutating func add(_ kind: Token.Kind, from start: Int, to end: Int) {
        let text = String(decoding: bytes[start..<end], as: UTF8.self)
        tokens.append(Token(text: text, kind: kind, line: line, glued: start == lastEnd))
        at = end
        lastEnd = end
    }

    private mutating func scanWord() {
        let start = at
        var end = at
        while end < bytes.count, isWordByte(bytes[end]) { end += 1 }
        let isNumber = bytes[start] >= UInt8(ascii: "0") && bytes[start] <= UInt8(ascii: "9")
        add(isNumber ? .number : .word, from: start, to: end)
    }

    private mutating func scanLineComment() {
        let start = at
        while at < bytes.count, peek() != UInt8(ascii: "\n") { at += 1 }
        comments[line, default: ""] += String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func scanBlockComment() {
        var depth = 0
        repeat {
            if follows("/*") {
                depth += 1
                at += 2
            } else if follows("*/") {
                depth -= 1
                at += 2
            } else {
                comments[line, default: ""] += String(decoding: [peek()], as: UTF8.self)
                step()
            }
        } while depth > 0 && at < bytes.count
    }

    private func startsRawString() -> Bool {
        var ahead = 0
        while peek(ahead) == UInt8(ascii: "#") { ahead += 1 }
        return peek(ahead) == UInt8(ascii: "\"")
    }

    private mutating func scanString() {
        var pounds = 0
        while peek() == UInt8(ascii: "#") {
            pounds += 1
            at += 1
        }
        let quotes = follows("\"\"\"") ? 3 : 1
        at += quotes
        while at < bytes.count {
            if closesString(quotes: quotes, pounds: pounds) {
                at += quotes + pounds
                return
            }
            if peek() == UInt8(ascii: "\\"), poundsFollow(pounds, after: 1) {
                at += 1 + pounds
                if peek() == UInt8(ascii: "(") {
                    at += 1
                    scan(untilParenthesisCloses: true)
                } else {
                    step()
                }
            } else {
                step()
            }
        }
    }

    private func closesString(quotes: Int, pounds: Int) -> Bool {
        for index in 0..<quotes where peek(index) != UInt8(ascii: "\"") { return false }
        return poundsFollow(pounds, after: quotes)
    }

    private func poundsFollow(_ pounds: Int, after offset: Int) -> Bool {
        for index in 0..<pounds where peek(offset + index) != UInt8(ascii: "#") { return false }
        return true
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xff:
            true
        default:
            false
        }
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
            || byte == UInt8(ascii: "\r")
    }
}
