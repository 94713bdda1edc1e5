/// What Package.swift declares, read from its text: `swift package describe` would wait for the build's lock.
struct Manifest {
    struct Target {
        let name: String
        let wing: String
        let isTest: Bool
        /// Other targets of the package.
        var rooms: Set<String> = []
        /// Modules of other packages.
        var products: Set<String> = []
    }

    struct Package {
        let url: String
        let isExact: Bool
        var name: String {
            let last = url.split(separator: "/").last.map(String.init) ?? url
            return last.hasSuffix(".git") ? String(last.dropLast(4)) : last
        }
    }

    private(set) var targets: [String: Target] = [:]
    private(set) var packages: [Package] = []
    /// The package that each named product comes from.
    private(set) var packageOfProduct: [String: String] = [:]

    /// Short names: a product's constant, or a constant list of dependencies.
    private var products: [String: String] = [:]
    private var groups: [String: [Substring]] = [:]

    init(_ text: String) {
        let flat = text.split(separator: "\n", omittingEmptySubsequences: true)
            .map { line in Manifest.withoutComment(line) }.joined(separator: " ")
        readProducts(flat)
        readGroups(flat)
        readPackages(flat)
        for (function, isTest) in [("room", false), ("shim", false), ("tool", false), ("tests", true)] {
            readTargets(flat, function: function, isTest: isTest)
        }
    }

    private static func withoutComment(_ line: Substring) -> String {
        guard let range = line.firstRange(of: "//"), !line[..<range.lowerBound].hasSuffix(":") else {
            return String(line)
        }
        return String(line[..<range.lowerBound])
    }

    private mutating func readProducts(_ text: String) {
        for call in Manifest.calls(of: ".product", in: text) {
            let quoted = Manifest.quoted(call.arguments.joined(separator: ","))
            guard quoted.count == 2 else { continue }
            packageOfProduct[quoted[0]] = quoted[1]
            let words = text[..<call.start].split(separator: " ").suffix(4)
            if words.count == 4, words.first == "let" {
                let name = words[words.startIndex + 1].prefix { $0 != ":" }
                products[String(name)] = quoted[0]
            }
        }
    }

    /// Reads `let name: [Target.Dependency] = ["A"]` and `... = other + ["B"]`.
    private mutating func readGroups(_ text: String) {
        var rest = text[...]
        while let range = rest.firstRange(of: ": [Target.Dependency] =") {
            let name = rest[..<range.lowerBound].split(separator: " ").last ?? ""
            rest = rest[range.upperBound...]
            guard let end = rest.firstIndex(of: "]") else { return }
            groups[String(name)] = rest[..<end].split { "[+,".contains($0) || $0.isWhitespace }
            rest = rest[end...]
        }
    }

    private mutating func readPackages(_ text: String) {
        for call in Manifest.calls(of: ".package", in: text) {
            let all = call.arguments.joined(separator: ",")
            guard let url = Manifest.quoted(all).first else { continue }
            packages.append(Package(url: url, isExact: all.contains("exact:")))
        }
    }

    private mutating func readTargets(_ text: String, function: String, isTest: Bool) {
        for call in Manifest.calls(of: function, in: text) {
            guard let name = Manifest.quoted(String(call.arguments.first ?? "")).first else { continue }
            let second = call.arguments.count > 1 ? Manifest.quoted(String(call.arguments[1])).first : nil
            let wing = function == "tool" ? "Product" : function == "shim" ? "Ground" : isTest ? "" : second ?? ""
            var target = Target(name: name, wing: wing, isTest: isTest)
            let lists = call.arguments.dropFirst(function == "room" ? 2 : 1)
            if function != "shim" { for list in lists { read(list, into: &target) } }
            targets[name] = target
        }
    }

    /// Reads `floor1 + ["ESP", crypto]`.
    private func read(_ expression: Substring, into target: inout Target) {
        for character in ["[", "]", "+", ","] where expression.contains(character) {
            for part in expression.split(whereSeparator: { "[]+,".contains($0) }) { read(part, into: &target) }
            return
        }
        let word = expression.split(separator: " ").joined(separator: " ")
        if word.hasPrefix("\"") {
            target.rooms.insert(String(word.dropFirst().dropLast()))
        } else if let product = products[word] {
            target.products.insert(product)
        } else if let group = groups[word] {
            for part in group { read(part, into: &target) }
        }
    }

    struct Call {
        let start: String.Index
        let arguments: [Substring]
    }

    /// Each `name(…)` with its top-level arguments. Declarations (`func name(`) are passed over.
    static func calls(of name: String, in text: String) -> [Call] {
        var result: [Call] = []
        var rest = text[...]
        while let range = rest.firstRange(of: name + "(") {
            let before = text[..<range.lowerBound]
            rest = rest[range.upperBound...]
            let isWhole = name.hasPrefix(".") || !(before.last?.isLetter ?? false)
            guard isWhole, !before.hasSuffix("func "), !before.hasSuffix(".") else { continue }
            result.append(Call(start: range.lowerBound, arguments: arguments(rest)))
        }
        return result
    }

    private static func arguments(_ text: Substring) -> [Substring] {
        var result: [Substring] = []
        var depth = 0
        var isQuoted = false
        var start = text.startIndex
        for index in text.indices {
            let character = text[index]
            if character == "\"" { isQuoted.toggle() }
            if isQuoted { continue }
            if "([".contains(character) { depth += 1 }
            if character == "," && depth == 0 {
                result.append(text[start..<index])
                start = text.index(after: index)
            }
            if ")]".contains(character) {
                if depth == 0 {
                    result.append(text[start..<index])
                    return result
                }
                depth -= 1
            }
        }
        return result
    }

    private static func quoted(_ text: String) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
