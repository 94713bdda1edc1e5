public import IPsecTypes
import Yams

/// Turns the bytes of a configuration file into a tree, strictly: what YAML allows beyond text, lists and maps is refused.
///
/// No file is opened here; the caller brings the bytes and the name to show in messages.
public enum ConfigDocument {
    /// A hand-written file is a thousandth of this; a larger one is a mistake or an attack.
    public static let maximumBytes = 1 << 20
    /// Deeper nesting has no meaning in any schema of ours.
    public static let maximumDepth = 32
    /// Values in a file, so that a file of commas cannot cost a gigabyte.
    public static let maximumNodes = 100_000
    /// Aliases that are tolerated until the parser has found their anchors: eight can multiply a file by twenty at most.
    static let maximumAliasMarks = 8

    /// Parses one file. Throws every problem that can be found in one pass.
    public static func parse(_ bytes: [UInt8], file: String) throws(ConfigProblems) -> ConfigNode {
        let text = try SourceText(bytes, file: file)
        try text.refuseAliasBomb()
        let root: Node?
        // The parser keeps the anchors alive that nodes point to weakly.
        let parser: Parser
        do {
            parser = try Parser(yaml: text.text, resolver: .basic, encoding: .utf8)
            root = try parser.singleRoot()
        } catch {
            throw ConfigProblems([YAMLProblem(text).problem(error)])
        }
        let diagnostics = ConfigDiagnostics()
        var converter = NodeConverter(file: file, diagnostics: diagnostics)
        let node = root.flatMap { converter.convert($0, depth: 1) }
        withExtendedLifetime(parser) {}
        try diagnostics.throwProblems()
        guard let node, node.value != .null else {
            throw ConfigProblems([
                ConfigProblem(.emptyFile, at: SourcePlace(file: file, line: 0, column: 0), "the file is empty")
            ])
        }
        return node
    }
}

/// The text of a file after the checks that come before YAML.
struct SourceText {
    let text: String
    let file: String

    init(_ bytes: [UInt8], file: String) throws(ConfigProblems) {
        self.file = file
        guard bytes.count <= ConfigDocument.maximumBytes else {
            throw ConfigProblems([
                ConfigProblem(
                    .fileTooLarge,
                    at: SourcePlace(file: file, line: 0, column: 0),
                    "the file has \(bytes.count) bytes; at most \(ConfigDocument.maximumBytes) are read"
                )
            ])
        }
        let body = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
        var codec = UTF8()
        var source = body.makeIterator()
        var (line, column) = (1, 1)
        var previous: Unicode.Scalar = "\n"
        var text = ""
        text.reserveCapacity(body.count)
        while true {
            let scalar: Unicode.Scalar
            switch codec.decode(&source) {
            case .emptyInput:
                guard previous != "\r" else { throw Self.notText(file, line, column - 1, Self.loneReturn) }
                self.text = text
                return
            case .error:
                throw Self.notText(file, line, column, "bytes that are not UTF-8")
            case .scalarValue(let value):
                scalar = value
            }
            // YAML would end a line here, and editors would not: line numbers would mean two things.
            if previous == "\r", scalar != "\n" { throw Self.notText(file, line, column - 1, Self.loneReturn) }
            previous = scalar
            if let name = Self.refused(scalar) { throw Self.notText(file, line, column, name) }
            text.unicodeScalars.append(scalar)
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
    }

    private static let loneReturn = "a carriage return without a line feed"

    private static func notText(_ file: String, _ line: Int, _ column: Int, _ what: String) -> ConfigProblems {
        ConfigProblems([
            ConfigProblem(
                .notText,
                at: SourcePlace(file: file, line: line, column: column),
                "the file holds \(what)"
            )
        ])
    }

    private static func refused(_ scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0: "a NUL byte"
        case 0x09, 0x0a, 0x0d: nil
        case 0x01...0x1f, 0x7f...0x9f:
            "a control character, U+" + String(scalar.value, radix: 16).uppercased().leftPadded
        case 0x061c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff:
            "an invisible character that turns text around, U+"
                + String(scalar.value, radix: 16).uppercased().leftPadded
        default: nil
        }
    }

    /// Refuses a file in which aliases could multiply, before the parser resolves any: the parser hashes map keys whole,
    /// so a bomb in a key would explode there. `&x` and `*x` are counted wherever they stand, quotes included.
    func refuseAliasBomb() throws(ConfigProblems) {
        var (line, column) = (1, 1)
        var anchor: SourcePlace?
        var aliases = 0
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if Self.mayNameAnchor(byte) {
                if previous == UInt8(ascii: "&"), anchor == nil {
                    anchor = SourcePlace(file: file, line: line, column: column - 1)
                }
                if previous == UInt8(ascii: "*") { aliases += 1 }
            }
            previous = byte
            if byte & 0xc0 == 0x80 { continue }
            (line, column) = byte == 0x0a ? (line + 1, 1) : (line, column + 1)
        }
        guard let anchor, aliases > ConfigDocument.maximumAliasMarks else { return }
        throw ConfigProblems([
            ConfigProblem(
                .refusedYAML,
                at: anchor,
                "YAML anchors and aliases are refused",
                hint: "write the value out"
            )
        ])
    }

    private static func mayNameAnchor(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 0x2d
            || byte == 0x5f
    }
}

extension String {
    fileprivate var leftPadded: String { String(repeating: "0", count: max(0, 4 - count)) + self }
}
