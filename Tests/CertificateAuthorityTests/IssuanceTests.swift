import IPsecTypes
import PKI
import SwiftASN1
import Testing
import X509

@testable import CertificateAuthority

@Test(arguments: KeyKind.allCases, KeyKind.allCases)
func whatIsIssuedValidatesWithEveryKindOfKey(authorityKind: KeyKind, leafKind: KeyKind) async throws {
    var fixture = try Fixture(root: authorityKind, issuing: authorityKind)
    let key = try SoftwareKeyMaker().makeKey(leafKind)
    let gateway = try await fixture.gateway(key)
    let peer = try await fixture.validate(gateway.chain, as: .gateway).get()
    #expect(peer.isGateway)
    #expect(peer.spkiDER == key.signer.subjectPublicKeyInfo)
    #expect(peer.anchor == fixture.pin)
    #expect(peer.issuer == fixture.authority.fingerprint)
    try IdentityBinding.check(.fqdn("vpn.example.com"), against: peer)
    try IdentityBinding.check(.address(.v4(0xC000_0201)), against: peer)
}

@Test func anAgentHasOneHostNameOneSPIFFENameAndNoSubject() async throws {
    var fixture = try Fixture()
    let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    let claims = try CertificateClaims([.init(name: "repository_id", value: "456789")])
    let issued = try await fixture.workload(.job, key, claims: claims)
    let peer = try await fixture.validate(issued.chain).get()
    let host = try #require(peer.names.dns.first)
    #expect(peer.names.dns.count == 1)
    #expect(host.hasSuffix(".jobs.example.com"))
    #expect(host.utf8.count == 26 + ".jobs.example.com".utf8.count)
    #expect(peer.names.uris == ["spiffe://example.com/agent/runner1"])
    #expect(peer.subjectDER == [0x30, 0x00])
    #expect(peer.claims == claims)
    #expect(!peer.isGateway)
    #expect(peer.notAfter == noon.advanced(bySeconds: 15 * 60))
    #expect(peer.notBefore == noon.advanced(bySeconds: -300))
    try IdentityBinding.check(.fqdn(host), against: peer)
    let leaf = try Certificate(derEncoded: peer.leafDER)
    #expect(leaf.extensions[oid: .X509ExtensionID.subjectAlternativeName]?.critical == true)
    #expect(leaf.extensions[oid: CulvertObjectIdentifiers.claims]?.critical == false)
    #expect(peer.leafDER.count < 1_024)
}

@Test func noAgentOrJobPassesAsAGateway() async throws {
    var fixture = try Fixture()
    for profile in [CertificateProfile.agent, .job] {
        let issued = try await fixture.workload(profile, try SoftwareKeyMaker().makeKey(.ecdsaP256))
        #expect(try await fixture.validate(issued.chain, as: .gateway).code == "cert_not_a_gateway")
    }
}

@Test func noLeafIssuesAnotherAndNoIssuingAuthorityMakesAuthorities() async throws {
    var fixture = try Fixture()
    let mallory = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    let gateway = try await fixture.gateway(mallory)
    let victim = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    let leaf = CertificateTemplate(
        profile: .job,
        subject: try EmbeddedAuthority.subject(nil),
        spki: victim.signer.subjectPublicKeyInfo,
        serial: CertificateSerial(random: fixture.dice.roll(20)),
        notBefore: noon,
        notAfter: noon.advanced(bySeconds: 600),
        names: CertificateNames(dns: ["x.jobs.example.com"])
    )
    let forged = try leaf.sign(with: mallory.signer, issuer: Certificate(derEncoded: gateway.chain[0]))
    #expect(try await fixture.validate([forged] + gateway.chain).code == "cert_issuer_not_ca")

    let below = CertificateTemplate(
        profile: .issuing,
        subject: try EmbeddedAuthority.subject("below"),
        spki: mallory.signer.subjectPublicKeyInfo,
        serial: CertificateSerial(random: fixture.dice.roll(20)),
        notBefore: noon,
        notAfter: noon.advanced(bySeconds: 600)
    )
    let issuing = try Certificate(derEncoded: fixture.authority.issuingDER)
    let belowDER = try below.sign(with: fixture.issuingKey.signer, issuer: issuing)
    let longer = try leaf.sign(with: mallory.signer, issuer: Certificate(derEncoded: belowDER))
    #expect(try await fixture.validate([longer, belowDER, fixture.authority.issuingDER]).code == "cert_path_rule")
}

@Test func lifetimesAreBoundedByProfileAndByTheAuthority() async throws {
    var fixture = try Fixture()
    let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    for seconds: Int64 in [299, 3_601, 0, -1, .max] {
        await #expect(throws: CertificateAuthorityError.badLifetime(seconds: seconds, allowed: 300...3_600)) {
            var copy = fixture
            _ = try await copy.workload(.job, key, lifetime: seconds)
        }
    }
    let end = try ParsedCertificate(der: fixture.authority.issuingDER).notAfter
    #expect(end == noon.advanced(bySeconds: 2 * 365 * 86_400))
    let late = try await fixture.workload(.agent, key, at: end.advanced(bySeconds: -3_600))
    #expect(late.record.certificate.notAfter == end)
    await #expect(throws: CertificateAuthorityError.authorityExpires(end)) {
        var copy = fixture
        _ = try await copy.workload(.agent, key, at: end)
    }
}

@Test func badNamesAndKeysAreRefused() async throws {
    var fixture = try Fixture()
    let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    let spki = key.signer.subjectPublicKeyInfo
    for names in [[], ["*.example.com"], ["10.0.0.1"], ["a b"], ["vpn.example.com."], ["a\u{0}b"]] {
        let moment = fixture.dice.moment()
        await #expect(throws: CertificateAuthorityError.self, "\(names)") {
            try await fixture.authority.issueGateway(dnsNames: names, addresses: [], spki: spki, label: "g", at: moment)
        }
    }
    for path in ["", "/a", "a//b", "a/../b", ".", "a b", "ä", "a?b", String(repeating: "x", count: 600)] {
        let moment = fixture.dice.moment()
        await #expect(throws: CertificateAuthorityError.self, "\(path)") {
            try await fixture.authority.issueWorkload(
                .job,
                id: ULID(milliseconds: 0, random: [UInt8](repeating: 0, count: 10)),
                spiffePath: path,
                spki: spki,
                label: "j",
                at: moment
            )
        }
    }
    for bad in [[], [0x30, 0x00], fixture.issuingKey.signer.subjectPublicKeyInfo] {
        let moment = fixture.dice.moment()
        await #expect(throws: CertificateAuthorityError.self) {
            try await fixture.authority.issueGateway(
                dnsNames: ["a.example.com"],
                addresses: [],
                spki: bad,
                label: "g",
                at: moment
            )
        }
    }
    for domain in ["", "Example.com", "a b", "1.2.3.4", "example.com."] {
        #expect(throws: CertificateAuthorityError.badTrustDomain(domain)) {
            try EmbeddedAuthority.establish(
                trustDomain: domain,
                rootSigner: key.signer,
                issuingSigner: key.signer,
                wallClock: noon,
                rootSerialRandom: [UInt8](repeating: 1, count: 20),
                issuingSerialRandom: [UInt8](repeating: 2, count: 20)
            )
        }
    }
}

@Test func aForeignKeyCannotOpenTheAuthority() throws {
    let fixture = try Fixture()
    let other = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    #expect(throws: CertificateAuthorityError.keyMismatch) {
        try EmbeddedAuthority(
            rootDER: fixture.authority.rootDER,
            issuingDER: fixture.authority.issuingDER,
            signer: other.signer,
            trustDomain: "example.com",
            records: fixture.authority.records
        )
    }
}

@Test(arguments: KeyKind.allCases)
func keysSurviveTheirFiles(_ kind: KeyKind) throws {
    let made = try SoftwareKeyMaker().makeKey(kind)
    let pem = made.pkcs8.withUnsafeBytes { PEM.encode(label: "PRIVATE KEY", $0) }
    let read = try SoftwareSigner(pem: pem)
    #expect(read.subjectPublicKeyInfo == made.signer.subjectPublicKeyInfo)
    #expect(read.algorithm == made.signer.algorithm)
    #expect(throws: CertificateAuthorityError.self) { try SoftwareSigner(pem: pem + pem) }
    #expect(throws: CertificateAuthorityError.self) { try SoftwareSigner(pem: []) }
    #expect(throws: CertificateAuthorityError.self) { try SoftwareSigner(der: SecretBytes([1, 2, 3])) }
}

@Test func anIssuingAuthorityIsRenewedUnderTheSameRootAndOldLeavesStayGood() async throws {
    var fixture = try Fixture()
    let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    let old = try await fixture.workload(.agent, key)
    let nextKey = try SoftwareKeyMaker().makeKey(.ecdsaP384)
    let renewed = try EmbeddedAuthority.renewIssuing(
        trustDomain: "example.com",
        rootDER: fixture.authority.rootDER,
        rootSigner: fixture.rootKey.signer,
        issuingSPKI: nextKey.signer.subjectPublicKeyInfo,
        wallClock: noon,
        serialRandom: fixture.dice.roll(20)
    )
    let next = try EmbeddedAuthority(
        rootDER: fixture.authority.rootDER,
        issuingDER: renewed,
        signer: nextKey.signer,
        trustDomain: "example.com",
        records: fixture.authority.records
    )
    let new = try await next.issueWorkload(
        .agent,
        id: ULID(milliseconds: 1, random: fixture.dice.roll(10)),
        spiffePath: "agent/a",
        spki: key.signer.subjectPublicKeyInfo,
        label: "a",
        at: fixture.dice.moment()
    )
    #expect(try await fixture.validate(old.chain).code == nil)
    #expect(try await fixture.validate(new.chain).code == nil)
    #expect(try await fixture.validate(new.chain + old.chain).code == nil)
    #expect(try await next.records.all().count == 2)
}

@Test func ulidsSortByTimeAndSpellTheKnownOne() {
    let early = ULID(milliseconds: 1_469_918_176_385, random: [UInt8](repeating: 0xFF, count: 10))
    let late = ULID(milliseconds: 1_469_918_176_386, random: [UInt8](repeating: 0, count: 10))
    #expect(early < late)
    #expect(early.description.utf8.count == 26)
    #expect(
        ULID(milliseconds: 0, random: [UInt8](repeating: 0, count: 10)).description == String(repeating: "0", count: 26)
    )
    // The timestamp part of the ULID specification's example: 1469918176385 is 01ARYZ6S41.
    #expect(early.description.hasPrefix("01aryz6s41"))
    #expect(
        ULID(milliseconds: (1 << 48) - 1, random: [UInt8](repeating: 0xFF, count: 10)).description == "7"
            + String(repeating: "z", count: 25)
    )
}
