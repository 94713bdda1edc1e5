import Crypto
import IPsecTypes
import SwiftASN1
import Testing
import X509

@testable import PKI

@Test func aJobCertificateIsValidatedAndDescribed() async throws {
    let authority = try TestAuthority()
    var draft = try authority.leafDraft()
    let claims = try CertificateClaims([.init(name: "repository_id", value: "456789")])
    draft.extensions.append(Ext.raw(CulvertObjectIdentifiers.claims, critical: false, claims.encoded()))
    let leaf = try draft.signed(by: authority.issuing)

    let peer = try await authority.validate(leaf).get()

    #expect(peer.names.dns == ["01job.jobs.example.com"])
    #expect(peer.names.spiffeID == "spiffe://example.com/job/1")
    #expect(peer.claims == claims)
    #expect(peer.spkiDER == Array(leaf.key.publicKey.derRepresentation))
    #expect(peer.issuer == SPKIFingerprint(ofSPKI: Array(authority.issuing.key.publicKey.derRepresentation)))
    #expect(peer.anchor == SPKIFingerprint(ofSPKI: Array(authority.root.key.publicKey.derRepresentation)))
    #expect(peer.serial == CertificateSerial("4201"))
    #expect(peer.notAfter == noon.advanced(bySeconds: 3_600))
    #expect(!peer.isGateway)
    #expect(peer.pathNames.count == 3)
}

@Test func aGatewayCertificatePassesAsGatewayAndAJobCertificateDoesNot() async throws {
    let authority = try TestAuthority()
    let gateway = try authority.gatewayDraft().signed(by: authority.issuing)
    #expect(try await authority.validate(gateway, purpose: .gateway).get().isGateway)

    let job = try authority.leafDraft().signed(by: authority.issuing)
    #expect(try await authority.validate(job, purpose: .gateway).code == "cert_not_a_gateway")

    // The policy without the purpose, and the purpose by way of "any" alone.
    let policyOnly = try authority.leafDraft().replacing(
        .X509ExtensionID.extendedKeyUsage,
        try Ext.policies([CulvertObjectIdentifiers.gatewayPolicy])
    ).signed(by: authority.issuing)
    #expect(try await authority.validate(policyOnly, purpose: .gateway).code == "cert_not_a_gateway")
    let anyPurpose = try authority.gatewayDraft().replacing(
        .X509ExtensionID.extendedKeyUsage,
        try Ext.purposes([.ExtendedKeyUsage.any])
    ).signed(by: authority.issuing)
    #expect(try await authority.validate(anyPurpose, purpose: .gateway).code == "cert_not_a_gateway")
    // "any policy" in a leaf is no gateway policy.
    let anyPolicy = try authority.gatewayDraft().replacing(
        CulvertObjectIdentifiers.certificatePolicies,
        try Ext.policies([CulvertObjectIdentifiers.anyPolicy])
    ).signed(by: authority.issuing)
    #expect(try await authority.validate(anyPolicy, purpose: .gateway).code == "cert_not_a_gateway")
}

@Test func anIssuingAuthorityWithoutTheGatewayPolicyMakesNoGateways() async throws {
    for policies in [[], [[2, 5, 29, 32, 1] as ASN1ObjectIdentifier]] {
        let authority = try TestAuthority(issuingPolicies: policies)
        let gateway = try authority.gatewayDraft().signed(by: authority.issuing)
        #expect(try await authority.validate(gateway, purpose: .gateway).code == "cert_not_a_gateway")
        #expect(try await authority.validate(gateway).get().isGateway == false)
    }
    let open = try TestAuthority(issuingPolicies: [CulvertObjectIdentifiers.anyPolicy])
    let gateway = try open.gatewayDraft().signed(by: open.issuing)
    #expect(try await open.validate(gateway, purpose: .gateway).get().isGateway)
}

@Test(arguments: [
    (-3_661, "cert_not_yet_valid"), (-3_660, nil), (-3_659, nil), (3_659, nil), (3_660, nil), (3_661, "cert_expired"),
])
func timesAreHeldToTheSecondWithSixtySecondsOfSkew(offset: Int64, code: String?) async throws {
    let authority = try TestAuthority()
    let leaf = try authority.leafDraft().signed(by: authority.issuing)
    let result = try await authority.validate(leaf, at: noon.advanced(bySeconds: offset))
    #expect(result.code == code)
}

@Test func anExpiredAuthorityMakesThePathExpiredAndTheTextNamesIt() async throws {
    let authority = try TestAuthority()
    var draft = try authority.leafDraft()
    draft.notAfter = noon.advanced(bySeconds: 100_000)
    let leaf = try draft.signed(by: authority.issuing)
    let result = try await authority.validate(leaf, at: noon.advanced(bySeconds: 3_700))
    guard case .failure(let failure) = result else { throw TestFailure.unexpected }
    #expect(failure.code == "cert_expired")
    #expect(failure.description.contains("CN=test issuing expired at 2026-11-23T13:00:00Z"))
    #expect(failure.description.contains("it is 2026-11-23T13:01:40Z here"))
}

@Test func acceptedPurposesAreThoseOfRFC4945() async throws {
    let authority = try TestAuthority()
    let good = try authority.leafDraft()
    let oid = ASN1ObjectIdentifier.X509ExtensionID.extendedKeyUsage
    let accepted = [
        good.replacing(oid),
        good.replacing(oid, try Ext.purposes([.ExtendedKeyUsage.any])),
        good.replacing(oid, try Ext.purposes([.ExtendedKeyUsage.serverAuth, CulvertObjectIdentifiers.ipsecIKE])),
        good.replacing(oid, try Ext.purposes([CulvertObjectIdentifiers.ipsecIKE], critical: true)),
    ]
    for draft in accepted { #expect(try await authority.validate(draft.signed(by: authority.issuing)).code == nil) }
}

/// How an issuing authority is spoilt.
private func refusal(
    ofIssuing extensions: [Certificate.Extension],
    withKeyIdentifiers: Bool = true
) async throws -> String? {
    let authority = try TestAuthority()
    var draft = Draft(subject: "bad issuing", serial: [9], extensions: extensions)
    draft.withKeyIdentifiers = withKeyIdentifiers
    let issuing = try draft.signed(by: authority.root)
    let leaf = try authority.leafDraft().signed(by: issuing)
    return try await authority.validate(leaf, with: [issuing.der]).code
}

@Test func whoeverMayNotIssueIsNoIssuer() async throws {
    let signs = try Ext.keyUsage(.init(keyCertSign: true))
    #expect(try await refusal(ofIssuing: [Ext.authority(), signs]) == nil)
    #expect(try await refusal(ofIssuing: [signs]) == "cert_issuer_not_ca")
    #expect(try await refusal(ofIssuing: [Ext.authority(critical: false), signs]) == "cert_issuer_not_ca")
    #expect(
        try await refusal(ofIssuing: [Ext.authority(), Ext.keyUsage(.init(digitalSignature: true))])
            == "cert_issuer_not_ca"
    )
    #expect(
        try await refusal(ofIssuing: [Ext.authority(), signs, Ext.purposes([.ExtendedKeyUsage.serverAuth])])
            == "cert_issuer_not_ca"
    )
    #expect(try await refusal(ofIssuing: [Ext.authority(), signs], withKeyIdentifiers: false) == "cert_profile")
    #expect(
        try await refusal(ofIssuing: [
            Ext.authority(), signs, .init(NameConstraints(permittedDNSDomains: ["example.com"]), critical: false),
        ]) == "cert_profile"
    )
    #expect(
        try await refusal(ofIssuing: [
            Ext.authority(), signs, .init(NameConstraints(permittedDNSDomains: ["*.example.com"]), critical: true),
        ]) == "cert_profile"
    )
    #expect(
        try await refusal(ofIssuing: [
            Ext.authority(), signs, .init(NameConstraints(excludedDNSDomains: ["example.com"]), critical: true),
        ]) == "cert_path_rule"
    )
    #expect(
        try await refusal(ofIssuing: [
            Ext.authority(), signs, .init(NameConstraints(permittedDNSDomains: ["jobs.example.com"]), critical: true),
        ]) == nil
    )
}

@Test func aLeafCannotIssueAnotherLeaf() async throws {
    let authority = try TestAuthority()
    var draft = try authority.gatewayDraft()
    draft.subject = "mallory"
    let mallory = try draft.signed(by: authority.issuing)
    let leaf = try authority.leafDraft().signed(by: mallory)
    let result = try await authority.validate(leaf, with: [mallory.der, authority.issuing.der])
    #expect(result.code == "cert_issuer_not_ca")
}

@Test func thePathLengthOfAnAuthorityIsHeld() async throws {
    let authority = try TestAuthority()
    let signs = try Ext.keyUsage(.init(keyCertSign: true))
    let below = try Draft(subject: "below", serial: [11], extensions: [Ext.authority(), signs]).signed(
        by: authority.issuing
    )
    let leaf = try authority.leafDraft().signed(by: below)
    let result = try await authority.validate(leaf, with: [below.der, authority.issuing.der])
    #expect(result.code == "cert_path_rule")
}

@Test func anotherAuthoritysLeafIsRefusedAndTheTextNamesTheTrustedRoot() async throws {
    let ours = try TestAuthority()
    let theirs = try TestAuthority(name: "other")
    let leaf = try theirs.leafDraft().signed(by: theirs.issuing)
    let result = try await ours.validate(leaf, with: [theirs.issuing.der, theirs.root.der])
    guard case .failure(let failure) = result else { throw TestFailure.unexpected }
    #expect(failure.code == "cert_unknown_issuer")
    #expect(failure.description.contains("CN=test root"))
    // The same names with other keys.
    let twin = try TestAuthority()
    let forged = try twin.leafDraft().signed(by: twin.issuing)
    #expect(try await ours.validate(forged, with: [twin.issuing.der]).code == "cert_bad_signature")
    #expect(try await ours.validate(forged).code == "cert_bad_signature")
    #expect(try await ours.validate(forged, with: [twin.issuing.der, twin.root.der]).code == "cert_bad_signature")
}

@Test func aForgedSignatureIsRefused() async throws {
    let authority = try TestAuthority()
    let leaf = try authority.leafDraft().signed(by: authority.issuing)
    var der = leaf.der
    // The last byte belongs to the signature's s.
    der[der.count - 1] ^= 1
    let result = await PathValidator().validate(
        chain: [der, authority.issuing.der],
        anchors: try authority.anchors,
        wallClock: noon,
        purpose: .peer
    )
    #expect(result.code == "cert_bad_signature")
}

@Test func revokedCertificatesAreRefusedAtEveryStepOfThePath() async throws {
    let authority = try TestAuthority()
    let leaf = try authority.leafDraft().signed(by: authority.issuing)
    let issuing = SPKIFingerprint(ofSPKI: Array(authority.issuing.key.publicKey.derRepresentation))
    let root = SPKIFingerprint(ofSPKI: Array(authority.root.key.publicKey.derRepresentation))
    let leafSerial = try #require(CertificateSerial(magnitude: [0x42, 0x01]))

    var leafRevoked = RevokedSerials()
    leafRevoked.insert(leafSerial, issuer: issuing, at: noon)
    #expect(try await authority.validate(leaf, revocation: leafRevoked).code == "cert_revoked")
    var issuingRevoked = RevokedSerials()
    issuingRevoked.insert(try #require(CertificateSerial(magnitude: [7])), issuer: root, at: noon)
    #expect(try await authority.validate(leaf, revocation: issuingRevoked).code == "cert_revoked")
    // The same number under another issuer is another certificate.
    var other = RevokedSerials()
    other.insert(leafSerial, issuer: root, at: noon)
    #expect(try await authority.validate(leaf, revocation: other).code == nil)
}

@Test func chainsAreBoundedInCountAndInWork() async throws {
    let authority = try TestAuthority()
    let leaf = try authority.leafDraft().signed(by: authority.issuing)
    let nine = [[UInt8]](repeating: authority.issuing.der, count: 8)
    #expect(try await authority.validate(leaf, with: nine).code == "cert_chain_too_long")
    #expect(try await authority.validate(leaf, with: Array(nine.prefix(7))).code == nil)

    // Seven certificates of one name and key, each a valid issuer of each: 7! orders.
    let key = P256.Signing.PrivateKey()
    let signs = [try Ext.authority(), try Ext.keyUsage(.init(keyCertSign: true))]
    let twins = try (1...7).map { number in
        try Draft(subject: "loop", key: key, serial: [UInt8(number)], extensions: signs).signed()
    }
    let lost = try authority.leafDraft().signed(by: twins[0])
    let clock = ContinuousClock()
    let start = clock.now
    #expect(try await authority.validate(lost, with: twins.map(\.der)).code == "cert_path_too_complex")
    #expect(clock.now - start < .milliseconds(200))
}

@Test func noCertificateAndNoAnchorAreTheirOwnReasons() async throws {
    let authority = try TestAuthority()
    let anchors = try authority.anchors
    let none = await PathValidator().validate(chain: [], anchors: anchors, wallClock: noon, purpose: .peer)
    #expect(none.code == "cert_missing")
    let junk = await PathValidator().validate(chain: [[0x30, 0x80]], anchors: anchors, wallClock: noon, purpose: .peer)
    #expect(junk.code == "cert_malformed")
    #expect(throws: TrustAnchors.Failure.empty) { try TrustAnchors(certificates: []) }
}

@Test func junkBesideThePathDoesNotHurt() async throws {
    let authority = try TestAuthority()
    let leaf = try authority.leafDraft().signed(by: authority.issuing)
    let others = [[0xFF, 0x00], authority.root.der, leaf.der, authority.issuing.der]
    #expect(try await authority.validate(leaf, with: others).code == nil)
}

@Test func aPinnedKeyMakesAPresentedRootAnAnchorAndNoOther() async throws {
    let ours = try TestAuthority()
    let theirs = try TestAuthority()
    let pins = try TrustAnchors(
        certificates: [],
        pins: [SPKIFingerprint(ofSPKI: Array(ours.root.key.publicKey.derRepresentation))]
    )
    let leaf = try ours.leafDraft().signed(by: ours.issuing)
    let good = await PathValidator().validate(
        chain: [leaf.der, ours.issuing.der, ours.root.der],
        anchors: pins,
        wallClock: noon,
        purpose: .peer
    )
    #expect(good.code == nil)
    let withoutRoot = await PathValidator().validate(
        chain: [leaf.der, ours.issuing.der],
        anchors: pins,
        wallClock: noon,
        purpose: .peer
    )
    #expect(withoutRoot.code == "cert_unknown_issuer")
    let foreign = try theirs.leafDraft().signed(by: theirs.issuing)
    let bad = await PathValidator().validate(
        chain: [foreign.der, theirs.issuing.der, theirs.root.der],
        anchors: pins,
        wallClock: noon,
        purpose: .peer
    )
    #expect(bad.code == "cert_unknown_issuer")
    #expect(throws: TrustAnchors.Failure.self) { try TrustAnchors(certificates: [theirs.root.der], pins: pins.pins) }
    #expect(throws: TrustAnchors.Failure.self) { try TrustAnchors(certificates: [leaf.der]) }
}

@Test func aPinnedRootCannotBePresentedAsALeaf() async throws {
    let authority = try TestAuthority()
    let result = await PathValidator().validate(
        chain: [authority.root.der],
        anchors: try authority.anchors,
        wallClock: noon,
        purpose: .peer
    )
    #expect(result.code == "cert_ca_as_peer")
}

@Test func aCertificateHasOneEncoding() async throws {
    let authority = try TestAuthority()
    // Signatures whose last bits are zero could carry a padding count unnoticed; make leaves until one is found.
    for number in 1...200 {
        var draft = try authority.leafDraft()
        draft.serial = [1, UInt8(number)]
        let leaf = try draft.signed(by: authority.issuing)
        guard try #require(leaf.der.last) & 1 == 0 else { continue }
        // The count of padding bits stands before the SEQUENCE of the ECDSA signature.
        let start = try #require(
            leaf.der.indices.dropLast(60).last { leaf.der[$0] == 0 && leaf.der[$0 + 1] == 0x30 }
        )
        var padded = leaf.der
        padded[start] = 1
        let result = await PathValidator().validate(
            chain: [padded, authority.issuing.der],
            anchors: try authority.anchors,
            wallClock: noon,
            purpose: .peer
        )
        #expect(result.code == "cert_malformed")
        return
    }
    Issue.record("no signature with an even last byte")
}
