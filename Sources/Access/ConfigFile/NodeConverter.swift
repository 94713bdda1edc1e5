import IPsecTypes
import Yams

/// Turns the parser's nodes into ours and refuses what they may not be.
struct NodeConverter {
    let file: String
    let diagnostics: ConfigDiagnostics
    private var count = 0

    init(file: String, diagnostics: ConfigDiagnostics) {
        self.file = file
        self.diagnostics = diagnostics
    }

    /// nil when the node was refused, which is reported.
    mutating func convert(_ node: Node, depth: Int) -> ConfigNode? {
        let place = place(node.mark)
        count += 1
        guard count <= ConfigDocument.maximumNodes else {
            diagnostics.report(
                .fileTooLarge,
                at: place,
                "the file holds more than \(ConfigDocument.maximumNodes) values"
            )
            return nil
        }
        guard depth <= ConfigDocument.maximumDepth else {
            diagnostics.report(
                .fileTooLarge,
                at: place,
                "nested more than \(ConfigDocument.maximumDepth) levels deep"
            )
            return nil
        }
        guard node.anchor == nil else {
            diagnostics.report(
                .refusedYAML,
                at: place,
                "YAML anchors and aliases are refused",
                hint: "write the value out"
            )
            return nil
        }
        switch node {
        case .scalar(let scalar): return convert(scalar, place)
        case .sequence(let sequence): return convert(sequence, place, depth)
        case .mapping(let mapping): return convert(mapping, place, depth)
        case .alias:
            diagnostics.report(.refusedYAML, at: place, "YAML aliases are refused", hint: "write the value out")
            return nil
        }
    }

    private func place(_ mark: Mark?) -> SourcePlace {
        SourcePlace(file: file, line: mark?.line ?? 0, column: mark?.column ?? 0)
    }

    private func refuseTag(_ tag: Tag, _ place: SourcePlace) {
        diagnostics.report(
            .refusedYAML,
            at: place,
            "the YAML tag \"\(tag.description.printable(limit: 40))\" is refused",
            hint: "quote the value if it starts with '!'"
        )
    }

    private func convert(_ scalar: Node.Scalar, _ place: SourcePlace) -> ConfigNode? {
        let plain = scalar.style == .plain
        // The parser gives quoted text and map keys the tag of strings by itself.
        let name = scalar.tag.description
        guard name.isEmpty || name == "tag:yaml.org,2002:str" else {
            refuseTag(scalar.tag, place)
            return nil
        }
        if plain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) { return ConfigNode(.null, at: place) }
        return ConfigNode(.scalar(scalar.string, plain: plain), at: place)
    }

    private mutating func convert(_ sequence: Node.Sequence, _ place: SourcePlace, _ depth: Int) -> ConfigNode? {
        guard sequence.tag.description.isEmpty else {
            refuseTag(sequence.tag, place)
            return nil
        }
        var elements: [ConfigNode] = []
        for element in sequence {
            guard let element = convert(element, depth: depth + 1) else { continue }
            elements.append(element)
        }
        return ConfigNode(.list(elements), at: place)
    }

    /// nil when the key was refused, which is reported.
    private mutating func keyText(_ key: Node, _ place: SourcePlace, _ depth: Int) -> String? {
        guard case .scalar = key else {
            diagnostics.report(.wrongKind, at: place, "a key must be text, not a list or a map")
            return nil
        }
        guard let node = convert(key, depth: depth + 1) else { return nil }
        guard let name = node.text else {
            diagnostics.report(.wrongKind, at: place, "a key must be text, not \(node.kindName)")
            return nil
        }
        return name
    }

    private mutating func convert(_ mapping: Node.Mapping, _ place: SourcePlace, _ depth: Int) -> ConfigNode? {
        guard mapping.tag.description.isEmpty else {
            refuseTag(mapping.tag, place)
            return nil
        }
        var entries: [ConfigNode.Entry] = []
        var seen: [String: SourcePlace] = [:]
        for (key, value) in mapping {
            let keyPlace = self.place(key.mark)
            guard let name = keyText(key, keyPlace, depth) else { continue }
            guard name != "<<" else {
                diagnostics.report(
                    .refusedYAML,
                    at: keyPlace,
                    "YAML merge keys are refused",
                    hint: "write the values out"
                )
                continue
            }
            if let first = seen[name] {
                diagnostics.report(
                    .duplicateKey,
                    at: keyPlace,
                    "the key \"\(name.printable(limit: 60))\" stands in line \(first.line) already"
                )
                continue
            }
            seen[name] = keyPlace
            guard let value = convert(value, depth: depth + 1) else { continue }
            entries.append(ConfigNode.Entry(key: name, place: keyPlace, value: value))
        }
        return ConfigNode(.map(entries), at: place)
    }
}
