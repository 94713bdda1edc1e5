/// Hexadecimal, for digests, serial numbers, identities and keys' names. Not for secrets: its text is not wiped.
public enum Hex {
    /// Two lower-case digits a byte.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0xF)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Decodes pairs of digits in either case; nil for anything else, signs and blanks among it.
    public static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var half: UInt8?
        for character in text {
            guard character < 0x80, let digit = Character(UnicodeScalar(character)).hexDigitValue else { return nil }
            if let upper = half {
                bytes.append(upper << 4 | UInt8(truncatingIfNeeded: digit))
                half = nil
            } else {
                half = UInt8(truncatingIfNeeded: digit)
            }
        }
        return half == nil ? bytes : nil
    }
}
