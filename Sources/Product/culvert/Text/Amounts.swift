import IPsecTypes

/// Numbers in words that people read at a glance.
enum Amounts {
    /// "45 s", "12 min", "3 h 20 min", "9 d".
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "-" }
        let whole = Int(max(0, seconds))
        return switch whole {
        case ..<120: "\(whole) s"
        case ..<7_200: "\(whole / 60) min"
        case ..<172_800: whole % 3600 / 60 == 0 ? "\(whole / 3600) h" : "\(whole / 3600) h \(whole % 3600 / 60) min"
        default: "\(whole / 86_400) d"
        }
    }

    /// "812 B", "12.3 kB", "4.0 GB".
    static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        var unit = "B"
        for next in ["kB", "MB", "GB", "TB", "PB"] where value >= 1000 {
            value /= 1000
            unit = next
        }
        return unit == "B" ? "\(count) B" : "\(fixed(value, digits: 1)) \(unit)"
    }

    /// "12.3 ms", "0.64 s".
    static func milliseconds(_ value: Double) -> String {
        value < 1000 ? "\(fixed(value, digits: value < 10 ? 1 : 0)) ms" : "\(fixed(value / 1000, digits: 2)) s"
    }

    /// A number with so many digits behind the point.
    static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "-" }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let tail = String(part)
        return "\(sign)\(whole)." + String(repeating: "0", count: max(0, digits - tail.count)) + tail
    }

    /// "1 rule", "3 rules".
    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
