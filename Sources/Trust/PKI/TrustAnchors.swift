/// The roots one connection trusts: pinned certificates, pinned keys, or both.
///
/// A root of a tenant or of a gateway is trusted where it is configured and nowhere else; there is no system store.
public struct TrustAnchors: Hashable, Sendable {
    /// The root certificates at hand.
    public let certificates: [ParsedCertificate]
    /// Keys of roots (`--ca-sha256`). When there are any, each certificate at hand must have one of them, and a
    /// self-issued certificate in the peer's chain that has one counts as a root.
    public let pins: Set<SPKIFingerprint>

    /// Why anchors are refused.
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// Neither certificates nor pins.
        case empty
        /// A certificate cannot be read.
        case unreadable(position: Int, reason: String)
        /// A certificate is no authority's.
        case notAnAuthority(String)
        /// A certificate's key is none of the pinned ones.
        case notPinned(name: String, fingerprint: SPKIFingerprint)

        /// One sentence for the operator.
        public var description: String {
            switch self {
            case .empty: "no trusted root is given"
            case .unreadable(let position, let reason): "trusted root \(position + 1) cannot be read: \(reason)"
            case .notAnAuthority(let name): "\(name) is no authority's certificate and cannot be a trusted root"
            case .notPinned(let name, let fingerprint): "\(name) has the key \(fingerprint), which is not pinned"
            }
        }
    }

    /// Takes roots and pins.
    public init(certificates ders: [[UInt8]], pins: Set<SPKIFingerprint> = []) throws(Failure) {
        guard !ders.isEmpty || !pins.isEmpty else { throw .empty }
        var parsed: [ParsedCertificate] = []
        for (position, der) in ders.enumerated() {
            let certificate: ParsedCertificate
            do {
                certificate = try ParsedCertificate(der: der)
            } catch {
                throw .unreadable(position: position, reason: error.description)
            }
            guard certificate.isAuthority else { throw .notAnAuthority(certificate.displayName) }
            guard pins.isEmpty || pins.contains(certificate.fingerprint) else {
                throw .notPinned(name: certificate.displayName, fingerprint: certificate.fingerprint)
            }
            if !parsed.contains(certificate) { parsed.append(certificate) }
        }
        certificates = parsed
        self.pins = pins
    }

    /// SubjectPublicKeyInfo of each root at hand, DER: what CERTREQ hashes.
    public var spkiDERs: [[UInt8]] { certificates.map(\.spkiDER) }

    /// The roots at hand plus those of a peer's chain that are pinned by key.
    func anchors(presented: [ParsedCertificate]) -> [ParsedCertificate] {
        guard !pins.isEmpty else { return certificates }
        let pinned = presented.filter { candidate in
            candidate.isSelfIssued && candidate.isAuthority && pins.contains(candidate.fingerprint)
                && !certificates.contains { $0.subjectDER == candidate.subjectDER && $0.spkiDER == candidate.spkiDER }
        }
        return certificates + pinned
    }
}
