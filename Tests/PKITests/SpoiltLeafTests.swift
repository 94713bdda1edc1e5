import Crypto
import IPsecTypes
import SwiftASN1
import Testing
import X509

@testable import PKI

enum TestFailure: Error {
    case unexpected
}

/// How a good leaf is spoilt, and the word of the refusal.
struct Spoilt: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: String
    let spoil: @Sendable (Draft) throws -> Draft

    init(_ name: String, _ code: String, _ spoil: @escaping @Sendable (Draft) throws -> Draft) {
        testDescription = name
        self.code = code
        self.spoil = spoil
    }

    static let all: [Spoilt] = [
        Spoilt("a TLS server's purpose", "cert_extended_key_usage") {
            try $0.replacing(.X509ExtensionID.extendedKeyUsage, Ext.purposes([.ExtendedKeyUsage.serverAuth]))
        },
        Spoilt("the deprecated IPsec purposes", "cert_extended_key_usage") {
            try $0.replacing(.X509ExtensionID.extendedKeyUsage, Ext.purposes([[1, 3, 6, 1, 5, 5, 7, 3, 5]]))
        },
        Spoilt("an empty list of purposes", "cert_profile") {
            $0.replacing(
                .X509ExtensionID.extendedKeyUsage,
                Ext.raw(.X509ExtensionID.extendedKeyUsage, critical: false, [0x30, 0x00])
            )
        },
        Spoilt("key usage for encryption alone", "cert_key_usage") {
            try $0.replacing(.X509ExtensionID.keyUsage, Ext.keyUsage(.init(keyEncipherment: true)))
        },
        Spoilt("key usage that signs certificates", "cert_profile") {
            try $0.replacing(.X509ExtensionID.keyUsage, Ext.keyUsage(.init(digitalSignature: true, keyCertSign: true)))
        },
        Spoilt("an authority's certificate", "cert_ca_as_peer") {
            try $0.replacing(.X509ExtensionID.basicConstraints, Ext.authority())
        },
        Spoilt("an unknown critical extension", "cert_unknown_critical_extension") {
            $0.replacing([1, 2, 3, 4], Ext.raw([1, 2, 3, 4], critical: true, [0x05, 0x00]))
        },
        Spoilt("policy constraints", "cert_unknown_critical_extension") {
            $0.replacing([2, 5, 29, 36], Ext.raw([2, 5, 29, 36], critical: false, [0x30, 0x03, 0x80, 0x01, 0x00]))
        },
        Spoilt("name constraints in a leaf", "cert_profile") {
            try $0.replacing(
                .X509ExtensionID.nameConstraints,
                .init(NameConstraints(permittedDNSDomains: ["example.com"]), critical: true)
            )
        },
        Spoilt("an empty subject with names that are not critical", "cert_profile") {
            try $0.replacing(
                .X509ExtensionID.subjectAlternativeName,
                Ext.names([.dnsName("a.example.com")], critical: false)
            )
        },
        Spoilt("no names at all and no subject", "cert_profile") {
            $0.replacing(.X509ExtensionID.subjectAlternativeName)
        },
        Spoilt("a blank in a name", "cert_malformed") {
            try $0.replacing(.X509ExtensionID.subjectAlternativeName, Ext.names([.dnsName("a.example.com b")]))
        },
        Spoilt("NUL in a name", "cert_malformed") {
            try $0.replacing(.X509ExtensionID.subjectAlternativeName, Ext.names([.dnsName("a.example.com\u{0}.evil")]))
        },
        Spoilt("an address of five bytes", "cert_malformed") {
            try $0.replacing(
                .X509ExtensionID.subjectAlternativeName,
                Ext.names([.ipAddress(.init(contentBytes: [10, 0, 0, 1, 0]))])
            )
        },
        Spoilt("claims that are no claims", "cert_claims") {
            $0.replacing(
                CulvertObjectIdentifiers.claims,
                Ext.raw(CulvertObjectIdentifiers.claims, critical: false, [0x04, 0x00])
            )
        },
        Spoilt("no authority key identifier", "cert_profile") {
            var draft = $0
            draft.withKeyIdentifiers = false
            return draft
        },
        Spoilt("a serial number of zero", "cert_malformed") {
            var draft = $0
            draft.serial = [0]
            return draft
        },
        Spoilt("a serial number of 21 octets", "cert_malformed") {
            var draft = $0
            draft.serial = [UInt8](repeating: 0x11, count: 21)
            return draft
        },
        Spoilt("a validity that ends before it begins", "cert_profile") {
            var draft = $0
            draft.notBefore = noon.advanced(bySeconds: 20)
            draft.notAfter = noon.advanced(bySeconds: 10)
            return draft
        },
        Spoilt("critical information access", "cert_unknown_critical_extension") {
            $0.replacing(
                .X509ExtensionID.authorityInformationAccess,
                Ext.raw(.X509ExtensionID.authorityInformationAccess, critical: true, [0x30, 0x00])
            )
        },
    ]
}

@Test(arguments: Spoilt.all)
func aSpoiltLeafIsRefusedWithItsOwnReason(_ spoilt: Spoilt) async throws {
    let authority = try TestAuthority()
    let good = try authority.leafDraft()
    #expect(try await authority.validate(good.signed(by: authority.issuing)).code == nil)
    let leaf = try spoilt.spoil(good).signed(by: authority.issuing)
    #expect(try await authority.validate(leaf).code == spoilt.code)
}
