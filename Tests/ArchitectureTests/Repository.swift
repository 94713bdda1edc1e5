import Foundation

/// A file of the repository as the laws see it.
struct SourceFile {
    /// Relative to the root, as in `Sources/Protocol/ESP/ReplayWindow.swift`.
    let path: String
    let text: String
    let scan: SourceScanner

    init(path: String, text: String) {
        self.path = path
        self.text = text
        scan = SourceScanner(path.hasSuffix(".swift") ? text : "")
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    /// The room the file belongs to, when it lies in one.
    var room: String? { part(2, of: "Sources") ?? part(1, of: "Tests") }
    /// The wing of a room under Sources.
    var wing: String? { part(1, of: "Sources") }
    var isProduct: Bool { path.hasPrefix("Sources/") }
    var isSwift: Bool { path.hasSuffix(".swift") }

    private func part(_ index: Int, of top: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.first == Substring(top), parts.count > index + 1 else { return nil }
        return String(parts[index])
    }
}

/// The working tree, read once for all laws.
struct Repository {
    let root: URL
    let files: [SourceFile]

    static let shared = Repository()

    private init() {
        root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var found: [SourceFile] = []
        for top in ["Sources", "Tests", "Benchmarks", "Fuzz", "lab", "docs", "deploy", ".ci", "integrations"] {
            found += Repository.read(top, under: root)
        }
        for name in ["Package.swift", "Makefile", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] {
            if let text = Repository.text(root.appendingPathComponent(name)) {
                found.append(SourceFile(path: name, text: text))
            }
        }
        files = found.sorted { $0.path < $1.path }
    }

    var product: [SourceFile] { files.filter { $0.isProduct && $0.isSwift } }
    var swift: [SourceFile] { files.filter { $0.isSwift && ($0.isProduct || $0.path.hasPrefix("Tests/")) } }

    func text(_ path: String) -> String? {
        files.first { $0.path == path }?.text ?? Repository.text(root.appendingPathComponent(path))
    }

    private static let readable: Set<String> = [
        "swift", "c", "h", "md", "sh", "yaml", "yml", "service", "json", "conf", "socket", "modulemap", "",
    ]

    /// Text files below a folder. Vectors are other people's data, build folders nobody's text.
    private static func read(_ folder: String, under root: URL) -> [SourceFile] {
        let top = root.appendingPathComponent(folder)
        guard let paths = FileManager.default.enumerator(atPath: top.path) else { return [] }
        var result: [SourceFile] = []
        while let path = paths.nextObject() as? String {
            let parts = path.split(separator: "/")
            if parts.last == ".build" || "\(folder)/\(path)" == "Tests/Vectors" || parts.last == "corpus" {
                paths.skipDescendants()
                continue
            }
            guard readable.contains((path as NSString).pathExtension) else { continue }
            guard let text = text(top.appendingPathComponent(path)) else { continue }
            result.append(SourceFile(path: "\(folder)/\(path)", text: text))
        }
        return result
    }

    private static func text(_ url: URL) -> String? {
        guard let size = try? url.resourceValues(forKeys: [.fileSizeKey, .isRegularFileKey]),
            size.isRegularFile == true, (size.fileSize ?? 0) < 1 << 20
        else { return nil }
        return try? String(contentsOf: url, encoding: .utf8)
    }
}
