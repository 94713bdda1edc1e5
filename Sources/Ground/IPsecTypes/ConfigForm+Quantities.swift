extension ConfigForm where Value == Int {
    /// A whole number within bounds.
    public static func integer(_ range: ClosedRange<Int>, _ what: String = "a whole number") -> ConfigForm {
        bounded(
            "\(what) of \(range.lowerBound) to \(range.upperBound)",
            range,
            show: { "\($0)" },
            parse: { text in
                guard !text.isEmpty, text.utf8.count <= 19, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
                    return nil
                }
                return Int(text)
            }
        )
    }
}

extension ConfigForm where Value == Duration {
    /// A duration with its unit, within bounds: 500ms, 30s, 15m, 1h, 7d, 1h30m.
    public static func duration(_ range: ClosedRange<Duration>) -> ConfigForm {
        let expected = "a duration of \(range.lowerBound.configText) to \(range.upperBound.configText), such as 30s"
        return bounded(expected, range, show: \.configText, parse: Duration.init(configText:))
    }
}

extension ConfigForm where Value == UInt64 {
    /// A size with its unit, within bounds: 512B, 64KiB, 1MiB, 64GiB.
    public static func size(_ range: ClosedRange<UInt64>) -> ConfigForm {
        let expected = "a size of \(range.lowerBound.sizeText) to \(range.upperBound.sizeText), such as 1MiB"
        return bounded(expected, range, show: \.sizeText, parse: UInt64.init(sizeText:))
    }

    /// A count within bounds, which may be too large for `Int` on some machines.
    public static func count(_ range: ClosedRange<UInt64>) -> ConfigForm {
        bounded(
            "a whole number of \(range.lowerBound) to \(range.upperBound)",
            range,
            show: { "\($0)" },
            parse: { text in text.utf8.allSatisfy { (48...57).contains($0) } ? UInt64(text) : nil }
        )
    }
}

extension ConfigForm where Value: Comparable {
    private static func bounded(
        _ expected: String,
        _ range: ClosedRange<Value>,
        show: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) -> Value?
    ) -> ConfigForm {
        ConfigForm(
            expected: expected,
            read: { node, diagnostics in
                guard let text = node.text, let value = parse(text) else {
                    diagnostics.report(
                        node.text == nil ? .wrongKind : .invalidValue,
                        at: node.place,
                        "expected \(expected), not \(node.kindName)"
                    )
                    return nil
                }
                guard range.contains(value) else {
                    diagnostics.report(
                        .outOfRange,
                        at: node.place,
                        "\(text.printable(limit: 40)) is out of bounds: \(expected)"
                    )
                    return nil
                }
                return value
            },
            show: show
        )
    }
}

extension ConfigForm where Value == IPAddress {
    /// An IPv4 or IPv6 address.
    public static var address: ConfigForm {
        ConfigForm(scalar: "an IP address", show: { $0.description.yamlQuoted }, parse: { IPAddress($0) })
    }
}

extension ConfigForm where Value == IPPrefix {
    /// A network in CIDR form without host bits.
    public static var prefix: ConfigForm {
        ConfigForm(
            expected: "a network such as 10.20.0.0/16",
            read: { node, diagnostics in
                if let text = node.text, let prefix = IPPrefix(text) { return prefix }
                let parts = (node.text ?? "").split(separator: "/", omittingEmptySubsequences: false).map(String.init)
                var hint: String?
                if parts.count == 2, let address = IPAddress(parts[0]), let length = Int(parts[1]),
                    let meant = IPPrefix(address, length: length)
                {
                    hint = "host bits are set; the network is \(meant)"
                }
                diagnostics.report(
                    node.text == nil ? .wrongKind : .invalidValue,
                    at: node.place,
                    "expected a network such as 10.20.0.0/16, not \(node.kindName)",
                    hint: hint
                )
                return nil
            },
            show: { $0.description.yamlQuoted }
        )
    }
}

extension Duration {
    private static let configUnits: [(name: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ]

    /// Reads "500ms", "30s", "1h30m": whole numbers, each with a unit, the units in falling order; nil for anything else.
    public init?(configText text: String) {
        var rest = Substring(text)
        var total: Int64 = 0
        var nextUnit = 0
        guard !rest.isEmpty, text.utf8.count <= 32 else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let count = Int64(digits), let place = Self.configUnits.firstIndex(where: { $0.name == unit }),
                place >= nextUnit
            else { return nil }
            nextUnit = place + 1
            let (part, overflow) = count.multipliedReportingOverflow(by: Self.configUnits[place].nanoseconds)
            let (sum, carry) = total.addingReportingOverflow(part)
            guard !overflow, !carry else { return nil }
            total = sum
        }
        self = .nanoseconds(total)
    }

    /// The duration as configuration writes it: "1h30m", "500ms"; below a millisecond it is rounded down.
    public var configText: String {
        var left = wholeNanoseconds
        guard left > 0 else { return "0s" }
        var text = ""
        for unit in Self.configUnits where left >= unit.nanoseconds {
            text += "\(left / unit.nanoseconds)\(unit.name)"
            left %= unit.nanoseconds
        }
        return text.isEmpty ? "0s" : text
    }
}

extension UInt64 {
    private static let sizeUnits: [(name: String, shift: UInt64)] = [
        ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0),
    ]

    /// Reads "512B", "64KiB", "1MiB", "64GiB", "1TiB"; nil for anything else, such as a number without a unit.
    public init?(sizeText text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count)
        guard let count = UInt64(digits), let shift = Self.sizeUnits.first(where: { $0.name == unit })?.shift,
            count <= UInt64.max >> shift
        else { return nil }
        self = count << shift
    }

    /// The size with the largest unit that divides it.
    public var sizeText: String {
        let unit = Self.sizeUnits.first { self != 0 && self % (1 << $0.shift) == 0 } ?? ("B", 0)
        return "\(self >> unit.shift)\(unit.name)"
    }
}
