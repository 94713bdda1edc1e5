import SwiftASN1
import X509

/// The certificates a path may be made of, with the bound on the work they can cause.
struct CandidateCertificates {
    let leaf: ParsedCertificate
    let intermediates: [ParsedCertificate]
    let roots: [ParsedCertificate]

    /// Repeated certificates, the leaf and copies of a root are dropped: the configured root is the one that counts.
    init(leaf: ParsedCertificate, others: [ParsedCertificate], roots: [ParsedCertificate]) {
        var kept: [ParsedCertificate] = []
        for other in others where other != leaf && !kept.contains(other) {
            let isRoot = roots.contains { $0.subjectDER == other.subjectDER && $0.spkiDER == other.spkiDER }
            if !isRoot { kept.append(other) }
        }
        self.leaf = leaf
        self.roots = roots
        intermediates = kept
    }

    /// The parsed form of each certificate swift-certificates may hand back.
    var byCertificate: [Certificate: ParsedCertificate] {
        Dictionary(
            ([leaf] + intermediates + roots).map { ($0.certificate, $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// An upper bound of the signature checks that building paths can cost, by walking the names as if every signature
    /// were good; stops counting above `limit`.
    func signatureChecks(limit: Int) -> Int {
        var checks = 0
        var partial: [[ParsedCertificate]] = [[leaf]]
        while let path = partial.popLast(), let tip = path.last {
            let issuers = { (candidates: [ParsedCertificate]) in
                candidates.filter { $0.certificate.subject == tip.certificate.issuer && !path.contains($0) }
            }
            checks += issuers(roots).count
            for parent in issuers(intermediates) {
                checks += 1
                partial.append(path + [parent])
            }
            if checks > limit { return checks }
        }
        return checks
    }

    /// Why no path reached a root, found by following the names from the leaf.
    func explain(handled: [ASN1ObjectIdentifier]) -> ValidationFailure {
        var reached = [leaf]
        var position = 0
        var firstBad: ValidationFailure?
        while position < reached.count {
            let tip = reached[position]
            position += 1
            if let oid = tip.certificate.extensions.first(where: { $0.critical && !handled.contains($0.oid) })?.oid {
                firstBad = firstBad ?? .unknownCriticalExtension(subject: tip.displayName, oid: "\(oid)")
                continue
            }
            for issuer in roots + intermediates
            where issuer.certificate.subject == tip.certificate.issuer && !reached.contains(issuer) {
                if tip.isSigned(by: issuer) {
                    reached.append(issuer)
                } else {
                    firstBad = firstBad ?? .badSignature(subject: tip.displayName, issuer: issuer.displayName)
                }
            }
        }
        if let firstBad { return firstBad }
        let last = reached.last ?? leaf
        return .unknownIssuer(
            subject: last.displayName,
            issuer: last.issuerName,
            anchors: roots.map { "\($0.displayName) (\($0.fingerprint))" }
        )
    }
}
