import Crypto
import Foundation
import IPsecTypes
import SwiftASN1
import X509

@testable import PKI

/// 2026-11-23T12:00:00Z, the time of all tests that choose their own.
let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

/// A certificate with its key, made freely: also what no authority would make.
struct Made {
    let key: P256.Signing.PrivateKey
    let certificate: Certificate
    let der: [UInt8]

    var parsed: ParsedCertificate { get throws { try ParsedCertificate(der: der) } }
}

/// What goes into a certificate under test.
struct Draft {
    var subject: String? = nil
    var key = P256.Signing.PrivateKey()
    var version = Certificate.Version.v3
    var serial: [UInt8] = [0x42, 0x01]
    var notBefore = noon.advanced(bySeconds: -3_600)
    var notAfter = noon.advanced(bySeconds: 3_600)
    var extensions: [Certificate.Extension] = []
    var withKeyIdentifiers = true

    func signed(by issuer: Made? = nil, issuerName: DistinguishedName? = nil) throws -> Made {
        let subjectName = try DistinguishedName(
            subject.map { [.init(type: .RDNAttributeType.commonName, utf8String: $0)] } ?? []
        )
        var all = extensions
        if withKeyIdentifiers {
            all.append(try .init(SubjectKeyIdentifier(keyIdentifier: keyIdentifier(key)[...]), critical: false))
            if let issuer {
                all.append(
                    try .init(AuthorityKeyIdentifier(keyIdentifier: keyIdentifier(issuer.key)[...]), critical: false)
                )
            }
        }
        let certificate = try Certificate(
            version: version,
            serialNumber: .init(bytes: serial),
            publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: Double(notBefore.secondsSinceEpoch)),
            notValidAfter: Date(timeIntervalSince1970: Double(notAfter.secondsSinceEpoch)),
            issuer: issuerName ?? issuer?.certificate.subject ?? subjectName,
            subject: subjectName,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions(all),
            issuerPrivateKey: .init(issuer?.key ?? key)
        )
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return Made(key: key, certificate: certificate, der: serializer.serializedBytes)
    }

    private func keyIdentifier(_ key: P256.Signing.PrivateKey) -> [UInt8] {
        Array(SHA256.hash(data: key.publicKey.derRepresentation).prefix(20))
    }
}

/// Extensions by their short names.
enum Ext {
    static func authority(pathLength: Int? = nil, critical: Bool = true) throws -> Certificate.Extension {
        try .init(BasicConstraints.isCertificateAuthority(maxPathLength: pathLength), critical: critical)
    }

    static func keyUsage(_ usage: KeyUsage) throws -> Certificate.Extension {
        try .init(usage, critical: true)
    }

    static func names(_ names: [GeneralName], critical: Bool = true) throws -> Certificate.Extension {
        try .init(SubjectAlternativeNames(names), critical: critical)
    }

    static func purposes(_ oids: [ASN1ObjectIdentifier], critical: Bool = false) throws -> Certificate.Extension {
        try .init(ExtendedKeyUsage(oids.map { .init(oid: $0) }), critical: critical)
    }

    static func policies(_ oids: [ASN1ObjectIdentifier]) throws -> Certificate.Extension {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { list in
            for oid in oids { try list.appendConstructedNode(identifier: .sequence) { try $0.serialize(oid) } }
        }
        return .init(
            oid: CulvertObjectIdentifiers.certificatePolicies,
            critical: false,
            value: serializer.serializedBytes[...]
        )
    }

    static func raw(_ oid: ASN1ObjectIdentifier, critical: Bool, _ bytes: [UInt8]) -> Certificate.Extension {
        .init(oid: oid, critical: critical, value: bytes[...])
    }
}

/// A root, an issuing authority and drafts of what they sign.
struct TestAuthority {
    let root: Made
    let issuing: Made

    init(
        issuingPolicies: [ASN1ObjectIdentifier] = [CulvertObjectIdentifiers.gatewayPolicy],
        name: String = "test"
    ) throws {
        root = try Draft(
            subject: "\(name) root",
            extensions: [Ext.authority(), Ext.keyUsage(.init(keyCertSign: true, cRLSign: true))]
        ).signed()
        var extensions = [try Ext.authority(pathLength: 0), try Ext.keyUsage(.init(keyCertSign: true, cRLSign: true))]
        if !issuingPolicies.isEmpty { extensions.append(try Ext.policies(issuingPolicies)) }
        issuing = try Draft(subject: "\(name) issuing", serial: [7], extensions: extensions).signed(by: root)
    }

    var anchors: TrustAnchors { get throws { try TrustAnchors(certificates: [root.der]) } }

    /// A good leaf of a job, to be spoilt.
    func leafDraft() throws -> Draft {
        Draft(extensions: [
            try Ext.names([
                .dnsName("01job.jobs.example.com"), .uniformResourceIdentifier("spiffe://example.com/job/1"),
            ]),
            try Ext.keyUsage(.init(digitalSignature: true)),
            try Ext.purposes([CulvertObjectIdentifiers.ipsecIKE]),
        ])
    }

    /// A good gateway's leaf.
    func gatewayDraft() throws -> Draft {
        Draft(
            subject: "vpn.example.com",
            extensions: [
                try Ext.names(
                    [.dnsName("vpn.example.com"), .ipAddress(.init(contentBytes: [192, 0, 2, 1]))],
                    critical: false
                ),
                try Ext.keyUsage(.init(digitalSignature: true)),
                try Ext.purposes([CulvertObjectIdentifiers.ipsecIKE, .ExtendedKeyUsage.serverAuth]),
                try Ext.policies([CulvertObjectIdentifiers.gatewayPolicy]),
            ]
        )
    }

    func validate(
        _ leaf: Made,
        at time: WallTime = noon,
        purpose: ValidationPurpose = .peer,
        with others: [[UInt8]]? = nil,
        revocation: any RevocationView = RevokedSerials()
    ) async throws -> Result<ValidatedPeer, ValidationFailure> {
        await PathValidator().validate(
            chain: [leaf.der] + (others ?? [issuing.der]),
            anchors: try anchors,
            wallClock: time,
            purpose: purpose,
            revocation: revocation
        )
    }
}

extension Draft {
    /// The same draft without the extension, and with others in its place.
    func replacing(_ oid: ASN1ObjectIdentifier, _ replacements: Certificate.Extension...) -> Draft {
        var copy = self
        copy.extensions.removeAll { $0.oid == oid }
        copy.extensions += replacements
        return copy
    }
}

extension Result where Failure == ValidationFailure {
    /// The word of the failure; nil on success.
    var code: String? {
        if case .failure(let failure) = self { return failure.code }
        return nil
    }
}

/// Where test vectors are.
func vectors(_ name: String, from file: String = #filePath) -> URL {
    URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Vectors").appendingPathComponent(name)
}
