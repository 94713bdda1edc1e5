import IPsecTypes

extension ValidationFailure: CustomStringConvertible {
    /// One sentence for the operator that names what was compared.
    public var description: String {
        switch self {
        case .noCertificate:
            "the peer sent no certificate"
        case .tooManyCertificates(let count, let limit):
            "the peer sent \(count) certificates, at most \(limit) are read"
        case .malformed(let position, let reason):
            "certificate \(position + 1) of the chain cannot be read: \(reason)"
        case .noTrustAnchor:
            "no trusted root is configured for this connection"
        case .unknownIssuer(let subject, let issuer, let anchors):
            "\(subject) is issued by \(issuer), which leads to no trusted root; trusted: \(list(anchors))"
        case .badSignature(let subject, let issuer):
            "the signature on \(subject) was not made by the key of \(issuer)"
        case .notYetValid(let subject, let notBefore, let clock, let skew):
            "\(subject) is valid from \(notBefore.rfc3339); it is \(clock.rfc3339) here (\(skew) s skew allowed)"
        case .expired(let subject, let notAfter, let clock, let skew):
            "\(subject) expired at \(notAfter.rfc3339); it is \(clock.rfc3339) here (\(skew) s skew allowed)"
        case .weakKey(let subject, let key):
            "\(subject) has a key that is refused: \(key)"
        case .weakSignature(let subject, let algorithm):
            "\(subject) is signed with \(algorithm), which is refused"
        case .unknownCriticalExtension(let subject, let oid):
            "\(subject) has the critical extension \(oid), which is not understood"
        case .notAnAuthority(let subject, let reason):
            "\(subject) may not issue certificates: \(reason)"
        case .authorityAsPeer(let subject):
            "\(subject) is an authority's certificate and cannot be a peer's"
        case .keyUsage(let subject):
            "the key usage of \(subject) has neither digitalSignature nor nonRepudiation"
        case .extendedKeyUsage(let subject, let found):
            "the extended key usage of \(subject) has neither ipsecIKE nor any; it has: \(list(found))"
        case .profile(let subject, let rule):
            "\(subject): \(rule)"
        case .pathRule(let reason):
            reason
        case .revoked(let subject, let serial, let time):
            "\(subject), serial \(serial), was revoked at \(time.rfc3339)"
        case .tooComplex(let limit):
            "the certificates allow more paths than \(limit) signature checks can follow"
        case .claims(let subject, let reason):
            "the claims of \(subject) cannot be read: \(reason)"
        case .notAGateway(let subject, let missing):
            "\(subject) is no gateway: \(missing)"
        case .identityMismatch(let wanted, let offered):
            "the identity \(wanted) is not among the certificate's names: \(list(offered))"
        case .identityUnusable(let identity, let reason):
            "the identity \(identity) cannot be proven by a certificate: \(reason)"
        }
    }

    private func list(_ items: [String]) -> String {
        let shown = items.prefix(16).joined(separator: ", ")
        if items.isEmpty { return "none" }
        return items.count > 16 ? shown + ", and \(items.count - 16) more" : shown
    }
}
