/// Text of `--help`.
enum Help {
    /// Joins the lines of a paragraph, so that it is broken where the terminal ends. Indented lines stay as they are.
    static func flow(_ text: String) -> String {
        var result: [String] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let flows = !line.isEmpty && !line.hasPrefix(" ")
            if flows, isOpen, let last = result.popLast() {
                result.append("\(last) \(line)")
            } else {
                result.append(line)
            }
            // A line that introduces indented ones ends its paragraph.
            isOpen = flows && !line.hasSuffix(":")
        }
        return result.joined(separator: "\n")
    }
}
