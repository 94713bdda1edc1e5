import IPsecTypes
import PKI
import SwiftASN1
import X509

/// The embedded authority: issues, signs, revokes and lists under fixed profiles.
///
/// Keys, times and random bytes come from the caller. A certificate is handed out only after its record is durable.
public struct EmbeddedAuthority: Sendable {
    /// The root, DER: the trust anchor; it is not sent to peers.
    public let rootDER: [UInt8]
    /// The issuing authority, DER: sent along with every leaf.
    public let issuingDER: [UInt8]
    /// The realm whose names it gives.
    public let trustDomain: String
    /// What it issued.
    public let records: CertificateRecords

    private let signer: any CASigner
    private let issuing: Certificate
    private let parsedIssuing: ParsedCertificate

    /// Opens an authority from its certificates and the issuing key. The root's key is not needed to issue.
    public init(
        rootDER: [UInt8],
        issuingDER: [UInt8],
        signer: any CASigner,
        trustDomain: String,
        records: CertificateRecords
    ) throws(CertificateAuthorityError) {
        guard TrustDomain.isValid(trustDomain) else { throw .badTrustDomain(trustDomain) }
        do {
            issuing = try Certificate(derEncoded: issuingDER)
            parsedIssuing = try ParsedCertificate(der: issuingDER)
            let root = try ParsedCertificate(der: rootDER)
            guard parsedIssuing.isAuthority, root.isAuthority, parsedIssuing.issuerDER == root.subjectDER else {
                throw CertificateAuthorityError.unusableAuthority("the issuing certificate is not the root's")
            }
        } catch let error as CertificateAuthorityError {
            throw error
        } catch {
            throw .unusableAuthority("\(error)")
        }
        guard signer.subjectPublicKeyInfo == parsedIssuing.spkiDER else { throw .keyMismatch }
        self.rootDER = rootDER
        self.issuingDER = issuingDER
        self.signer = signer
        self.trustDomain = trustDomain
        self.records = records
    }

    /// The key that names this authority in revocations and tenant bindings.
    public var fingerprint: SPKIFingerprint { parsedIssuing.fingerprint }

    /// What one issuance takes from outside.
    public struct Moment: Sendable {
        /// The civil time.
        public let wallClock: WallTime
        /// ``CertificateSerial/randomByteCount`` random bytes.
        public let serialRandom: [UInt8]

        /// Makes a moment.
        public init(wallClock: WallTime, serialRandom: [UInt8]) {
            self.wallClock = wallClock
            self.serialRandom = serialRandom
        }
    }

    /// A certificate that was issued.
    public struct Issued: Sendable {
        /// Leaf first, then the issuing authority: what is sent to peers.
        public let chain: [[UInt8]]
        /// Its record.
        public let record: CertificateRecord
    }

    /// Issues a gateway's certificate for host names and addresses; the first host name, if any, is its common name. An ML-DSA
    /// key is refused unless `allowsMLDSA` says that whoever reads the certificate has been told to take it.
    public func issueGateway(
        dnsNames: [String],
        addresses: [IPAddress],
        spki: [UInt8],
        label: String,
        lifetime: Int64? = nil,
        allowsMLDSA: Bool = false,
        at moment: Moment
    ) async throws(CertificateAuthorityError) -> Issued {
        guard !dnsNames.isEmpty || !addresses.isEmpty else {
            throw .badName("a gateway needs a host name or an address")
        }
        guard dnsNames.count + addresses.count <= 32 else { throw .badName("a gateway has at most 32 names") }
        for name in dnsNames where IdentityBinding.canonicalHostName(name) == nil {
            throw .badName("\(CertificateRecord.line(name)) is not a host name")
        }
        // A common name has at most 64 characters (RFC 5280 appendix A.1).
        let common = dnsNames.first.flatMap { $0.utf8.count <= 64 ? $0 : nil }
        let template = CertificateTemplate(
            profile: .gateway,
            subject: try Self.subject(common),
            spki: spki,
            serial: CertificateSerial(random: moment.serialRandom),
            notBefore: moment.wallClock,
            notAfter: moment.wallClock,
            names: CertificateNames(dns: dnsNames, addresses: addresses)
        )
        return try await issue(template, label: label, lifetime: lifetime, allowsMLDSA, at: moment.wallClock)
    }

    /// Issues an agent's or a job's certificate: one dNSName `<ulid>.jobs.<trust-domain>`, one SPIFFE name
    /// `spiffe://<trust-domain>/<path>`, an empty subject. ML-DSA keys are as for gateways.
    public func issueWorkload(
        _ profile: CertificateProfile,
        id: ULID,
        spiffePath: String,
        claims: CertificateClaims? = nil,
        spki: [UInt8],
        label: String,
        lifetime: Int64? = nil,
        allowsMLDSA: Bool = false,
        at moment: Moment
    ) async throws(CertificateAuthorityError) -> Issued {
        precondition(profile == .agent || profile == .job, "a workload is an agent or a job")
        guard let spiffe = SPIFFEID(trustDomain: trustDomain, path: spiffePath) else {
            throw .badName("\(CertificateRecord.line(spiffePath)) is not a SPIFFE path")
        }
        let names = CertificateNames(
            dns: [TrustDomain.jobName(id, in: trustDomain)],
            uris: [spiffe.description]
        )
        let template = CertificateTemplate(
            profile: profile,
            subject: try Self.subject(nil),
            spki: spki,
            serial: CertificateSerial(random: moment.serialRandom),
            notBefore: moment.wallClock,
            notAfter: moment.wallClock,
            names: names,
            claims: claims
        )
        return try await issue(template, label: label, lifetime: lifetime, allowsMLDSA, at: moment.wallClock)
    }

    private func issue(
        _ draft: CertificateTemplate,
        label: String,
        lifetime: Int64?,
        _ allowsMLDSA: Bool,
        at wallClock: WallTime
    ) async throws(CertificateAuthorityError) -> Issued {
        do {
            let kind = try PublicKeyDescription(spki: draft.spki)
            if case .mlDSA = kind, !allowsMLDSA {
                throw CertificateAuthorityError.badKey("\(kind) keys are experimental, and were not asked for")
            }
        } catch let error as CertificateAuthorityError {
            throw error
        } catch {
            throw .badKey("\(error)")
        }
        // An authority that certified its own key, or a key shared with it, would blur the roles.
        guard draft.spki != parsedIssuing.spkiDER else { throw .badKey("it is the authority's own") }
        let seconds = lifetime ?? draft.profile.defaultLifetime
        guard draft.profile.lifetimes.contains(seconds) else {
            throw .badLifetime(seconds: seconds, allowed: draft.profile.lifetimes)
        }
        guard wallClock < parsedIssuing.notAfter.advanced(bySeconds: -60) else {
            throw .authorityExpires(parsedIssuing.notAfter)
        }
        var template = draft
        template.notBefore = max(wallClock.advanced(bySeconds: -CertificateProfile.backdating), parsedIssuing.notBefore)
        template.notAfter = min(wallClock.advanced(bySeconds: seconds), parsedIssuing.notAfter)
        let der = try template.sign(with: signer, issuer: issuing)
        let certificate: ParsedCertificate
        do {
            certificate = try ParsedCertificate(der: der, allowsMLDSA: allowsMLDSA)
        } catch {
            throw .signing("the certificate made cannot be read back: \(error.description)")
        }
        let record = CertificateRecord(
            profile: draft.profile,
            label: CertificateRecord.line(label),
            issuedAt: wallClock,
            issuer: fingerprint,
            certificate: certificate
        )
        try await records.insert(record)
        return Issued(chain: [der, issuingDER], record: record)
    }

    static func subject(_ commonName: String?) throws(CertificateAuthorityError) -> DistinguishedName {
        guard let commonName else { return DistinguishedName() }
        do {
            return try DistinguishedName { CommonName(commonName) }
        } catch {
            throw .badName("\(CertificateRecord.line(commonName)) cannot be a common name")
        }
    }
}
