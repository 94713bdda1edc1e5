/// Rooms import only rooms on lower floors, declare what they import, and stand in their wing.
enum EdgeLaws {
    /// The edges that Package.swift declares.
    static func checkManifest(_ manifest: Manifest, text: String) -> [Violation] {
        var found: [Violation] = []
        func object(_ message: String) { found.append(Violation("Package.swift", 0, message)) }
        for target in manifest.targets.values where !target.isTest {
            if FloorPlan.floorOfRoom[target.name] == nil {
                object("\(target.name) stands on no floor: add it to FloorPlan")
            }
            if FloorPlan.wings[target.wing]?.contains(target.name) != true {
                object("\(target.name) does not belong in the wing \"\(target.wing)\"")
            }
            for other in target.rooms {
                if let objection = FloorPlan.objection(to: target.name, importing: other) { object(objection) }
            }
        }
        if !text.contains(".treatAllWarnings(as: .error)") { object("warnings are no longer errors") }
        if !text.contains(".swiftLanguageMode(.v6)") { object("the language mode is no longer Swift 6") }
        return found
    }

    /// The imports that one file writes, against the floors and against what its target declares.
    static func checkImports(_ file: SourceFile, manifest: Manifest) -> [Violation] {
        guard let room = file.room else { return [] }
        var found: [Violation] = []
        if file.isProduct, FloorPlan.wings[file.wing ?? ""]?.contains(room) != true {
            found.append(Violation(file.path, 0, "no room \(room) in the wing \(file.wing ?? "")"))
        }
        let target = manifest.targets[room]
        let floor = FloorPlan.floorOfRoom[room]
        for (module, line) in imports(file.scan.tokens) {
            func object(_ message: String) { found.append(Violation(file.path, line, message)) }
            if file.isProduct, let objection = FloorPlan.objection(to: room, importing: module) { object(objection) }
            if let floor, floor <= 4, FloorPlan.isNetworkFramework(module) {
                object("\(module) on floor \(floor); floors 1 to 4 speak to no network: return an action instead")
            }
            guard let target else { continue }
            if manifest.targets[module] != nil, module != room, !target.rooms.contains(module) {
                object("\(module) is not declared as a dependency of \(room) in Package.swift")
            }
            if manifest.packageOfProduct[module] != nil, !target.products.contains(module) {
                object("\(module) is not declared as a dependency of \(room) in Package.swift")
            }
        }
        return found
    }

    /// The modules imported, with `@testable import X`, `internal import X` and `import struct X.Y` all read as X.
    static func imports(_ tokens: [Token]) -> [(module: String, line: Int)] {
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        var result: [(module: String, line: Int)] = []
        for (index, token) in tokens.enumerated() where token.text == "import" && token.kind == .word {
            var next = index + 1
            if next < tokens.count, kinds.contains(tokens[next].text) { next += 1 }
            guard next < tokens.count, tokens[next].line == token.line else { continue }
            result.append((tokens[next].text, token.line))
        }
        return result
    }
}

/// Each package that we depend on is pinned and has a line in ARCHITECTURE.md that says why and which rooms see it.
enum DependencyLaw {
    static func check(_ manifest: Manifest, architecture: String) -> [Violation] {
        var found: [Violation] = []
        for package in manifest.packages {
            if !package.isExact {
                found.append(Violation("Package.swift", 0, "\(package.name) is not pinned with exact:"))
            }
            guard let row = architecture.split(separator: "\n").first(where: { $0.hasPrefix("| \(package.name) |") })
            else {
                found.append(Violation("ARCHITECTURE.md", 0, "no line \"| \(package.name) | why | rooms |\""))
                continue
            }
            let cells = row.split(separator: "|")
            let named = Set((cells.last ?? "").split { !$0.isLetter && !$0.isNumber && $0 != "-" }.map(String.init))
            for room in rooms(of: package.name, in: manifest) where !named.contains(room) {
                found.append(Violation("ARCHITECTURE.md", 0, "the line of \(package.name) does not name \(room)"))
            }
        }
        return found
    }

    private static func rooms(of package: String, in manifest: Manifest) -> [String] {
        manifest.targets.values
            .filter { target in
                !target.isTest && target.products.contains { manifest.packageOfProduct[$0] == package }
            }
            .map(\.name).sorted()
    }
}
