/// The one rule for names that peers send: letters, digits, hyphens and underscores in labels of 1 to 63 octets, at most
/// 253 octets in all (RFC 1035 §2.3.4). What passes is safe to print, to compare and to hand on.
enum DomainName {
    static let maximumLength = 253
    private static let maximumLabel = 63

    /// Whether the octets are a name. `allowingRoot` accepts one final dot.
    static func isValid(_ name: some BidirectionalCollection<UInt8>, allowingRoot: Bool = false) -> Bool {
        let dot = UInt8(ascii: ".")
        if allowingRoot, name.count > 1, name.last == dot { return isValid(name.dropLast()) }
        guard !name.isEmpty, name.count <= maximumLength else { return false }
        return name.split(separator: dot, omittingEmptySubsequences: false).allSatisfy { label in
            let hyphen = UInt8(ascii: "-")
            return (1...maximumLabel).contains(label.count) && label.first != hyphen && label.last != hyphen
                && label.allSatisfy(isNameOctet)
        }
    }

    private static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
