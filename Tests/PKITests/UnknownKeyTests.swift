import Crypto
import IPsecTypes
import SwiftASN1
import Testing
import X509

@testable import PKI

/// Paths whose leaf has a key that swift-certificates cannot read: the same rules, and some more.
@Suite struct UnknownKeyTests {
    /// The leaf with an ML-DSA-65 key in the place of its own, signed again by `issuer`.
    private func swapped(_ leaf: Made, _ issuer: Made, key: [UInt8]? = nil) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { outer in
            try outer.appendConstructedNode(identifier: .sequence) { try $0.serialize(PublicKeyDescription.mlDSA65OID) }
            let raw = try MLDSA65.PrivateKey().publicKey.rawRepresentation
            try outer.serialize(ASN1BitString(bytes: Array(raw)[...]))
        }
        return try UnknownKey.signed(leaf.der, key: key ?? serializer.serializedBytes) { bytes in
            Array(try issuer.key.signature(for: SHA256.hash(data: bytes)).derRepresentation)
        }
    }

    private func validate(
        _ authority: TestAuthority,
        _ chain: [[UInt8]]
    ) async throws -> Result<ValidatedPeer, ValidationFailure> {
        await PathValidator().validate(
            chain: chain,
            anchors: try authority.anchors,
            wallClock: noon,
            purpose: .peer,
            allowsMLDSA: true
        )
    }

    @Test func aGoodLeafPasses() async throws {
        let authority = try TestAuthority()
        let leaf = try swapped(authority.leafDraft().signed(by: authority.issuing), authority.issuing)
        let peer = try await validate(authority, [leaf, authority.issuing.der]).get()
        #expect(peer.names.dns == ["01job.jobs.example.com"])
        #expect(peer.leafDER == leaf)
        // A root may issue it as well.
        let direct = try swapped(authority.leafDraft().signed(by: authority.root), authority.root)
        #expect(try await validate(authority, [direct]).get().pathNames.count == 2)
    }

    @Test(arguments: Spoilt.all) func whatSpoilsALeafSpoilsThisOne(spoilt: Spoilt) async throws {
        let authority = try TestAuthority()
        let draft = try spoilt.spoil(authority.leafDraft())
        let leaf = try swapped(draft.signed(by: authority.issuing), authority.issuing)
        let code = try await validate(authority, [leaf, authority.issuing.der]).code
        #expect(code == spoilt.code)
    }

    @Test func thePathLengthHolds() async throws {
        let authority = try TestAuthority()
        let extensions = [try Ext.authority(), try Ext.keyUsage(.init(keyCertSign: true))]
        let lower = try Draft(subject: "lower", serial: [9], extensions: extensions).signed(by: authority.issuing)
        let leaf = try swapped(authority.leafDraft().signed(by: lower), lower)
        let code = try await validate(authority, [leaf, lower.der, authority.issuing.der]).code
        #expect(code == "cert_issuer_not_ca" || code == "cert_path_rule")
        // The library looks at the two authorities, we at the leaf below a third: a limit of one is enough for neither more.
        let root = try Draft(
            subject: "short root",
            extensions: [try Ext.authority(pathLength: 0), try Ext.keyUsage(.init(keyCertSign: true))]
        ).signed()
        let issuing = try Draft(subject: "short issuing", serial: [3], extensions: extensions).signed(by: root)
        let below = try swapped(authority.leafDraft().signed(by: issuing), issuing)
        let refused = await PathValidator().validate(
            chain: [below, issuing.der],
            anchors: try TrustAnchors(certificates: [root.der]),
            wallClock: noon,
            purpose: .peer,
            allowsMLDSA: true
        )
        #expect(refused.code == "cert_issuer_not_ca")
    }

    @Test func constrainedNamesAreNotGuessed() async throws {
        let authority = try TestAuthority()
        let constrained = try Draft(
            subject: "constrained",
            serial: [11],
            extensions: [
                try Ext.authority(pathLength: 0), try Ext.keyUsage(.init(keyCertSign: true)),
                try .init(NameConstraints(permittedDNSDomains: ["jobs.example.com"]), critical: true),
            ]
        ).signed(by: authority.root)
        let leaf = try swapped(authority.leafDraft().signed(by: constrained), constrained)
        #expect(try await validate(authority, [leaf, constrained.der]).code == "cert_profile")
    }

    @Test func anotherSignatureIsRefused() async throws {
        let authority = try TestAuthority()
        let mallory = try TestAuthority()
        let made = try authority.leafDraft().signed(by: authority.issuing)
        let forged = try swapped(made, mallory.issuing)
        #expect(try await validate(authority, [forged, authority.issuing.der]).code == "cert_bad_signature")
        // The signature of the certificate before its key was changed.
        let parts = try CertificateParts(der: made.der)
        let kept = try UnknownKey.signed(made.der, key: CertificateParts(der: forged).spki) { _ in parts.signature }
        #expect(try await validate(authority, [kept, authority.issuing.der]).code == "cert_bad_signature")
    }

    @Test func keysOfAnotherLengthOrWithParametersAreRefused() async throws {
        let authority = try TestAuthority()
        let made = try authority.leafDraft().signed(by: authority.issuing)
        func spki(_ length: Int, parameters: Bool) throws -> [UInt8] {
            var serializer = DER.Serializer()
            try serializer.appendConstructedNode(identifier: .sequence) { outer in
                try outer.appendConstructedNode(identifier: .sequence) { inner in
                    try inner.serialize(PublicKeyDescription.mlDSA65OID)
                    if parameters { try inner.serialize(ASN1Null()) }
                }
                try outer.serialize(ASN1BitString(bytes: [UInt8](repeating: 1, count: length)[...]))
            }
            return serializer.serializedBytes
        }
        for (length, parameters) in [(1951, false), (1953, false), (2592, false), (0, false), (1952, true)] {
            let leaf = try swapped(made, authority.issuing, key: spki(length, parameters: parameters))
            #expect(try await validate(authority, [leaf, authority.issuing.der]).code == "cert_malformed")
        }
    }
}
