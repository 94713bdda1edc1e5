import Crypto
import IPsecTypes
import PKI
import SwiftASN1
import Testing
import X509

@testable import CertificateAuthority

/// Leaves with ML-DSA keys, signed by a classical authority.
@Suite struct ExperimentalLeafTests {
    private func validate(
        _ fixture: Fixture,
        _ chain: [[UInt8]],
        as purpose: ValidationPurpose = .peer,
        allowsMLDSA: Bool = true,
        revocation: any RevocationView = RevokedSerials(),
        at time: WallTime = noon
    ) async throws -> Result<ValidatedPeer, ValidationFailure> {
        await PathValidator().validate(
            chain: chain,
            anchors: try fixture.anchors,
            wallClock: time,
            purpose: purpose,
            revocation: revocation,
            allowsMLDSA: allowsMLDSA
        )
    }

    private func gateway(
        _ fixture: inout Fixture,
        _ key: ExperimentalLeafKey,
        lifetime: Int64? = nil
    ) async throws -> EmbeddedAuthority.Issued {
        try await fixture.authority.issueGateway(
            dnsNames: ["vpn.example.com"],
            addresses: [],
            spki: key.subjectPublicKeyInfo,
            label: "gateway",
            lifetime: lifetime,
            allowsMLDSA: true,
            at: fixture.dice.moment()
        )
    }

    @Test(arguments: ExperimentalLeafKey.Kind.allCases, KeyKind.allCases)
    func whatIsIssuedValidates(kind: ExperimentalLeafKey.Kind, authority: KeyKind) async throws {
        var fixture = try Fixture(root: authority, issuing: authority)
        let key = try ExperimentalLeafKey(kind)
        let issued = try await gateway(&fixture, key)
        let peer = try await validate(fixture, issued.chain, as: .gateway).get()
        #expect(peer.isGateway)
        #expect(peer.spkiDER == key.subjectPublicKeyInfo)
        #expect(peer.anchor == fixture.pin)
        #expect(peer.issuer == fixture.authority.fingerprint)
        #expect(peer.pathNames.count == 3)
        try IdentityBinding.check(.fqdn("vpn.example.com"), against: peer)
        #expect(issued.chain[0].count < CertificateTemplate.maximumLeafBytes)
        #expect(try await fixture.authority.records.all().count == 1)
    }

    @Test func offByDefaultInIssuingAndInValidating() async throws {
        var fixture = try Fixture()
        let key = try ExperimentalLeafKey(.mlDSA65)
        let moment = fixture.dice.moment()
        await #expect(throws: CertificateAuthorityError.self) {
            try await fixture.authority.issueGateway(
                dnsNames: ["vpn.example.com"],
                addresses: [],
                spki: key.subjectPublicKeyInfo,
                label: "gateway",
                at: moment
            )
        }
        let issued = try await gateway(&fixture, key)
        guard
            case .failure(.malformed(position: 0, let reason)) = try await validate(
                fixture,
                issued.chain,
                allowsMLDSA: false
            )
        else {
            Issue.record("accepted")
            return
        }
        #expect(reason.contains("experimental_ml_dsa"))
    }

    @Test func everyChangedOctetIsRefused() async throws {
        var fixture = try Fixture()
        let issued = try await gateway(&fixture, try ExperimentalLeafKey(.mlDSA65))
        let leaf = issued.chain[0]
        for position in stride(from: 0, to: leaf.count, by: 29) {
            var changed = leaf
            changed[position] ^= 0x01
            if case .success = try await validate(fixture, [changed, issued.chain[1]]) {
                Issue.record("octet \(position) is not covered")
            }
        }
        for length in Array(0..<60) + Array(stride(from: 60, to: leaf.count, by: 97)) {
            if case .success = try await validate(fixture, [Array(leaf.prefix(length)), issued.chain[1]]) {
                Issue.record("\(length) octets pass")
            }
        }
    }

    @Test func otherAuthoritiesAndLateTimesAndRevocationsAreRefused() async throws {
        var fixture = try Fixture()
        let other = try Fixture()
        let issued = try await gateway(&fixture, try ExperimentalLeafKey(.mlDSA65), lifetime: 86_400)
        #expect(try await validate(other, issued.chain).code == "cert_bad_signature")
        #expect(try await validate(other, [issued.chain[0], other.authority.issuingDER]).code == "cert_bad_signature")
        #expect(try await validate(fixture, [issued.chain[0]]).code == "cert_unknown_issuer")
        let late = noon.advanced(bySeconds: 86_400 + 61)
        #expect(try await validate(fixture, issued.chain, at: late).code == "cert_expired")
        var revoked = RevokedSerials()
        revoked.insert(issued.record.serial, issuer: fixture.authority.fingerprint, at: noon)
        #expect(try await validate(fixture, issued.chain, revocation: revoked).code == "cert_revoked")
    }

    @Test func anAgentIsNoGateway() async throws {
        var fixture = try Fixture()
        let key = try ExperimentalLeafKey(.mlDSA87)
        let issued = try await fixture.authority.issueWorkload(
            .agent,
            id: ULID(milliseconds: 1, random: fixture.dice.roll(10)),
            spiffePath: "agent/runner1",
            claims: try CertificateClaims([.init(name: "name", value: "runner1")]),
            spki: key.subjectPublicKeyInfo,
            label: "runner1",
            allowsMLDSA: true,
            at: fixture.dice.moment()
        )
        let peer = try await validate(fixture, issued.chain).get()
        #expect(peer.claims == (try CertificateClaims([.init(name: "name", value: "runner1")])))
        #expect(try await validate(fixture, issued.chain, as: .gateway).code == "cert_not_a_gateway")
    }

    /// An ML-DSA key is never an authority's: not as a root, not beside a leaf, not when it signs itself.
    @Test func noAuthorityHasSuchAKey() async throws {
        var fixture = try Fixture()
        let key = try ExperimentalLeafKey(.mlDSA65)
        let template = CertificateTemplate(
            profile: .issuing,
            subject: try DistinguishedName { CommonName("post-quantum issuing") },
            spki: key.subjectPublicKeyInfo,
            serial: CertificateSerial(random: fixture.dice.roll(20)),
            notBefore: noon,
            notAfter: noon.advanced(bySeconds: 3_600)
        )
        let root = try Certificate(derEncoded: fixture.authority.rootDER)
        let der = try template.sign(with: fixture.rootKey.signer, issuer: root)
        #expect(throws: TrustAnchors.Failure.self) { try TrustAnchors(certificates: [der]) }
        // As a leaf it is an authority; as an issuer it is not read.
        #expect(try await validate(fixture, [der]).code == "cert_ca_as_peer")
    }

    @Test func aSignatureOfMLDSAIsRefusedWithAClearWord() async throws {
        var fixture = try Fixture()
        let key = try ExperimentalLeafKey(.mlDSA65)
        let issued = try await gateway(&fixture, key)
        // The same certificate with the algorithm of ML-DSA-65 in both places.
        let algorithm: [UInt8] = [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12]
        let der = try DER.sequence(DER.parse(issued.chain[0]), identifier: .sequence) { parts in
            guard let signed = parts.next(), parts.next() != nil, case .constructed(let fields) = signed.content else {
                throw CertificateAuthorityError.badKey("")
            }
            var serializer = DER.Serializer()
            serializer.appendConstructedNode(identifier: .sequence) { outer in
                outer.appendConstructedNode(identifier: .sequence) { inner in
                    for (index, field) in fields.enumerated() {
                        inner.serializeRawBytes(index == 2 ? algorithm[...] : field.encodedBytes)
                    }
                }
                outer.serializeRawBytes(algorithm)
                while let part = parts.next() { outer.serializeRawBytes(part.encodedBytes) }
            }
            return serializer.serializedBytes
        }
        guard case .failure(.malformed(position: 0, let reason)) = try await validate(fixture, [der]) else {
            Issue.record("accepted")
            return
        }
        #expect(reason.contains("ML-DSA"))
    }

    @Test func thePlaceholderVerifiesNothing() throws {
        let key = try Certificate.PublicKey(derEncoded: UnknownKey.placeholder)
        for signature in [[UInt8](repeating: 0, count: 64), [1] + [UInt8](repeating: 0, count: 63)] {
            #expect(!key.isValidSignature(signature, for: Array("x".utf8), signatureAlgorithm: .ed25519))
        }
        // The curve has no point with this y: x² = (y² - 1) / (d·y² + 1) is no square.
        let raw = UnknownKey.placeholder.suffix(32)
        #expect(raw.first == 2 && raw.dropFirst().allSatisfy { $0 == 0 })
    }

    @Test func theKeyIsReadBack() throws {
        for kind in ExperimentalLeafKey.Kind.allCases {
            let key = try ExperimentalLeafKey(kind)
            #expect(key.pkcs8.count == 54)
            let description = try PublicKeyDescription(spki: key.subjectPublicKeyInfo)
            #expect(description.description.lowercased() == kind.rawValue)
        }
    }
}
