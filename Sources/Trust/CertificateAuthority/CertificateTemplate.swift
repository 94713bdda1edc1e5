import Crypto
import FoundationEssentials
import IPsecTypes
import PKI
import SwiftASN1
import X509

/// Everything a certificate says, before it is signed.
struct CertificateTemplate {
    var profile: CertificateProfile
    var subject: DistinguishedName
    var spki: [UInt8]
    var serial: CertificateSerial
    var notBefore: WallTime
    var notAfter: WallTime
    var names = CertificateNames()
    var claims: CertificateClaims?

    /// Largest leaf: chains of two fit into few IKE fragments.
    static let maximumLeafBytes = 4_096

    /// Signs the certificate as `issuer`, or as itself where there is none, and returns its DER.
    func sign(with signer: any CASigner, issuer: Certificate?) throws(CertificateAuthorityError) -> [UInt8] {
        do {
            // swift-certificates knows no ML-DSA keys: it writes the certificate for another, and signs nothing.
            let isUnknown = if case .mlDSA = try PublicKeyDescription(spki: spki) { true } else { false }
            let key = CASignerKey(
                signer: isUnknown ? SignerOfDrafts(signer) : signer,
                publicKey: try Certificate.PublicKey(derEncoded: signer.subjectPublicKeyInfo)
            )
            let certificate = try Certificate(
                version: .v3,
                serialNumber: Certificate.SerialNumber(bytes: serial.bytes),
                publicKey: Certificate.PublicKey(derEncoded: isUnknown ? UnknownKey.placeholder : spki),
                notValidBefore: Date(timeIntervalSince1970: Double(notBefore.secondsSinceEpoch)),
                notValidAfter: Date(timeIntervalSince1970: Double(notAfter.secondsSinceEpoch)),
                issuer: issuer?.subject ?? subject,
                subject: subject,
                signatureAlgorithm: key.defaultSignatureAlgorithm,
                extensions: try extensions(issuer: issuer),
                issuerPrivateKey: Certificate.PrivateKey(key)
            )
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            let draft = serializer.serializedBytes
            let der = isUnknown ? try UnknownKey.signed(draft, key: spki) { try signer.sign($0) } : draft
            if profile != .root, profile != .issuing, der.count > Self.maximumLeafBytes {
                throw CertificateAuthorityError.tooLarge(der.count)
            }
            return der
        } catch let error as CertificateAuthorityError {
            throw error
        } catch {
            throw .signing("\(error)")
        }
    }

    private func extensions(issuer: Certificate?) throws -> Certificate.Extensions {
        var list: [Certificate.Extension] = []
        switch profile {
        case .root, .issuing:
            let constraints = BasicConstraints.isCertificateAuthority(maxPathLength: profile == .root ? 1 : 0)
            list.append(try Certificate.Extension(constraints, critical: true))
            list.append(try Certificate.Extension(KeyUsage(keyCertSign: true, cRLSign: true), critical: true))
        case .gateway, .agent, .job:
            list.append(try Certificate.Extension(BasicConstraints.notCertificateAuthority, critical: true))
            list.append(try Certificate.Extension(KeyUsage(digitalSignature: true), critical: true))
        }
        if let usage = try extendedKeyUsage() { list.append(usage) }
        if profile == .issuing || profile == .gateway {
            list.append(try policies([CulvertObjectIdentifiers.gatewayPolicy]))
        }
        let own = SubjectKeyIdentifier(keyIdentifier: Self.keyIdentifier(spki)[...])
        list.append(try Certificate.Extension(own, critical: false))
        if let issuer {
            let identifier = try issuer.extensions.subjectKeyIdentifier?.keyIdentifier
            guard let identifier else {
                throw CertificateAuthorityError.unusableAuthority("it has no subject key identifier")
            }
            list.append(try Certificate.Extension(AuthorityKeyIdentifier(keyIdentifier: identifier), critical: false))
        }
        if !names.isEmpty {
            let general =
                names.dns.map { GeneralName.dnsName($0) }
                + names.addresses.map { .ipAddress(ASN1OctetString(contentBytes: $0.bytes[...])) }
                + names.emails.map { .rfc822Name($0) } + names.uris.map { .uniformResourceIdentifier($0) }
            list.append(try Certificate.Extension(SubjectAlternativeNames(general), critical: subject.isEmpty))
        }
        if let claims {
            list.append(
                Certificate.Extension(
                    oid: CulvertObjectIdentifiers.claims,
                    critical: false,
                    value: claims.encoded()[...]
                )
            )
        }
        return try Certificate.Extensions(list)
    }

    private func extendedKeyUsage() throws -> Certificate.Extension? {
        let ike = ExtendedKeyUsage.Usage(oid: CulvertObjectIdentifiers.ipsecIKE)
        switch profile {
        case .root, .issuing: return nil
        // Native clients of phones and laptops ask for serverAuth.
        case .gateway: return try Certificate.Extension(ExtendedKeyUsage([ike, .serverAuth]), critical: false)
        case .agent, .job: return try Certificate.Extension(ExtendedKeyUsage([ike]), critical: false)
        }
    }

    private func policies(_ identifiers: [ASN1ObjectIdentifier]) throws -> Certificate.Extension {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { list in
            for identifier in identifiers {
                try list.appendConstructedNode(identifier: .sequence) { try $0.serialize(identifier) }
            }
        }
        return Certificate.Extension(
            oid: CulvertObjectIdentifiers.certificatePolicies,
            critical: false,
            value: serializer.serializedBytes[...]
        )
    }

    /// The first 160 bits of SHA-256 of the SubjectPublicKeyInfo, in the manner of RFC 7093 §2: no SHA-1.
    static func keyIdentifier(_ spki: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: spki).prefix(20))
    }
}

/// Signs nothing: it gives drafts the form of signed certificates.
private struct SignerOfDrafts: CASigner {
    let subjectPublicKeyInfo: [UInt8]
    let algorithm: CASignatureAlgorithm

    init(_ signer: any CASigner) {
        subjectPublicKeyInfo = signer.subjectPublicKeyInfo
        algorithm = signer.algorithm
    }

    func sign(_ message: [UInt8]) -> [UInt8] {
        // r and s of one, or as many zeros as Ed25519 has.
        algorithm == .ed25519 ? [UInt8](repeating: 0, count: 64) : [0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]
    }
}

/// A ``CASigner`` as swift-certificates wants to see a private key.
struct CASignerKey: CustomPrivateKey {
    let signer: any CASigner
    let publicKey: Certificate.PublicKey

    var defaultSignatureAlgorithm: Certificate.SignatureAlgorithm {
        switch signer.algorithm {
        case .ecdsaP256: .ecdsaWithSHA256
        case .ecdsaP384: .ecdsaWithSHA384
        case .ed25519: .ed25519
        }
    }

    var supportedSignatureAlgorithms: [Certificate.SignatureAlgorithm] { [defaultSignatureAlgorithm] }

    func signSynchronously(
        bytes: some DataProtocol,
        signatureAlgorithm: Certificate.SignatureAlgorithm
    ) throws -> Certificate.Signature {
        try Certificate.Signature(
            signatureAlgorithm: signatureAlgorithm,
            signatureBytes: ASN1BitString(bytes: signer.sign(Array(bytes))[...])
        )
    }

    static func == (left: CASignerKey, right: CASignerKey) -> Bool { left.publicKey == right.publicKey }

    func hash(into hasher: inout Hasher) { hasher.combine(publicKey) }

    static var defaultPEMDiscriminator: String { "PRIVATE KEY" }

    func serialize(into coder: inout DER.Serializer) throws {
        throw CertificateAuthorityError.unreadableKey("a signer's key cannot be written out")
    }
}
