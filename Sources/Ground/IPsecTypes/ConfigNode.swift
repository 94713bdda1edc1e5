/// Where something stands in a configuration file.
public struct SourcePlace: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The file as the user named it.
    public var file: String
    /// The line, from 1; 0 when the whole file is meant.
    public var line: Int
    /// The column, from 1, counted in Unicode scalars; 0 when the whole line is meant.
    public var column: Int

    /// Makes a place.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// The directory of the file; empty for a name without one.
    public var directory: String {
        guard let slash = file.lastIndex(of: "/") else { return "" }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    /// The file without its directory, and the line: "policy.yaml:41".
    public var short: String {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        return line == 0 ? name.printable : "\(name.printable):\(line)"
    }

    /// "policy.yaml:41:7", "policy.yaml:41" or "policy.yaml".
    public var description: String {
        if line == 0 { return file.printable }
        return column == 0 ? "\(file.printable):\(line)" : "\(file.printable):\(line):\(column)"
    }
}

/// A configuration file as a tree of nothing but text, lists and maps, each with its place.
///
/// ConfigFile makes it from YAML; rooms that know the meaning read it through ``ConfigMap`` and ``ConfigForm``.
public struct ConfigNode: Hashable, Sendable {
    /// One key of a map with its value.
    public struct Entry: Hashable, Sendable {
        /// The key.
        public var key: String
        /// Where the key stands.
        public var place: SourcePlace
        /// The value.
        public var value: ConfigNode

        /// Makes an entry.
        public init(key: String, place: SourcePlace, value: ConfigNode) {
            self.key = key
            self.place = place
            self.value = value
        }
    }

    /// What a node can be.
    public indirect enum Value: Hashable, Sendable {
        /// No value: nothing, `~` or `null` without quotes.
        case null
        /// Text. `plain` is true when it had no quotes, so that `true` and `12` may mean more than their letters.
        case scalar(String, plain: Bool)
        /// A list.
        case list([ConfigNode])
        /// A map in the order of the file; no key occurs twice.
        case map([Entry])
    }

    /// What it is.
    public var value: Value
    /// Where it starts.
    public var place: SourcePlace

    /// Makes a node.
    public init(_ value: Value, at place: SourcePlace) {
        self.value = value
        self.place = place
    }

    /// The text of a scalar; nil for anything else.
    public var text: String? {
        if case .scalar(let text, _) = value { return text }
        return nil
    }

    /// The elements of a list; nil for anything else.
    public var elements: [ConfigNode]? {
        if case .list(let elements) = value { return elements }
        return nil
    }

    /// The entries of a map; nil for anything else.
    public var entries: [Entry]? {
        if case .map(let entries) = value { return entries }
        return nil
    }

    /// What to call it in a message.
    public var kindName: String {
        switch value {
        case .null: "nothing"
        case .scalar(let text, _): "\"\(text.printable(limit: 60))\""
        case .list: "a list"
        case .map: "a map"
        }
    }
}
