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
