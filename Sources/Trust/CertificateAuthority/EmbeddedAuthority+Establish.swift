import IPsecTypes
import PKI
import SwiftASN1
import X509

extension EmbeddedAuthority {
    /// A root and an issuing authority that were just made.
    public struct Established: Sendable {
        /// The root, DER.
        public let rootDER: [UInt8]
        /// The issuing authority, DER.
        public let issuingDER: [UInt8]
        /// The root's `--ca-sha256`.
        public let pin: SPKIFingerprint
    }

    /// Makes the two certificates of an authority. The root's key may be taken offline afterwards.
    public static func establish(
        trustDomain: String,
        rootSigner: any CASigner,
        issuingSigner: any CASigner,
        wallClock: WallTime,
        rootSerialRandom: [UInt8],
        issuingSerialRandom: [UInt8]
    ) throws(CertificateAuthorityError) -> Established {
        guard TrustDomain.isValid(trustDomain) else { throw .badTrustDomain(trustDomain) }
        let start = wallClock.advanced(bySeconds: -CertificateProfile.backdating)
        let root = CertificateTemplate(
            profile: .root,
            subject: try authorityName("\(trustDomain) Culvert root"),
            spki: rootSigner.subjectPublicKeyInfo,
            serial: CertificateSerial(random: rootSerialRandom),
            notBefore: start,
            notAfter: wallClock.advanced(bySeconds: CertificateProfile.root.defaultLifetime)
        )
        let rootDER = try root.sign(with: rootSigner, issuer: nil)
        let issuingDER = try renewIssuing(
            trustDomain: trustDomain,
            rootDER: rootDER,
            rootSigner: rootSigner,
            issuingSPKI: issuingSigner.subjectPublicKeyInfo,
            wallClock: wallClock,
            serialRandom: issuingSerialRandom
        )
        return Established(
            rootDER: rootDER,
            issuingDER: issuingDER,
            pin: SPKIFingerprint(ofSPKI: rootSigner.subjectPublicKeyInfo)
        )
    }

    /// Makes an issuing certificate under an existing root.
    public static func renewIssuing(
        trustDomain: String,
        rootDER: [UInt8],
        rootSigner: any CASigner,
        issuingSPKI: [UInt8],
        wallClock: WallTime,
        serialRandom: [UInt8]
    ) throws(CertificateAuthorityError) -> [UInt8] {
        guard TrustDomain.isValid(trustDomain) else { throw .badTrustDomain(trustDomain) }
        let root: Certificate
        let parsedRoot: ParsedCertificate
        do {
            root = try Certificate(derEncoded: rootDER)
            parsedRoot = try ParsedCertificate(der: rootDER)
        } catch {
            throw .unusableAuthority("\(error)")
        }
        guard parsedRoot.spkiDER == rootSigner.subjectPublicKeyInfo else { throw .keyMismatch }
        let end = wallClock.advanced(bySeconds: CertificateProfile.issuing.defaultLifetime)
        let serial = CertificateSerial(random: serialRandom)
        let template = CertificateTemplate(
            profile: .issuing,
            // Part of the serial number tells generations apart, so that paths through either can be built.
            subject: try authorityName("\(trustDomain) Culvert issuing \(serial.description.prefix(8))"),
            spki: issuingSPKI,
            serial: serial,
            notBefore: wallClock.advanced(bySeconds: -CertificateProfile.backdating),
            notAfter: min(end, parsedRoot.notAfter)
        )
        return try template.sign(with: rootSigner, issuer: root)
    }

    /// Common names have at most 64 characters; long trust domains keep their tail.
    private static func authorityName(_ text: String) throws(CertificateAuthorityError) -> DistinguishedName {
        try subject(String(text.suffix(64)))
    }
}
