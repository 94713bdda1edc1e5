/// How one kind of value is written in configuration: what to expect, how to read it and how to show it.
public struct ConfigForm<Value: Sendable>: Sendable {
    /// What belongs here, for messages and documentation: "a duration of 1s to 1h, such as 30s".
    public let expected: String
    private let reader: @Sendable (ConfigNode, ConfigDiagnostics) -> Value?
    private let writer: @Sendable (Value) -> String

    /// Makes a form from a reader that reports its own problems and a writer of YAML text on one line.
    public init(
        expected: String,
        read: @escaping @Sendable (ConfigNode, ConfigDiagnostics) -> Value?,
        show: @escaping @Sendable (Value) -> String
    ) {
        self.expected = expected
        self.reader = read
        self.writer = show
    }

    /// Makes a form for one scalar from a function that returns nil for text that does not fit.
    public init(
        scalar expected: String,
        code: ErrorCode = .invalidValue,
        show: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.init(
            expected: expected,
            read: { node, diagnostics in
                guard let text = node.text else {
                    diagnostics.report(.wrongKind, at: node.place, "expected \(expected), not \(node.kindName)")
                    return nil
                }
                guard let value = parse(text) else {
                    diagnostics.report(code, at: node.place, "expected \(expected), not \(node.kindName)")
                    return nil
                }
                return value
            },
            show: show
        )
    }

    /// Reads a value; reports and returns nil when it does not fit.
    public func read(_ node: ConfigNode, _ diagnostics: ConfigDiagnostics) -> Value? { reader(node, diagnostics) }

    /// The value as YAML on one line.
    public func show(_ value: Value) -> String { writer(value) }
}

extension ConfigForm where Value == String {
    /// Text of bounded length without control characters.
    public static func text(_ what: String = "text", length: ClosedRange<Int> = 1...1024) -> ConfigForm {
        ConfigForm(scalar: what, show: \.yamlQuoted) { text in
            length.contains(text.utf8.count) && text.printable == text ? text : nil
        }
    }

    /// A short name: letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    public static func name(_ what: String = "a name", length: ClosedRange<Int> = 1...64) -> ConfigForm {
        let expected = "\(what) of letters, digits, '.', '_' and '-', at most \(length.upperBound)"
        return ConfigForm(scalar: expected, show: \.yamlQuoted) { text in
            length.contains(text.utf8.count) && text.isConfigName ? text : nil
        }
    }

    /// A DNS name without a trailing dot.
    public static func hostname(_ what: String = "a DNS name") -> ConfigForm {
        ConfigForm(scalar: what, show: \.yamlQuoted) { $0.isHostname ? $0 : nil }
    }

    /// A DNS name or an IP address.
    public static var gatewayName: ConfigForm {
        ConfigForm(scalar: "a DNS name or an IP address", show: \.yamlQuoted) {
            $0.isHostname || IPAddress($0) != nil ? $0 : nil
        }
    }

    /// A SHA-256 value in hexadecimal; colons are dropped and letters made small.
    public static var sha256: ConfigForm {
        ConfigForm(scalar: "64 hexadecimal digits", show: \.yamlQuoted) { text in
            let digits = text.lowercased().filter { $0 != ":" }
            let hexadecimal = digits.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
            return digits.utf8.count == 64 && hexadecimal ? digits : nil
        }
    }

    /// The path of a file; a relative one is taken from `directory`.
    public static func path(relativeTo directory: String = "") -> ConfigForm {
        ConfigForm(scalar: "the path of a file", show: \.yamlQuoted) { text in
            guard !text.isEmpty, text.utf8.count <= 4096, text.printable == text else { return nil }
            guard !text.hasPrefix("/"), !directory.isEmpty else { return text }
            return directory.hasSuffix("/") ? directory + text : directory + "/" + text
        }
    }
}

extension ConfigForm where Value == Bool {
    /// true or false, on or off.
    public static var boolean: ConfigForm {
        ConfigForm(
            scalar: "true or false",
            show: { $0 ? "true" : "false" },
            parse: { text in
                switch text {
                case "true", "on": true
                case "false", "off": false
                default: nil
                }
            }
        )
    }
}

extension ConfigForm {
    /// One of a few words.
    public static func choice(_ choices: [(name: String, value: Value)]) -> ConfigForm
    where Value: Equatable {
        let expected = "one of " + choices.map(\.name).joined(separator: ", ")
        return ConfigForm(
            expected: expected,
            read: { node, diagnostics in
                if let text = node.text, let found = choices.first(where: { $0.name == text }) { return found.value }
                diagnostics.report(
                    node.text == nil ? .wrongKind : .invalidValue,
                    at: node.place,
                    "expected \(expected), not \(node.kindName)",
                    nearest: node.text.flatMap { NearestName.find($0, in: choices.map(\.name)) }
                )
                return nil
            },
            show: { value in choices.first { $0.value == value }?.name ?? "" }
        )
    }

    /// A list; a single value stands for a list of one.
    public static func list<Element>(
        of element: ConfigForm<Element>,
        count: ClosedRange<Int> = 0...64
    ) -> ConfigForm where Value == [Element] {
        ConfigForm(
            expected: "a list of \(element.expected)",
            read: { node, diagnostics in
                let elements = node.elements ?? [node]
                guard count.contains(elements.count) else {
                    let bounds = "\(count.lowerBound) to \(count.upperBound)"
                    diagnostics.report(
                        .outOfRange,
                        at: node.place,
                        "\(elements.count) elements; expected \(bounds)"
                    )
                    return nil
                }
                let values = elements.map { element.read($0, diagnostics) }
                return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
            },
            show: { "[" + $0.map(element.show).joined(separator: ", ") + "]" }
        )
    }

    /// The same form for a value that may be absent: reading is unchanged, showing nothing gives "".
    public func optional() -> ConfigForm<Value?> {
        let form = self
        return ConfigForm<Value?>(
            expected: expected,
            read: { node, diagnostics in form.read(node, diagnostics).map { .some($0) } },
            show: { $0.map(form.show) ?? "" }
        )
    }
}

extension String {
    /// Whether the text is a short name of letters, digits, `.`, `_` and `-`.
    public var isConfigName: Bool {
        guard let first = utf8.first, first.isASCIILetterOrDigit else { return false }
        return utf8.allSatisfy { $0.isASCIILetterOrDigit || [0x2d, 0x2e, 0x5f].contains($0) }
    }

    /// Whether the text is a DNS name: labels of letters, digits and `-`, no trailing dot, not an address.
    public var isHostname: Bool {
        guard (1...253).contains(utf8.count), IPAddress(self) == nil else { return false }
        let labels = split(separator: ".", omittingEmptySubsequences: false)
        guard labels.last?.utf8.allSatisfy({ (48...57).contains($0) }) == false else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy { $0.isASCIILetterOrDigit || $0 == 0x2d }
                && label.utf8.first != 0x2d && label.utf8.last != 0x2d
        }
    }

    /// The text as a YAML scalar: plain where that is safe, else in double quotes.
    public var yamlQuoted: String {
        let words = ["true", "false", "on", "off", "yes", "no", "null", "y", "n"]
        let plain = utf8.allSatisfy { $0.isASCIILetterOrDigit || [0x2d, 0x2e, 0x2f, 0x5f, 0x40].contains($0) }
        if plain, let first = utf8.first, first.isASCIILetterOrDigit || first == 0x2f, !words.contains(lowercased()) {
            return self
        }
        var result = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}

extension UInt8 {
    fileprivate var isASCIILetterOrDigit: Bool {
        (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self)
    }
}
