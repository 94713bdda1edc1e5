/// The text of a Failure request: "E=691 R=1 C=32 digits V=3 M=text" (draft-kamath-pppext-eap-mschapv2-00 §2.5).
struct MSCHAPv2Refusal: Equatable {
    /// The code: 691 is a wrong password.
    var code: Int
    /// The server's words, at most what a packet holds; not escaped.
    var text: String

    /// Reads the fields that are there: servers leave some out, and a refusal stays one however it is worded.
    init(_ message: [UInt8]) {
        let whole = String(decoding: message.prefix(EAPLimits.packet), as: UTF8.self)
        code = 0
        text = ""
        // The text is the last field and may hold blanks.
        let parts = whole.split(separator: "M=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, let last = parts.last { text = String(last) }
        for field in (parts.first ?? "").split(separator: " ") where field.hasPrefix("E=") {
            code = Int(field.dropFirst(2)) ?? 0
        }
    }

    /// What the code means, and the server's words.
    var description: String {
        let meaning: [Int: String] = [
            646: "restricted log-on hours", 647: "account disabled", 648: "password expired",
            649: "no permission to dial in", 691: "wrong password or unknown user", 709: "password not changed",
        ]
        let name = meaning[code] ?? "error \(code)"
        return text.isEmpty ? name : "\(name) (\(text))"
    }
}
