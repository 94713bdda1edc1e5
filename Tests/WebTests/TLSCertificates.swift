import Crypto
import Foundation
import IPsecTypes
import SwiftASN1
import Web
import X509

/// The time of all tests: 2026-11-23T12:00:00Z.
let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

/// A certificate with its key.
struct Made {
    let key: P256.Signing.PrivateKey
    let name: DistinguishedName
    let der: [UInt8]

    var secret: SecretBytes { SecretBytes(Array(key.derRepresentation)) }
}

/// Certificates for TLS, made as a test wants them.
enum TLSCertificates {
    enum Use { case authority, server, client }

    static func make(
        _ name: String,
        _ use: Use,
        by issuer: Made? = nil,
        from start: Int64 = -3600,
        to end: Int64 = 3600,
        padding: Int = 0
    ) throws -> Made {
        let key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName([.init(type: .RDNAttributeType.commonName, utf8String: name)])
        var extensions: [Certificate.Extension] = []
        switch use {
        case .authority:
            extensions.append(try .init(BasicConstraints.isCertificateAuthority(maxPathLength: nil), critical: true))
            extensions.append(try .init(KeyUsage(keyCertSign: true, cRLSign: true), critical: true))
        case .server, .client:
            extensions.append(try .init(KeyUsage(digitalSignature: true), critical: true))
            extensions.append(
                try .init(ExtendedKeyUsage([use == .server ? .serverAuth : .clientAuth]), critical: false)
            )
            let names = [name] + (0..<padding).map { "padding-\($0).a-rather-long-name-that-fills-fragments.test" }
            extensions.append(try .init(SubjectAlternativeNames(names.map { .dnsName($0) }), critical: false))
        }
        let certificate = try Certificate(
            version: .v3,
            serialNumber: .init(),
            publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: Double(noon.secondsSinceEpoch + start)),
            notValidAfter: Date(timeIntervalSince1970: Double(noon.secondsSinceEpoch + end)),
            issuer: issuer?.name ?? subject,
            subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions(extensions),
            issuerPrivateKey: .init(issuer?.key ?? key)
        )
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return Made(key: key, name: subject, der: serializer.serializedBytes)
    }
}

/// An authority, a server and a client.
struct TLSHouse {
    let authority: Made
    let server: Made
    let client: Made

    /// With `lastingYears` the certificates are good for programs that read the clock themselves.
    init(padding: Int = 0, lastingYears: Bool = false) throws {
        let year: Int64 = 365 * 86_400
        let (start, end) = lastingYears ? (-3 * year, 30 * year) : (-3600, 3600)
        func make(_ name: String, _ use: TLSCertificates.Use, by issuer: Made?) throws -> Made {
            try TLSCertificates.make(name, use, by: issuer, from: start, to: end, padding: padding)
        }
        authority = try make("Test CA", .authority, by: nil)
        server = try make("radius.test", .server, by: authority)
        client = try make("alice.test", .client, by: authority)
    }

    func serverSettings() -> TLSSettings {
        TLSSettings(chain: [server.der], privateKey: server.secret, anchors: [authority.der])
    }

    func clientSettings() -> TLSSettings {
        TLSSettings(
            chain: [client.der],
            privateKey: client.secret,
            anchors: [authority.der],
            serverNames: ["radius.test"]
        )
    }
}
