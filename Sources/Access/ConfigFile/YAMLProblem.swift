import IPsecTypes
import Yams

/// Puts what the YAML parser complains about into our words and places.
struct YAMLProblem {
    let source: SourceText

    init(_ source: SourceText) { self.source = source }

    func problem(_ error: any Error) -> ConfigProblem {
        guard let error = error as? YamlError else {
            return ConfigProblem(.invalidYAML, at: place(nil), "\(error)")
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            return syntax(problem, context, mark)
        case .composer(let context, let problem, let mark, _):
            if problem.contains("another document") {
                return ConfigProblem(.refusedYAML, at: place(mark), "a second document starts; a file holds one")
            }
            if problem.contains("undefined alias") {
                return ConfigProblem(
                    .refusedYAML,
                    at: place(mark),
                    "YAML anchors and aliases are refused",
                    hint: "quote the value if it starts with '*'"
                )
            }
            return syntax(problem, context, mark)
        case .duplicatedKeysInMapping(let duplicates, let context):
            return duplicate(duplicates.first ?? "", context.mark)
        case .reader(let problem, let offset, _, _):
            return ConfigProblem(.invalidYAML, at: place(offset: offset), problem)
        case .memory:
            return ConfigProblem(.fileTooLarge, at: place(nil), "the file needs too much memory")
        case .no, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return ConfigProblem(.invalidYAML, at: place(nil), "the file cannot be read")
        }
    }

    private func place(_ mark: Mark?) -> SourcePlace {
        SourcePlace(file: source.file, line: mark?.line ?? 0, column: mark?.column ?? 0)
    }

    private func place(offset: Int?) -> SourcePlace {
        guard let offset else { return place(nil) }
        let before = source.text.utf8.prefix(max(0, offset))
        let line = before.count { $0 == 0x0a } + 1
        return SourcePlace(file: source.file, line: line, column: 0)
    }

    private func syntax(_ problem: String, _ context: YamlError.Context?, _ mark: Mark) -> ConfigProblem {
        if problem.contains("nesting") || problem.contains("depth") {
            return ConfigProblem(
                .fileTooLarge,
                at: place(mark),
                "nested more than \(ConfigDocument.maximumDepth) levels deep"
            )
        }
        var hint: String?
        if problem.contains("mapping values are not allowed") {
            hint = "quote the value: it holds ': '"
        } else if problem.contains("cannot start any token") {
            hint = "indent with blanks, not tabs; quote values that start with '@', '`' or '%'"
        }
        let prefix = context.map { "\($0.text) that starts in line \($0.mark.line): " } ?? ""
        return ConfigProblem(.invalidYAML, at: place(mark), prefix + problem, hint: hint)
    }

    /// The parser names the first of the two places; the second is the one to look at.
    private func duplicate(_ key: String, _ first: Mark) -> ConfigProblem {
        let message = "the key \"\(key.printable(limit: 60))\" stands in line \(first.line) already"
        let lines = source.text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated().dropFirst(first.line) {
            let indent = line.prefix { $0 == " " }.count
            let rest = line.dropFirst(indent)
            let fits = ["\(key):", "\"\(key)\":", "'\(key)':"].contains { rest.hasPrefix($0) }
            if fits, indent == first.column - 1 {
                return ConfigProblem(
                    .duplicateKey,
                    at: SourcePlace(file: source.file, line: index + 1, column: indent + 1),
                    message
                )
            }
        }
        return ConfigProblem(
            .duplicateKey,
            at: place(first),
            "the key \"\(key.printable(limit: 60))\" stands twice in this map"
        )
    }
}
