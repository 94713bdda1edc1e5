import IPsecTypes

/// What is known about one certificate's revocation.
public enum RevocationStatus: Hashable, Sendable {
    /// The source covers the issuer and does not list the serial number, or the source has no say about this issuer.
    case notRevoked
    /// Revoked at that time.
    case revoked(at: WallTime)
}

/// A snapshot of revocations, asked for every certificate of a path but the anchor.
///
/// Our own authority's records, a CRL or an OCSP answer can stand behind it; whoever makes the snapshot sees to its age.
public protocol RevocationView: Sendable {
    /// The status of the certificate with that serial number under that issuer's key.
    func status(of serial: CertificateSerial, issuer: SPKIFingerprint) -> RevocationStatus
}

/// A set of revoked serial numbers per issuer.
public struct RevokedSerials: RevocationView, Hashable {
    private var revoked: [SPKIFingerprint: [CertificateSerial: WallTime]] = [:]

    /// Nothing is revoked.
    public init() {}

    /// Notes a revocation; the earliest time stays.
    public mutating func insert(_ serial: CertificateSerial, issuer: SPKIFingerprint, at time: WallTime) {
        let known = revoked[issuer]?[serial]
        revoked[issuer, default: [:]][serial] = known.map { min($0, time) } ?? time
    }

    /// How many serial numbers are noted.
    public var count: Int { revoked.values.reduce(0) { $0 + $1.count } }

    /// The status of the certificate with that serial number under that issuer's key.
    public func status(of serial: CertificateSerial, issuer: SPKIFingerprint) -> RevocationStatus {
        guard let time = revoked[issuer]?[serial] else { return .notRevoked }
        return .revoked(at: time)
    }
}
