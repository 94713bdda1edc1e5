import IPsecTypes

/// Whether a certificate proves an identity: an ID matches only a name of its own type (RFC 4945 §3.1).
///
/// The subject's common name is never a name, wildcards match nothing, and no type stands in for another.
public enum IdentityBinding {
    /// Compares an identity with a validated peer's names.
    public static func check(_ identity: CertificateIdentity, against peer: ValidatedPeer) throws(ValidationFailure) {
        try check(identity, names: peer.names, subjectDER: peer.subjectDER)
    }

    /// Compares an identity with a certificate's names and subject.
    public static func check(
        _ identity: CertificateIdentity,
        names: CertificateNames,
        subjectDER: [UInt8]
    ) throws(ValidationFailure) {
        let isProven: Bool
        let offered: [String]
        switch identity {
        case .fqdn(let name):
            guard let wanted = canonicalHostName(name) else {
                throw .identityUnusable(identity: identity.description, reason: "it is not a host name")
            }
            isProven = names.dns.contains { canonicalHostName($0) == wanted }
            offered = names.listed
        case .email(let mailbox):
            guard let wanted = canonicalMailbox(mailbox) else {
                throw .identityUnusable(identity: identity.description, reason: "it is not a mail address")
            }
            isProven = names.emails.contains { canonicalMailbox($0) == wanted }
            offered = names.listed
        case .address(let address):
            isProven = names.addresses.contains(address)
            offered = names.listed
        case .distinguishedName(let der):
            guard der.count > 2 else {
                throw .identityUnusable(identity: identity.description, reason: "the name is empty")
            }
            isProven = der == subjectDER
            offered = ["DN:" + DistinguishedNameText.text(of: subjectDER)]
        case .keyID:
            throw .identityUnusable(identity: identity.description, reason: "key IDs are for pre-shared keys")
        }
        guard isProven else { throw .identityMismatch(wanted: identity.description, offered: offered) }
    }

    /// A host name in lower case; nil unless it is one to 127 labels of letters, digits and inner hyphens, at most 253
    /// characters, without a trailing dot, and its last label is not a number (so that `10.0.0.1` is no host name).
    public static func canonicalHostName(_ text: String) -> String? {
        guard !text.isEmpty, text.utf8.count <= 253 else { return nil }
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard let first = label.first, let last = label.last, label.count <= 63 else { return nil }
            guard first != UInt8(ascii: "-"), last != UInt8(ascii: "-"), label.allSatisfy(isHostCharacter) else {
                return nil
            }
        }
        guard let last = labels.last, !last.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return text.lowercased()
    }

    /// A mail address with its domain in lower case; nil unless it is a dot-atom, `@` and a host name.
    static func canonicalMailbox(_ text: String) -> String? {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let local = parts.first, let domain = parts.last, !local.isEmpty,
            local.utf8.count <= 64, local.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }),
            let host = canonicalHostName(String(domain))
        else { return nil }
        return local + "@" + host
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
