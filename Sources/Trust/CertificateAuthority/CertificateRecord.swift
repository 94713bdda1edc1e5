import IPsecTypes
import PKI

/// What the authority remembers of a certificate it issued.
public struct CertificateRecord: Hashable, Sendable {
    /// Why a certificate was revoked, as an operator said it.
    public struct Revocation: Hashable, Sendable {
        /// When.
        public let at: WallTime
        /// Why; one line.
        public let reason: String

        /// Makes a revocation.
        public init(at: WallTime, reason: String) {
            self.at = at
            self.reason = reason
        }
    }

    /// The profile it was issued under.
    public let profile: CertificateProfile
    /// The name the operator or the enrolment gave, such as `runner1`.
    public let label: String
    /// When it was issued.
    public let issuedAt: WallTime
    /// The key of the authority that issued it.
    public let issuer: SPKIFingerprint
    /// The certificate.
    public let certificate: ParsedCertificate
    /// Set once it is revoked.
    public var revocation: Revocation?

    /// The serial number.
    public var serial: CertificateSerial { certificate.serial }

    /// The first line of the stored form.
    private static let header = "culvert-certificate 1"

    /// The stored form: lines of names and values, the certificate as base64 in PEM.
    func encoded() -> [UInt8] {
        var lines = [
            Self.header, "profile=\(profile.rawValue)", "label=\(label)", "issued=\(issuedAt.secondsSinceEpoch)",
            "issuer=\(issuer)",
        ]
        if let revocation {
            lines.append("revoked=\(revocation.at.secondsSinceEpoch)")
            lines.append("reason=\(revocation.reason)")
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
            + PEM.encode(label: "CERTIFICATE", certificate.der)
    }

    /// Reads the stored form.
    static func decode(_ bytes: [UInt8]) throws(CertificateAuthorityError) -> CertificateRecord {
        let certificate: ParsedCertificate
        do {
            guard let der = try PEM.certificates(in: bytes).first else { throw CertificateAuthorityError.badRecord("") }
            certificate = try ParsedCertificate(der: der, allowsMLDSA: true)
        } catch {
            throw .badRecord("its certificate: \(error)")
        }
        var fields: [Substring: String] = [:]
        var isFirst = true
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("-----BEGIN") { break }
            if isFirst {
                guard line == header else { throw .badRecord("its version is not known") }
                isFirst = false
                continue
            }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = parts.first, let value = parts.last else {
                throw .badRecord("a line without a value")
            }
            fields[name] = String(value)
        }
        guard let profile = fields["profile"].flatMap({ CertificateProfile(rawValue: $0) }),
            let label = fields["label"], let issued = fields["issued"].flatMap({ Int64($0) }),
            let issuer = fields["issuer"].flatMap({ SPKIFingerprint($0) })
        else { throw .badRecord("a field is missing") }
        var record = CertificateRecord(
            profile: profile,
            label: label,
            issuedAt: WallTime(secondsSinceEpoch: issued),
            issuer: issuer,
            certificate: certificate
        )
        if let time = fields["revoked"].flatMap({ Int64($0) }) {
            record.revocation = Revocation(
                at: WallTime(secondsSinceEpoch: time),
                reason: fields["reason"] ?? ""
            )
        }
        return record
    }

    /// One line of printable ASCII, at most 128 characters: what labels and reasons are cut to.
    static func line(_ text: String) -> String {
        String(decoding: text.utf8.prefix(128).map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
