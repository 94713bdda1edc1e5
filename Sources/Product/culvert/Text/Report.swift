import IPsecTypes

/// The lines that a verb prints about what it did, as product.md shows them:
///
///     culvert  gateway   gw-fra1 203.0.113.9:4500 udp
struct Report {
    private(set) var lines: [String] = []
    private let style: TextStyle

    init(_ style: TextStyle) { self.style = style }

    /// Adds a line; what could steer a terminal is escaped.
    mutating func say(_ label: String, _ text: String) {
        lines.append("\(style.dim("culvert"))  \(style.bold(label.padded(to: 10)))\(text.printable)")
    }

    /// Adds commands to run next.
    mutating func next(_ commands: [(command: String, where: String)]) {
        lines.append("")
        lines.append(style.bold("next"))
        let width = commands.map(\.command.count).max() ?? 0
        for (command, place) in commands {
            let note = place.isEmpty ? "" : "   " + style.dim("# \(place)")
            lines.append("  " + (note.isEmpty ? command : command.padded(to: width)).printable + note)
        }
    }
}

/// Rows under headings: in columns on a terminal, else one line a row with tabs between the fields.
struct TextTable {
    var headings: [String]
    var rows: [[String]] = []

    func lines(_ style: TextStyle) -> [String] {
        guard style.isTerminal else { return rows.map { $0.map(\.printable).joined(separator: "\t") } }
        let shown = rows.map { $0.map(\.printable) }
        let widths = headings.indices.map { column in
            ([headings] + shown).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        func line(_ fields: [String]) -> String {
            let padded = zip(fields, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
            return String(padded.reversed().drop { $0 == " " }.reversed())
        }
        return [style.bold(line(headings))] + shown.map(line)
    }
}
