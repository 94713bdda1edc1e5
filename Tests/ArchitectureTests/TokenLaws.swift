/// A spelling that some floors must not contain, with what to write instead.
struct Ban {
    /// The tokens in order; `*` at the end of a word matches any ending, `^` a word with a capital first letter.
    let pattern: [String]
    let floors: ClosedRange<Int>
    let instead: String
    /// Rooms, or `Room/File.swift`, that may use it.
    let except: Set<String>

    init(_ pattern: String, floors: ClosedRange<Int> = 1...9, instead: String, except: Set<String> = []) {
        self.pattern = pattern.split(separator: " ").map(String.init)
        self.floors = floors
        self.instead = instead
        self.except = except
    }

    func allows(_ file: SourceFile) -> Bool {
        guard let room = file.room else { return false }
        return except.contains(room) || except.contains("\(room)/\(file.name)")
    }

    func matches(_ tokens: [Token], at index: Int) -> Bool {
        guard index + pattern.count <= tokens.count else { return false }
        for (offset, wanted) in pattern.enumerated() {
            let text = tokens[index + offset].text
            if wanted == "^" {
                guard text.first?.isUppercase ?? false else { return false }
            } else if wanted.hasSuffix("*"), wanted.count > 1 {
                guard text.hasPrefix(wanted.dropLast()) else { return false }
            } else if text != wanted {
                return false
            }
        }
        return true
    }
}

/// Spellings banned by floor: see ``bans``.
enum TokenLaws {
    static func check(_ file: SourceFile, bans: [Ban] = Bans.all) -> [Violation] {
        guard let room = file.room, let floor = FloorPlan.floorOfRoom[room] else { return [] }
        let active = bans.filter { $0.floors.contains(floor) && !$0.allows(file) }
        var found: [Violation] = []
        for (index, token) in file.scan.tokens.enumerated() {
            for ban in active where ban.matches(file.scan.tokens, at: index) {
                let spelling = ban.pattern.joined()
                found.append(
                    Violation(file.path, token.line, "\(spelling) in \(room) (floor \(floor)): \(ban.instead)")
                )
            }
        }
        return found + forced(file) + unseeded(file, floor: floor)
    }

    /// `value!`, `value as! T` and `T!`: a trap is a remote crash.
    private static func forced(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        let tokens = file.scan.tokens
        for (index, token) in tokens.enumerated() where token.text == "!" && token.glued && index > 0 {
            let before = tokens[index - 1]
            guard before.kind != .mark || before.text == ")" || before.text == "]" else { continue }
            if index + 1 < tokens.count, tokens[index + 1].text == "=", tokens[index + 1].glued { continue }
            found.append(Violation(file.path, token.line, "\(before.text)!: unwrap with guard let, or throw"))
        }
        return found
    }

    /// `.random(in:)` and its kin without `using:` take the system's generator.
    private static func unseeded(_ file: SourceFile, floor: Int) -> [Violation] {
        guard floor <= 4 else { return [] }
        var found: [Violation] = []
        let tokens = file.scan.tokens
        for (index, token) in tokens.enumerated()
        where ["random", "shuffled", "shuffle", "randomElement"].contains(token.text) && index > 0 {
            guard tokens[index - 1].text == ".", index + 1 < tokens.count, tokens[index + 1].text == "(" else {
                continue
            }
            let arguments = tokens[(index + 1)...].prefix { $0.text != ")" }
            if !arguments.contains(where: { $0.text == "using" }) {
                found.append(
                    Violation(file.path, token.line, ".\(token.text) without using: pass the caller's generator")
                )
            }
        }
        return found
    }
}

/// Escapes from the compiler's checks of sharing carry the proof that they are safe.
enum SharingLaw {
    static func check(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        let tokens = file.scan.tokens
        for (index, token) in tokens.enumerated() {
            let next = index + 1 < tokens.count ? tokens[index + 1].text : ""
            let third = index + 2 < tokens.count ? tokens[index + 2].text : ""
            let isUnchecked = token.text == "@" && next == "unchecked"
            let isUnsafe = token.text == "nonisolated" && next == "(" && third == "unsafe"
            guard isUnchecked || isUnsafe else { continue }
            let hasProof = (0...2).contains { file.scan.comments[token.line - $0] != nil }
            if !hasProof {
                let spelling = isUnchecked ? "@unchecked" : "nonisolated(unsafe)"
                found.append(
                    Violation(file.path, token.line, "\(spelling) without a comment above it that proves it safe")
                )
            }
        }
        return found
    }
}

/// In rooms that read what peers wrote, only the checked reader indexes and subtracts: both trap on a bad length.
enum WireLaw {
    static let rooms: Set<String> = ["IKEMessage", "EAP", "RADIUS"]
    /// State machines in such a room, whose tables are keyed by our own numbers; octets are parsed before they get there.
    static let machines = ["Sources/Protocol/RADIUS/Client/"]

    static func check(_ file: SourceFile) -> [Violation] {
        guard let room = file.room, rooms.contains(room) else { return [] }
        guard !machines.contains(where: { file.path.contains($0) }) else { return [] }
        var found: [Violation] = []
        let tokens = file.scan.tokens
        for (index, token) in tokens.enumerated() where index > 0 && index + 1 < tokens.count {
            let before = tokens[index - 1]
            let isOperand = before.kind != .mark || before.text == ")" || before.text == "]"
            if token.text == "[" && token.glued && isOperand && !isHarmless(tokens, at: index) {
                found.append(Violation(file.path, token.line, "a subscript in \(room): read through WireReader"))
            }
            guard token.text == "-", isOperand, !token.glued, !tokens[index + 1].glued else { continue }
            // Lengths of what we write ourselves.
            let isOurs = tokens.contains { $0.line == token.line && $0.text == "writer" }
            if !isOurs {
                found.append(Violation(file.path, token.line, "a bare minus in \(room): it traps; use WireReader"))
            }
        }
        return found
    }

    /// A look-up that yields an optional (`names[value] ?? …`), or an index into payloads that we hold ourselves.
    private static func isHarmless(_ tokens: [Token], at index: Int) -> Bool {
        if tokens[index - 1].text == "payloads" { return true }
        var depth = 0
        for next in index..<tokens.count {
            if tokens[next].text == "[" { depth += 1 }
            if tokens[next].text == "]" { depth -= 1 }
            guard depth == 0 else { continue }
            return next + 2 < tokens.count && tokens[next + 1].text == "?" && tokens[next + 2].text == "?"
        }
        return false
    }
}
