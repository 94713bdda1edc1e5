/// Reads one map of a configuration: remembers which keys were asked for, so that the others can be refused by name.
public final class ConfigMap {
    /// The map's entries.
    public let entries: [ConfigNode.Entry]
    /// Where the map starts.
    public let place: SourcePlace
    /// Where problems go.
    public let diagnostics: ConfigDiagnostics
    /// What the map describes, for messages: "the gateway's configuration", "a rule".
    public let subject: String

    private let index: [String: Int]
    private var asked: [String] = []

    /// Starts reading a map. Reports and returns nil when `node` is something else.
    public init?(_ node: ConfigNode, _ diagnostics: ConfigDiagnostics, subject: String) {
        guard let entries = node.entries else {
            diagnostics.report(.wrongKind, at: node.place, "\(subject) must be a map, not \(node.kindName)")
            return nil
        }
        self.entries = entries
        self.index = Dictionary(entries.enumerated().map { ($1.key, $0) }) { first, _ in first }
        self.place = node.place
        self.diagnostics = diagnostics
        self.subject = subject
    }

    /// The value of a key as it stands in the file; nil when the key is absent.
    public func node(_ key: String) -> ConfigNode? { entry(key)?.value }

    /// The entry of a key; nil when the key is absent.
    public func entry(_ key: String) -> ConfigNode.Entry? {
        if !asked.contains(key) { asked.append(key) }
        return index[key].map { entries[$0] }
    }

    /// Where to point for a key: its value, else the whole map.
    public func place(of key: String) -> SourcePlace { node(key)?.place ?? place }

    /// The value of an optional key. Reports and returns nil when it does not fit; nil when the key is absent.
    public func value<Value>(_ key: String, _ form: ConfigForm<Value>) -> Value? {
        guard let entry = entry(key) else { return nil }
        if case .null = entry.value.value {
            diagnostics.report(
                .wrongKind,
                at: entry.place,
                "\(key) has no value; expected \(form.expected)",
                hint: "leave the key out to get the default"
            )
            return nil
        }
        return form.read(entry.value, diagnostics)
    }

    /// The value of a key that must be there.
    public func required<Value>(_ key: String, _ form: ConfigForm<Value>) -> Value? {
        guard entry(key) != nil else {
            diagnostics.report(.missingKey, at: place, "\(subject) needs \(key): \(form.expected)")
            return nil
        }
        return value(key, form)
    }

    /// The map under an optional key.
    public func map(_ key: String, subject: String) -> ConfigMap? {
        guard let node = node(key) else { return nil }
        return ConfigMap(node, diagnostics, subject: subject)
    }

    /// The elements of a list under an optional key; empty when it is absent. Reports anything but a list.
    public func list(_ key: String, subject: String) -> [ConfigNode] {
        guard let node = node(key) else { return [] }
        guard let elements = node.elements else {
            diagnostics.report(.wrongKind, at: node.place, "\(subject) must be a list, not \(node.kindName)")
            return []
        }
        return elements
    }

    /// Refuses every key that nobody asked for, naming the nearest one that exists.
    public func finish() {
        for entry in entries where !asked.contains(entry.key) {
            diagnostics.report(
                .unknownKey,
                at: entry.place,
                "unknown key \"\(entry.key.printable(limit: 60))\" in \(subject)",
                nearest: NearestName.find(entry.key, in: asked)
            )
        }
    }
}
