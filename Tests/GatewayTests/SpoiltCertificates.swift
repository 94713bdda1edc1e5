import Crypto
import Foundation
import IPsecTypes
import PKI
import PacketIO
import RuntimeDoubles
import SwiftASN1
import X509

/// An authority of its own that signs whatever it is told to.
struct CarelessAuthority {
    private let key = P256.Signing.PrivateKey()
    private let name: DistinguishedName
    let root: Certificate

    init(_ name: String = "careless") throws {
        self.name = try DistinguishedName([.init(type: .RDNAttributeType.commonName, utf8String: name)])
        let now = Date()
        root = try Certificate(
            version: .v3,
            serialNumber: .init(bytes: [1]),
            publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-86_400 * 365),
            notValidAfter: now.addingTimeInterval(86_400 * 365),
            issuer: self.name,
            subject: self.name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions([
                try .init(BasicConstraints.isCertificateAuthority(maxPathLength: nil), critical: true),
                try .init(KeyUsage(keyCertSign: true, cRLSign: true), critical: true),
                try .init(SubjectKeyIdentifier(keyIdentifier: Self.identifier(key)[...]), critical: false),
            ]),
            issuerPrivateKey: .init(key)
        )
    }

    /// A leaf.
    ///
    /// - Parameters:
    ///   - from: when it begins, in seconds from now.
    ///   - to: when it ends.
    ///   - purpose: its extended key usage.
    ///   - isGateway: whether it carries the gateway's policy.
    ///   - wrongKey: whether the private key beside it belongs to another certificate.
    func leaf(
        _ dnsName: String,
        from: Double = -3600,
        to: Double = 3600,
        purpose: ASN1ObjectIdentifier = CulvertObjectIdentifiers.ipsecIKE,
        isAuthority: Bool = false,
        isGateway: Bool = false,
        wrongKey: Bool = false
    ) throws -> TestCredentials {
        let leafKey = P256.Signing.PrivateKey()
        var extensions: [Certificate.Extension] = [
            try .init(SubjectAlternativeNames([.dnsName(dnsName)]), critical: true),
            try .init(
                isAuthority ? KeyUsage(digitalSignature: true, keyCertSign: true) : KeyUsage(digitalSignature: true),
                critical: true
            ),
            try .init(ExtendedKeyUsage([.init(oid: purpose)]), critical: false),
            try .init(SubjectKeyIdentifier(keyIdentifier: Self.identifier(leafKey)[...]), critical: false),
            try .init(AuthorityKeyIdentifier(keyIdentifier: Self.identifier(key)[...]), critical: false),
        ]
        if isAuthority {
            extensions.append(try .init(BasicConstraints.isCertificateAuthority(maxPathLength: nil), critical: true))
        }
        if isGateway { extensions.append(try Self.policy(CulvertObjectIdentifiers.gatewayPolicy)) }
        let now = Date()
        let certificate = try Certificate(
            version: .v3,
            serialNumber: .init(bytes: [2, UInt8.random(in: 0...255), UInt8.random(in: 0...255), 1]),
            publicKey: .init(leafKey.publicKey),
            notValidBefore: now.addingTimeInterval(from),
            notValidAfter: now.addingTimeInterval(to),
            issuer: name,
            subject: DistinguishedName(),
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions(extensions),
            issuerPrivateKey: .init(key)
        )
        let pem = wrongKey ? P256.Signing.PrivateKey() : leafKey
        return TestCredentials(chain: [try Self.der(certificate)], key: SecretBytes(Array(pem.derRepresentation)))
    }

    var rootDER: [UInt8] { get throws { try Self.der(root) } }
    var rootPEM: String {
        get throws { String(decoding: PEM.encode(label: "CERTIFICATE", try rootDER), as: UTF8.self) }
    }

    private static func der(_ certificate: Certificate) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }

    private static func identifier(_ key: P256.Signing.PrivateKey) -> [UInt8] {
        Array(SHA256.hash(data: key.publicKey.derRepresentation).prefix(20))
    }

    private static func policy(_ oid: ASN1ObjectIdentifier) throws -> Certificate.Extension {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { list in
            try list.appendConstructedNode(identifier: .sequence) { try $0.serialize(oid) }
        }
        return .init(
            oid: CulvertObjectIdentifiers.certificatePolicies,
            critical: false,
            value: serializer.serializedBytes[...]
        )
    }
}
