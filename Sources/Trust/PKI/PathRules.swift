import IPsecTypes
import SwiftASN1
import X509

/// Extended key purposes that allow IKE (RFC 4945 §5.1.3.12).
struct KeyPurposes: Sendable {
    var accepted: Set<ASN1ObjectIdentifier>

    /// RFC 5216 §5.3: TLS itself tells clients from servers.
    static let tls = KeyPurposes(
        accepted: [.ExtendedKeyUsage.clientAuth, .ExtendedKeyUsage.serverAuth, .ExtendedKeyUsage.any]
    )

    static let ike = KeyPurposes(accepted: [CulvertObjectIdentifiers.ipsecIKE, .ExtendedKeyUsage.any])
}

/// What we ask of a path beyond signatures and RFC5280Policy.
struct PathRules: Sendable {
    let skew: Int64
    let wallClock: WallTime
    let maximumPathLength: Int
    let keyPurposes: KeyPurposes
    let purpose: ValidationPurpose
    let revocation: any RevocationView
    let known: [Certificate: ParsedCertificate]

    /// Checks a path, leaf first and anchor last, and says what it proves.
    func describe(path certificates: [Certificate]) throws(ValidationFailure) -> ValidatedPeer {
        let path = certificates.compactMap { known[$0] }
        guard path.count == certificates.count, let leaf = path.first, let anchor = path.last else {
            throw .noCertificate
        }
        // A pinned certificate that is presented as a leaf would be its own anchor.
        guard path.count >= 2 else { throw .authorityAsPeer(subject: leaf.displayName) }
        guard path.count <= maximumPathLength else {
            throw .profile(subject: leaf.displayName, rule: "the path has more than \(maximumPathLength) certificates")
        }
        for certificate in path { try checkTimes(certificate) }
        for certificate in path { try checkProfile(certificate, isAnchor: certificate == anchor) }
        for certificate in path.dropFirst() { try checkAuthority(certificate) }
        for authority in path.dropFirst() { try NameConstraintRules.checkWildcards(of: leaf, below: authority) }
        let claims = try checkLeaf(leaf)
        for (certificate, issuer) in zip(path, path.dropFirst()) {
            if case .revoked(let time) = revocation.status(of: certificate.serial, issuer: issuer.fingerprint) {
                throw .revoked(subject: certificate.displayName, serial: certificate.serial, at: time)
            }
        }
        let policies = try effectivePolicies(path)
        let missing = try missingForGateway(leaf, policies)
        if purpose == .gateway, let missing { throw .notAGateway(subject: leaf.displayName, missing: missing) }
        return ValidatedPeer(
            leafDER: leaf.der,
            spkiDER: leaf.spkiDER,
            subjectDER: leaf.subjectDER,
            names: leaf.names,
            serial: leaf.serial,
            notBefore: leaf.notBefore,
            notAfter: leaf.notAfter,
            pathNotBefore: path.map(\.notBefore).max() ?? leaf.notBefore,
            pathNotAfter: path.map(\.notAfter).min() ?? leaf.notAfter,
            issuer: path.dropFirst().first?.fingerprint ?? anchor.fingerprint,
            anchor: anchor.fingerprint,
            claims: claims,
            policyOIDs: policies.map { "\($0)" }.sorted(),
            isGateway: missing == nil,
            path: zip(path, path.dropFirst()).map { .init(serial: $0.serial, issuer: $1.fingerprint) },
            pathNames: path.map(\.displayName)
        )
    }

    /// What RFC5280Policy asks of a path whose leaf it has not seen (RFC 5280 §6.1.4 (b), (l), (m)).
    func checkWhatTheLibraryCannot(_ certificates: [Certificate]) throws(ValidationFailure) {
        let path = certificates.compactMap { known[$0] }
        var below = 0
        for authority in path.dropFirst() {
            let extensions = authority.certificate.extensions
            if case .isCertificateAuthority(let limit?)? = try? extensions.basicConstraints, below > limit {
                throw .notAnAuthority(
                    subject: authority.displayName,
                    reason: "more than \(limit) authorities stand below it"
                )
            }
            if !authority.isSelfIssued { below += 1 }
            guard extensions[oid: .X509ExtensionID.nameConstraints] == nil else {
                throw .profile(
                    subject: authority.displayName,
                    rule: "it constrains names, which is not checked for ML-DSA certificates below it"
                )
            }
        }
    }

    private func checkTimes(_ certificate: ParsedCertificate) throws(ValidationFailure) {
        guard certificate.notBefore <= certificate.notAfter else {
            throw .profile(subject: certificate.displayName, rule: "its validity ends before it begins")
        }
        guard wallClock >= certificate.notBefore.advanced(bySeconds: -skew) else {
            throw .notYetValid(
                subject: certificate.displayName,
                notBefore: certificate.notBefore,
                wallClock: wallClock,
                skew: skew
            )
        }
        guard wallClock <= certificate.notAfter.advanced(bySeconds: skew) else {
            throw .expired(
                subject: certificate.displayName,
                notAfter: certificate.notAfter,
                wallClock: wallClock,
                skew: skew
            )
        }
    }

    private func checkProfile(_ certificate: ParsedCertificate, isAnchor: Bool) throws(ValidationFailure) {
        let name = certificate.displayName
        let extensions = certificate.certificate.extensions
        func fail(_ rule: String) -> ValidationFailure { .profile(subject: name, rule: rule) }

        guard certificate.certificate.version == .v3 else { throw fail("it is not a version 3 certificate") }
        // An empty SEQUENCE is two bytes (RFC 5280 §4.1.2.4).
        guard certificate.issuerDER.count > 2 else { throw fail("the issuer name is empty") }
        // A trust anchor's own signature proves nothing, so its algorithm is of no matter.
        if !isAnchor, certificate.certificate.signatureAlgorithm == .sha1WithRSAEncryption {
            throw .weakSignature(subject: name, algorithm: "SHA-1")
        }
        if let extensionFound = extensions[oid: .X509ExtensionID.subjectKeyIdentifier], extensionFound.critical {
            throw fail("the subject key identifier is critical (RFC 5280 §4.2.1.2)")
        }
        try checkAuthorityKeyIdentifier(certificate, isAnchor: isAnchor)
        if let access = extensions[oid: .X509ExtensionID.authorityInformationAccess] {
            guard !access.critical, (try? extensions.authorityInformationAccess) != nil else {
                throw fail("the authority information access cannot be read")
            }
        }
        // The policy tree is not built, so what would cut it must be refused, critical or not.
        for oid in [CulvertObjectIdentifiers.policyConstraints, CulvertObjectIdentifiers.inhibitAnyPolicy]
        where extensions[oid: oid] != nil {
            throw .unknownCriticalExtension(subject: name, oid: "\(oid)")
        }
    }

    private func checkAuthorityKeyIdentifier(
        _ certificate: ParsedCertificate,
        isAnchor: Bool
    ) throws(ValidationFailure) {
        let name = certificate.displayName
        let extensions = certificate.certificate.extensions
        func fail(_ rule: String) -> ValidationFailure { .profile(subject: name, rule: rule) }

        let identifier: AuthorityKeyIdentifier?
        let own: SubjectKeyIdentifier?
        do {
            identifier = try extensions.authorityKeyIdentifier
            own = try extensions.subjectKeyIdentifier
        } catch {
            throw fail("a key identifier cannot be read")
        }
        guard let identifier else {
            // RFC 5280 §4.2.1.1: every certificate but a self-signed one names its issuer's key.
            if isAnchor { return }
            throw fail("it has no authority key identifier (RFC 5280 §4.2.1.1)")
        }
        guard extensions[oid: .X509ExtensionID.authorityKeyIdentifier]?.critical != true else {
            throw fail("the authority key identifier is critical (RFC 5280 §4.2.1.1)")
        }
        guard let keyIdentifier = identifier.keyIdentifier else {
            throw fail("the authority key identifier names no key (RFC 5280 §4.2.1.1)")
        }
        if isAnchor, certificate.isSelfIssued {
            guard identifier.authorityCertIssuer == nil, identifier.authorityCertSerialNumber == nil else {
                throw fail("the root's authority key identifier names an issuer and serial number")
            }
            guard own.map({ $0.keyIdentifier == keyIdentifier }) == true else {
                throw fail("the root's authority key identifier is not its subject key identifier")
            }
        }
    }

    private func missingForGateway(
        _ leaf: ParsedCertificate,
        _ policies: [ASN1ObjectIdentifier]
    ) throws(ValidationFailure) -> String? {
        let purposes = try keyPurposes(of: leaf) ?? []
        guard purposes.contains(CulvertObjectIdentifiers.ipsecIKE) else {
            return "the extended key usage has no ipsecIKE"
        }
        guard policies.contains(CulvertObjectIdentifiers.gatewayPolicy) else {
            return "the gateway policy \(CulvertObjectIdentifiers.gatewayPolicy) is not there for the whole path"
        }
        return nil
    }
}
