/// Why a peer, or the peer's view of us, was not authenticated: for logs, status and audit of this end. The wire shows the
/// same AUTHENTICATION_FAILED for each.
public struct AuthenticationFailure: Hashable, Sendable, CustomStringConvertible {
    /// A stable word, such as "psk_mismatch" or "cert_expired".
    public var reason: String
    /// What happened, in a sentence.
    public var text: String
    /// What the peer offered.
    public var offered: [String]
    /// What we wanted.
    public var wanted: [String]
    /// What was compared with what, where that says more: times and clocks, names.
    public var compared: [String]

    /// Gathers the parts.
    public init(
        reason: String,
        _ text: String,
        offered: [String] = [],
        wanted: [String] = [],
        compared: [String] = []
    ) {
        self.reason = reason
        self.text = text
        self.offered = offered
        self.wanted = wanted
        self.compared = compared
    }

    /// Takes a text that begins with a stable word and a colon, as verifiers and EAP methods write them; another text gets
    /// the word "authentication_failed".
    public init(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        if let word = parts.first, parts.count == 2, !word.isEmpty,
            word.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || (97...122).contains($0) })
        {
            self.init(reason: String(word), String(parts[1].drop { $0 == " " }))
        } else {
            self.init(reason: "authentication_failed", text)
        }
    }

    /// Word and sentence.
    public var description: String { "\(reason): \(text)" }
}

extension AuthenticationFailure: ExpressibleByStringInterpolation {
    /// As ``init(_:)``.
    public init(stringLiteral value: String) { self.init(value) }
}
