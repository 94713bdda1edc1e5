/// The Type-Data of an Identity response (RFC 3748 §5.1).
enum EAPIdentityText {
    /// The identity as text: 1...253 octets of UTF-8 (RFC 7542 §2.2) without NUL, before which RFC 3748 §5.1 ends it.
    static func parse(_ data: [UInt8]) throws(EAPFailure) -> String {
        guard !data.isEmpty, data.count <= EAPLimits.identity, !data.contains(0),
            let text = String(validating: data, as: UTF8.self)
        else { throw .badIdentity }
        return text
    }
}
