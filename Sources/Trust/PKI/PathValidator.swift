import IPsecTypes
@_spi(DisableValidityCheck) import X509

/// Validates a peer's certificate path at a given time against pinned anchors.
///
/// swift-certificates builds the path, checks the signatures and the RFC 5280 path rules; ``PathRules`` adds the times
/// (with our skew), key strength, key purposes, roles, revocation and the profile. Nothing is fetched.
public struct PathValidator: Sendable {
    /// Clock skew that is forgiven, in seconds.
    public static let clockSkewSeconds: Int64 = 60
    /// Certificates that are read from a peer, the leaf included (W14).
    public static let maximumCertificates = 8
    /// Signature checks a chain may cost on the way to a path; explaining a failure may cost as many again (P04).
    static let maximumSignatureChecks = 32

    var skew: Int64 = PathValidator.clockSkewSeconds
    var maximumPathLength = PathValidator.maximumCertificates + 1
    var keyPurposes = KeyPurposes.ike

    /// Makes a validator.
    public init() {}

    /// Validates the certificates of a peer, leaf first, the others in any order.
    ///
    /// With `allowsMLDSA` the leaf may hold an ML-DSA key; its path is of classical signatures all the same, and no authority
    /// on it may constrain names.
    public func validate(
        chain: [[UInt8]],
        anchors: TrustAnchors,
        wallClock: WallTime,
        purpose: ValidationPurpose,
        revocation: any RevocationView = RevokedSerials(),
        allowsMLDSA: Bool = false
    ) async -> Result<ValidatedPeer, ValidationFailure> {
        guard let leafDER = chain.first else { return .failure(.noCertificate) }
        guard chain.count <= Self.maximumCertificates else {
            return .failure(.tooManyCertificates(count: chain.count, limit: Self.maximumCertificates))
        }
        let leaf: ParsedCertificate
        do {
            leaf = try ParsedCertificate(der: leafDER, allowsMLDSA: allowsMLDSA)
        } catch {
            return .failure(.malformed(position: 0, reason: error.description))
        }
        // A certificate beside the path that cannot be read is no reason to refuse a path without it.
        let others = chain.dropFirst().compactMap { der in try? ParsedCertificate(der: der) }
        let roots = anchors.anchors(presented: others)
        guard !roots.isEmpty else {
            return .failure(
                anchors.pins.isEmpty
                    ? .noTrustAnchor
                    : .unknownIssuer(
                        subject: leaf.displayName,
                        issuer: leaf.issuerName,
                        anchors: anchors.pins.sorted().map { "key \($0)" }
                    )
            )
        }
        let candidates = CandidateCertificates(leaf: leaf, others: others, roots: roots)
        guard candidates.signatureChecks(limit: Self.maximumSignatureChecks) <= Self.maximumSignatureChecks else {
            return .failure(.tooComplex(limit: Self.maximumSignatureChecks))
        }
        let rules = PathRules(
            skew: skew,
            wallClock: wallClock,
            maximumPathLength: maximumPathLength,
            keyPurposes: purpose == .tls ? .tls : keyPurposes,
            purpose: purpose,
            revocation: revocation,
            known: candidates.byCertificate
        )
        return leaf.hidden == nil ? await run(candidates, rules) : await runAboveLeaf(candidates, rules)
    }

    /// A leaf whose key the library does not know: its issuer's signature is checked here, and the verifier builds the path
    /// from the issuer on.
    private func runAboveLeaf(
        _ candidates: CandidateCertificates,
        _ rules: PathRules
    ) async -> Result<ValidatedPeer, ValidationFailure> {
        let leaf = candidates.leaf
        let unhandled = leaf.certificate.extensions.first {
            $0.critical && !RecordingPolicy.handledExtensions.contains($0.oid)
        }
        if let unhandled {
            return .failure(.unknownCriticalExtension(subject: leaf.displayName, oid: "\(unhandled.oid)"))
        }
        var first: ValidationFailure?
        for issuer in candidates.roots + candidates.intermediates
        where issuer.subjectDER == leaf.issuerDER && leaf.isSigned(by: issuer) {
            let above = CandidateCertificates(leaf: issuer, others: candidates.intermediates, roots: candidates.roots)
            switch await run(above, rules, below: leaf) {
            case .success(let peer): return .success(peer)
            case .failure(let failure): first = first ?? failure
            }
        }
        return .failure(first ?? candidates.explain(handled: RecordingPolicy.handledExtensions))
    }

    private func run(
        _ candidates: CandidateCertificates,
        _ rules: PathRules,
        below leaf: ParsedCertificate? = nil
    ) async
        -> Result<ValidatedPeer, ValidationFailure>
    {
        let findings = PathFindings()
        var verifier = Verifier(rootCertificates: CertificateStore(candidates.roots.map(\.certificate))) {
            RecordingPolicy(rules: rules, leaf: leaf, findings: findings)
            // Its own expiry check knows no skew and reads the clock; the rules above check every time of the path.
            RFC5280Policy.withValidityCheckDisabled()
        }
        let result = await verifier.validate(
            leaf: candidates.leaf.certificate,
            intermediates: CertificateStore(candidates.intermediates.map(\.certificate))
        )
        switch result {
        case .validCertificate(let path):
            // The verifier accepts only what our rules passed; anything else would be its fault, and a refusal.
            guard let peer = findings.peer(of: (leaf.map { [$0.certificate] } ?? []) + Array(path)) else {
                return .failure(.pathRule(reason: "a path was accepted that was not checked"))
            }
            return .success(peer)
        case .couldNotValidate(let failures):
            if let failure = findings.first { return .failure(failure) }
            if let reason = failures.first?.policyFailureReason {
                return .failure(.pathRule(reason: printable("\(reason)")))
            }
            return .failure(candidates.explain(handled: RecordingPolicy.handledExtensions))
        }
    }
}
