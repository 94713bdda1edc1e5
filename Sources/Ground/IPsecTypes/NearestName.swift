/// Finds the name a user most likely meant.
public enum NearestName {
    /// Longer names are not compared: the table below grows with the product of the lengths.
    static let maximumLength = 64

    /// The candidate closest to `name`, the first of equals; nil when none is close enough to be worth proposing: more
    /// than a third of the letters differ, or it has the same letters.
    public static func find(_ name: String, in candidates: some Sequence<String>) -> String? {
        let wanted = folded(name)
        var best: (name: String, distance: Int)?
        for candidate in candidates where candidate != name {
            let other = folded(candidate)
            let allowed = max(1, max(wanted.count, other.count) / 3)
            let distance = distance(wanted, other, limit: min(allowed, best.map { $0.distance - 1 } ?? .max))
            if let distance { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other; nil when either is
    /// longer than 64 characters.
    public static func distance(_ left: String, _ right: String) -> Int? {
        distance(Array(left.unicodeScalars), Array(right.unicodeScalars), limit: .max)
    }

    /// Upper and lower case, and `-` and `_`, count as equal.
    private static func folded(_ name: String) -> [Unicode.Scalar] {
        name.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
    }

    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar], limit: Int) -> Int? {
        guard left.count <= maximumLength, right.count <= maximumLength, limit >= 0 else { return nil }
        guard abs(left.count - right.count) <= limit else { return nil }
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for (row, scalar) in left.enumerated() {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for (column, other) in right.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (scalar == other ? 0 : 1))
                if row > 0, column > 0, scalar == right[column - 1], other == left[row - 1] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count] <= limit ? last[right.count] : nil
    }
}
