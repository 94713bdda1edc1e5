import IPsecTypes

/// One key of a schema: how it is read into the configuration, shown with its default, and documented.
///
/// The same table reads files, writes `culvert config defaults` and makes the reference, so that they cannot differ.
struct ConfigField<Root> {
    let key: String
    let summary: String
    let expected: String
    /// Shown behind a `#` when the default is to have none.
    let example: String
    let apply: (ConfigMap, inout Root) -> Void
    let show: (Root) -> String

    /// A key with a default.
    static func setting<Value>(
        _ key: String,
        _ path: WritableKeyPath<Root, Value>,
        _ form: ConfigForm<Value>,
        _ summary: String
    ) -> ConfigField {
        ConfigField(
            key: key,
            summary: summary,
            expected: form.expected,
            example: "",
            apply: { map, root in
                if let value = map.value(key, form) { root[keyPath: path] = value }
            },
            show: { form.show($0[keyPath: path]) }
        )
    }

    /// A key whose default is to have no value.
    static func optional<Value>(
        _ key: String,
        _ path: WritableKeyPath<Root, Value?>,
        _ form: ConfigForm<Value>,
        example: String,
        _ summary: String
    ) -> ConfigField {
        ConfigField(
            key: key,
            summary: summary,
            expected: form.expected,
            example: example,
            apply: { map, root in
                if let value = map.value(key, form) { root[keyPath: path] = value }
            },
            show: { $0[keyPath: path].map(form.show) ?? "" }
        )
    }

    /// The same field of a structure that holds this one.
    func lifted<Outer>(_ path: WritableKeyPath<Outer, Root>) -> ConfigField<Outer> {
        ConfigField<Outer>(
            key: key,
            summary: summary,
            expected: expected,
            example: example,
            apply: { map, outer in apply(map, &outer[keyPath: path]) },
            show: { show($0[keyPath: path]) }
        )
    }
}

/// Some keys of a schema under one key of their own, or at the top.
struct ConfigSection<Root> {
    /// nil for keys at the top.
    let key: String?
    let summary: String
    let fields: [ConfigField<Root>]

    init(_ key: String?, _ summary: String, _ fields: [ConfigField<Root>]) {
        self.key = key
        self.summary = summary
        self.fields = fields
    }
}

/// A whole file: its sections in order.
struct ConfigSchema<Root> {
    /// "the gateway's configuration".
    let subject: String
    /// The comment on top of the defaults.
    let introduction: String
    let sections: [ConfigSection<Root>]

    /// Reads a map over `root`, which holds the defaults. Unknown keys are refused unless in `extra`.
    func apply(_ map: ConfigMap, to root: inout Root) {
        checkVersion(map)
        for section in sections {
            if let key = section.key {
                guard let inner = map.map(key, subject: key) else { continue }
                for field in section.fields { field.apply(inner, &root) }
                inner.finish()
            } else {
                for field in section.fields { field.apply(map, &root) }
            }
        }
    }

    private func checkVersion(_ map: ConfigMap) {
        guard let node = map.node("version"), node.text != "1" else { return }
        map.diagnostics.report(
            .unsupportedVersion,
            at: node.place,
            "version \(node.kindName) is not supported; this is version 1"
        )
    }

    /// The defaults as a file, every key with what it means and what may stand there.
    func text(_ root: Root) -> String {
        var lines = Self.comment(introduction, indent: "") + ["version: 1"]
        for section in sections {
            lines.append("")
            let indent = section.key == nil ? "" : "  "
            if let key = section.key {
                lines += Self.comment(section.summary, indent: "") + ["\(key):"]
            }
            for (index, field) in section.fields.enumerated() {
                if index > 0 { lines.append("") }
                lines += Self.comment("\(field.summary) Expected: \(field.expected).", indent: indent)
                let value = field.show(root)
                lines.append(
                    value.isEmpty ? "\(indent)# \(field.key): \(field.example)" : "\(indent)\(field.key): \(value)"
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The keys as a table in Markdown.
    func reference(_ root: Root) -> String {
        var lines: [String] = []
        for section in sections {
            lines += ["", section.key.map { "### `\($0):`" } ?? "### Top level", "", section.summary, ""]
            lines += ["| key | default | what | expected |", "| --- | --- | --- | --- |"]
            for field in section.fields {
                let value = field.show(root)
                let shown = value.isEmpty ? "none" : "`\(value)`"
                lines.append("| `\(field.key)` | \(shown) | \(field.summary) | \(field.expected) |")
            }
        }
        return lines.dropFirst().joined(separator: "\n") + "\n"
    }

    private static func comment(_ text: String, indent: String) -> [String] {
        var lines: [String] = []
        var current = ""
        for word in text.split(separator: " ") {
            if !current.isEmpty, indent.count + current.count + word.count > 96 {
                lines.append("\(indent)# \(current)")
                current = ""
            }
            current += (current.isEmpty ? "" : " ") + word
        }
        return lines + ["\(indent)# \(current)"]
    }
}
