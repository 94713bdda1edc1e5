/// Files of at most 400 lines and functions of at most 70. `// Long because …` states a reason and lifts the limit.
enum SizeLaws {
    static let fileLines = 400
    static let functionLines = 70

    static func checkFile(_ file: SourceFile) -> [Violation] {
        let count = file.scan.lineCount
        guard count > fileLines, !hasReason(file, at: 1) else { return [] }
        return [Violation(file.path, 0, "\(count) lines, the limit is \(fileLines): split it by concern")]
    }

    static func checkFunctions(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        for function in functions(file.scan.tokens) {
            let count = function.end - function.start + 1
            guard count > functionLines, !hasReason(file, at: function.start) else { continue }
            found.append(
                Violation(
                    file.path,
                    function.start,
                    "\(function.name) has \(count) lines, the limit is \(functionLines): move pure parts into helpers"
                )
            )
        }
        return found
    }

    /// Braces that do not pair mean that the scanner lost its way, and with it every other law.
    static func checkBraces(_ file: SourceFile) -> [Violation] {
        var depth = 0
        for token in file.scan.tokens {
            if token.text == "{" { depth += 1 }
            if token.text == "}" { depth -= 1 }
        }
        return depth == 0
            ? [] : [Violation(file.path, 0, "braces do not pair (\(depth)): the laws cannot read this file")]
    }

    struct Function {
        let name: String
        let start: Int
        let end: Int
    }

    /// Every function, initialiser, deinitialiser and subscript that has a body.
    static func functions(_ tokens: [Token]) -> [Function] {
        var result: [Function] = []
        for (index, token) in tokens.enumerated() where token.kind == .word {
            guard ["func", "init", "deinit", "subscript"].contains(token.text) else { continue }
            if index > 0, tokens[index - 1].text == ".", token.glued { continue }
            guard let open = bodyStart(tokens, after: index), let end = closing(tokens, from: open) else { continue }
            let name = token.text == "func" && index + 1 < tokens.count ? tokens[index + 1].text : token.text
            result.append(Function(name: name, start: token.line, end: tokens[end].line))
        }
        return result
    }

    /// The brace that opens the body of the function declared at `index`; nil for a mere requirement.
    private static func bodyStart(_ tokens: [Token], after index: Int) -> Int? {
        var depth = 0
        for next in (index + 1)..<max(index + 1, tokens.count) {
            let text = tokens[next].text
            if text == "(" || text == "[" { depth += 1 }
            if text == ")" || text == "]" { depth -= 1 }
            guard depth == 0 else { continue }
            if text == "{" { return next }
            if text == "}" { return nil }
            if ["func", "init", "deinit", "subscript", "var", "let", "case"].contains(text), tokens[next].kind == .word
            {
                return nil
            }
        }
        return nil
    }

    private static func closing(_ tokens: [Token], from open: Int) -> Int? {
        var depth = 0
        for index in open..<tokens.count {
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    private static func hasReason(_ file: SourceFile, at line: Int) -> Bool {
        for above in 0...3 {
            if let comment = file.scan.comments[line - above], comment.contains("Long because") { return true }
        }
        return false
    }
}
