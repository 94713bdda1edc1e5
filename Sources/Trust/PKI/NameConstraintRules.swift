import IPsecTypes
import SwiftASN1
import X509

/// The form of name constraints; RFC5280Policy compares names with them.
enum NameConstraintRules {
    /// Subtrees an authority may list: each is compared with each name below it.
    static let maximumSubtrees = 128

    static func check(_ certificate: ParsedCertificate) throws(ValidationFailure) {
        func fail(_ rule: String) -> ValidationFailure { .profile(subject: certificate.displayName, rule: rule) }

        let extensions = certificate.certificate.extensions
        guard let found = extensions[oid: .X509ExtensionID.nameConstraints] else { return }
        // RFC 5280 §4.2.1.10.
        guard found.critical else { throw fail("its name constraints are not critical") }
        let constraints: NameConstraints
        do {
            constraints = try NameConstraints(found)
        } catch {
            throw fail("its name constraints cannot be read")
        }
        let subtrees = constraints.permittedSubtrees + constraints.excludedSubtrees
        guard !subtrees.isEmpty, subtrees.count <= maximumSubtrees else {
            throw fail("its name constraints are empty or over \(maximumSubtrees) entries")
        }
        for subtree in subtrees {
            guard isWellFormed(subtree) else {
                throw fail("the name constraint \(printable("\(subtree)")) is malformed")
            }
        }
    }

    /// A wildcard stands for names that an authority may have excluded below the wildcard's own domain: RFC 5280 compares the
    /// text alone, and `*.example.com` is not within `jobs.example.com`, though it stands for it.
    static func checkWildcards(
        of leaf: ParsedCertificate,
        below authority: ParsedCertificate
    ) throws(ValidationFailure) {
        guard let found = authority.certificate.extensions[oid: .X509ExtensionID.nameConstraints],
            let constraints = try? NameConstraints(found)
        else { return }
        for name in leaf.names.dns where name.hasPrefix("*.") {
            let domain = name.dropFirst().lowercased()
            for case .dnsName(let excluded) in constraints.excludedSubtrees
            where ("." + excluded).lowercased().hasSuffix(domain) {
                throw .profile(
                    subject: leaf.displayName,
                    rule: "its name \(printable(name)) stands for names that \(authority.displayName) excludes"
                )
            }
        }
    }

    private static func isWellFormed(_ name: GeneralName) -> Bool {
        switch name {
        case .dnsName(let text):
            // An empty constraint covers every name.
            text.isEmpty || IdentityBinding.canonicalHostName(text) != nil
        case .ipAddress(let octets): isNetwork(Array(octets.bytes))
        case .rfc822Name(let text):
            IdentityBinding.canonicalMailbox(text) != nil
                || IdentityBinding.canonicalHostName(text.hasPrefix(".") ? String(text.dropFirst()) : text) != nil
        case .otherName, .uniformResourceIdentifier, .x400Address, .directoryName, .ediPartyName, .registeredID: true
        }
    }

    /// An address and a mask of the same length, the mask's ones before its zeros.
    private static func isNetwork(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == 8 || bytes.count == 32 else { return false }
        var sawZero = false
        for byte in bytes.suffix(bytes.count / 2) {
            for bit in (0..<8).reversed() {
                let isOne = byte >> UInt8(bit) & 1 == 1
                if isOne && sawZero { return false }
                sawZero = sawZero || !isOne
            }
        }
        return true
    }
}
