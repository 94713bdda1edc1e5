extension String {
    /// The text with every character escaped that could steer a terminal, break a log line or turn text around: C0 and C1
    /// controls, DEL, line and paragraph separators, bidirectional and zero-width controls. A backslash stays as it is.
    public var printable: String {
        guard unicodeScalars.contains(where: \.isUnsafeInText) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            if scalar.isUnsafeInText {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// ``printable``, cut after `limit` characters with an ellipsis, for text that a peer chose.
    public func printable(limit: Int) -> String {
        guard count > limit else { return printable }
        return String(prefix(limit)).printable + "..."
    }

    /// The text padded with blanks to `width` characters.
    public func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}

extension Unicode.Scalar {
    fileprivate var isUnsafeInText: Bool {
        switch value {
        case 0x00...0x1f, 0x7f...0x9f: true
        case 0x061c, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x2069, 0xfeff: true
        case 0xfff9...0xfffb, 0xe0000...0xe007f: true
        default: false
        }
    }
}
