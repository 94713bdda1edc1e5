import IPsecTypes
import SwiftASN1
import X509

extension PathRules {
    /// What a certificate that issued another one must be.
    func checkAuthority(_ certificate: ParsedCertificate) throws(ValidationFailure) {
        let name = certificate.displayName
        let extensions = certificate.certificate.extensions
        func fail(_ reason: String) -> ValidationFailure { .notAnAuthority(subject: name, reason: reason) }

        guard certificate.isAuthority else { throw fail("its basic constraints do not say CA") }
        // RFC 5280 §4.2.1.9.
        guard extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true else {
            throw fail("its basic constraints are not critical")
        }
        // RFC 5280 §4.1.2.6: an authority has a name.
        guard certificate.subjectDER.count > 2 else { throw fail("its subject is empty") }
        guard extensions[oid: .X509ExtensionID.subjectKeyIdentifier] != nil else {
            throw fail("it has no subject key identifier")
        }
        if let usage = try readKeyUsage(certificate), !usage.keyCertSign {
            throw fail("its key usage lacks keyCertSign")
        }
        if let purposes = try keyPurposes(of: certificate), keyPurposes.accepted.isDisjoint(with: purposes) {
            throw fail("its extended key usage leaves IKE out")
        }
        try NameConstraintRules.check(certificate)
    }

    /// What a leaf must be; returns its claims.
    func checkLeaf(_ leaf: ParsedCertificate) throws(ValidationFailure) -> CertificateClaims? {
        let name = leaf.displayName
        let extensions = leaf.certificate.extensions
        do {
            if case .isCertificateAuthority? = try extensions.basicConstraints {
                throw ValidationFailure.authorityAsPeer(subject: name)
            }
        } catch let error as ValidationFailure {
            throw error
        } catch {
            throw .profile(subject: name, rule: "its basic constraints cannot be read")
        }
        if let usage = try readKeyUsage(leaf) {
            // RFC 4945 §5.1.3.2.
            guard usage.digitalSignature || usage.nonRepudiation else { throw .keyUsage(subject: name) }
            // RFC 5280 §4.2.1.3.
            guard !usage.keyCertSign else {
                throw .profile(subject: name, rule: "it may sign certificates and is no authority's")
            }
        }
        if let purposes = try keyPurposes(of: leaf), keyPurposes.accepted.isDisjoint(with: purposes) {
            throw .extendedKeyUsage(subject: name, found: purposes.map { "\($0)" })
        }
        guard extensions[oid: .X509ExtensionID.nameConstraints] == nil else {
            throw .profile(subject: name, rule: "it has name constraints and is no authority's")
        }
        // RFC 5280 §4.1.2.6: with an empty subject the names are critical.
        if leaf.subjectDER.count <= 2 {
            guard let names = extensions[oid: .X509ExtensionID.subjectAlternativeName], names.critical else {
                throw .profile(subject: name, rule: "its subject is empty and its names are not critical")
            }
        }
        return try readClaims(leaf)
    }

    private func readClaims(_ leaf: ParsedCertificate) throws(ValidationFailure) -> CertificateClaims? {
        guard let found = leaf.certificate.extensions[oid: CulvertObjectIdentifiers.claims] else { return nil }
        do {
            return try CertificateClaims.decode(found.value)
        } catch {
            throw .claims(subject: leaf.displayName, reason: "\(error)")
        }
    }

    private func readKeyUsage(_ certificate: ParsedCertificate) throws(ValidationFailure) -> KeyUsage? {
        do {
            return try certificate.certificate.extensions.keyUsage
        } catch {
            throw .profile(subject: certificate.displayName, rule: "its key usage cannot be read")
        }
    }

    /// The extended key purposes; nil without the extension.
    func keyPurposes(of certificate: ParsedCertificate) throws(ValidationFailure) -> [ASN1ObjectIdentifier]? {
        guard let found = certificate.certificate.extensions[oid: .X509ExtensionID.extendedKeyUsage] else { return nil }
        let purposes: [ASN1ObjectIdentifier]
        do {
            purposes = try DER.sequence(identifier: .sequence, rootNode: DER.parse(found.value))
        } catch {
            throw .profile(subject: certificate.displayName, rule: "its extended key usage cannot be read")
        }
        // RFC 5280 §4.2.1.12: SIZE (1..MAX); the bound keeps lists short.
        guard !purposes.isEmpty, purposes.count <= 32 else {
            throw .profile(subject: certificate.displayName, rule: "its extended key usage is empty or over 32 entries")
        }
        return purposes
    }

    /// Policies of the leaf that every authority below the anchor allows; an authority without the extension allows none
    /// (RFC 5280 §6.1.3 (d) and (e)).
    func effectivePolicies(_ path: [ParsedCertificate]) throws(ValidationFailure) -> [ASN1ObjectIdentifier] {
        var policies: [ASN1ObjectIdentifier]?
        for certificate in path.dropLast() {
            let own = try readPolicies(certificate)
            guard let current = policies else {
                policies = own.filter { $0 != CulvertObjectIdentifiers.anyPolicy }
                continue
            }
            if !own.contains(CulvertObjectIdentifiers.anyPolicy) { policies = current.filter { own.contains($0) } }
        }
        return policies ?? []
    }

    private func readPolicies(_ certificate: ParsedCertificate) throws(ValidationFailure) -> [ASN1ObjectIdentifier] {
        let oid = CulvertObjectIdentifiers.certificatePolicies
        guard let found = certificate.certificate.extensions[oid: oid] else { return [] }
        let policies: [PolicyInformation]
        do {
            policies = try DER.sequence(identifier: .sequence, rootNode: DER.parse(found.value))
        } catch {
            throw .profile(subject: certificate.displayName, rule: "its certificate policies cannot be read")
        }
        // RFC 5280 §4.2.1.4: a qualifier of a critical extension must be understood, and we know none but the two
        // pointers to texts, which change nothing.
        guard !policies.isEmpty, policies.count <= 32, Set(policies.map(\.identifier)).count == policies.count,
            !found.critical || policies.allSatisfy(\.hasKnownQualifiersOnly)
        else {
            throw .profile(
                subject: certificate.displayName,
                rule: "its certificate policies are empty, repeated or not understood"
            )
        }
        return policies.map(\.identifier)
    }
}

/// One element of certificatePolicies.
private struct PolicyInformation: DERParseable {
    let identifier: ASN1ObjectIdentifier
    let hasKnownQualifiersOnly: Bool

    private static let knownQualifiers: Set<ASN1ObjectIdentifier> = [
        [1, 3, 6, 1, 5, 5, 7, 2, 1], [1, 3, 6, 1, 5, 5, 7, 2, 2],
    ]

    init(derEncoded node: ASN1Node) throws {
        self = try DER.sequence(node, identifier: .sequence) { nodes in
            let identifier = try ASN1ObjectIdentifier(derEncoded: &nodes)
            let qualifiers: [Qualifier] =
                try nodes.next().map { try DER.sequence(identifier: .sequence, rootNode: $0) } ?? []
            return PolicyInformation(
                identifier: identifier,
                hasKnownQualifiersOnly: qualifiers.allSatisfy { Self.knownQualifiers.contains($0.identifier) }
            )
        }
    }

    private init(identifier: ASN1ObjectIdentifier, hasKnownQualifiersOnly: Bool) {
        self.identifier = identifier
        self.hasKnownQualifiersOnly = hasKnownQualifiersOnly
    }

    struct Qualifier: DERParseable {
        let identifier: ASN1ObjectIdentifier

        init(derEncoded node: ASN1Node) throws {
            identifier = try DER.sequence(node, identifier: .sequence) { nodes in
                let identifier = try ASN1ObjectIdentifier(derEncoded: &nodes)
                guard nodes.next() != nil else { throw ASN1Error.invalidASN1Object(reason: "no qualifier") }
                return identifier
            }
        }
    }
}
