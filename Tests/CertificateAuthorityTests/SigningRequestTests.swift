import Crypto
import IPsecTypes
import PKI
import SwiftASN1
import Testing
import X509

@testable import CertificateAuthority

private func request(
    key: P256.Signing.PrivateKey = .init(),
    subject: String? = nil,
    extensions: [Certificate.Extension] = []
) throws -> [UInt8] {
    var attributes = CertificateSigningRequest.Attributes()
    if !extensions.isEmpty {
        attributes.insert(try .init(ExtensionRequest(extensions: Certificate.Extensions(extensions))))
    }
    let request = try CertificateSigningRequest(
        version: .v1,
        subject: EmbeddedAuthority.subject(subject),
        privateKey: .init(key),
        attributes: attributes,
        signatureAlgorithm: .ecdsaWithSHA256
    )
    var serializer = DER.Serializer()
    try serializer.serialize(request)
    return serializer.serializedBytes
}

@Test func onlyTheKeyOfARequestIsUsedAndTheRestIsReported() async throws {
    let key = P256.Signing.PrivateKey()
    let der = try request(
        key: key,
        subject: "admin",
        extensions: [
            .init(SubjectAlternativeNames([.dnsName("other.example.com")]), critical: false),
            .init(ExtendedKeyUsage([.codeSigning]), critical: false),
        ]
    )
    let request = try SigningRequest(der)
    #expect(request.spkiDER == Array(key.publicKey.derRepresentation))
    #expect(request.key == .ecdsa(curve: "P-256"))
    #expect(request.asksFor.count == 3)
    #expect(request.asksFor.contains { $0.contains("admin") })
    #expect(request.asksFor.contains { $0.contains("other.example.com") })

    var fixture = try Fixture()
    let issued = try await fixture.authority.issueWorkload(
        .agent,
        id: ULID(milliseconds: 1, random: fixture.dice.roll(10)),
        spiffePath: "agent/a",
        spki: request.spkiDER,
        label: "a",
        at: fixture.dice.moment()
    )
    let peer = try await fixture.validate(issued.chain).get()
    #expect(!peer.names.dns.contains("other.example.com"))
    #expect(peer.subjectDER == [0x30, 0x00])
    // The same request as PEM.
    #expect(try SigningRequest(PEM.encode(label: "CERTIFICATE REQUEST", der)).spkiDER == request.spkiDER)
}

@Test func requestsForAnAuthoritysPowersAreRefused() throws {
    let authority = try request(extensions: [
        .init(BasicConstraints.isCertificateAuthority(maxPathLength: nil), critical: true)
    ])
    let signs = try request(extensions: [.init(KeyUsage(keyCertSign: true), critical: true)])
    let lists = try request(extensions: [.init(KeyUsage(cRLSign: true), critical: true)])
    for der in [authority, signs, lists] {
        #expect {
            try SigningRequest(der)
        } throws: { error in
            if case .requestRefused? = error as? CertificateAuthorityError { return true }
            return false
        }
    }
}

@Test func damagedAndForgedRequestsAreRefused() throws {
    let good = try request()
    #expect(throws: Never.self) { try SigningRequest(good) }
    for position in good.indices {
        var flipped = good
        flipped[position] ^= 0x04
        #expect(throws: CertificateAuthorityError.self, "\(position)") { try SigningRequest(flipped) }
    }
    for count in stride(from: 0, to: good.count, by: 5) {
        #expect(throws: CertificateAuthorityError.self) { try SigningRequest(Array(good.prefix(count))) }
    }
    #expect(throws: CertificateAuthorityError.self) { try SigningRequest([UInt8](repeating: 0x30, count: 20_000)) }
    #expect(throws: CertificateAuthorityError.self) { try SigningRequest(PEM.encode(label: "CERTIFICATE", good)) }
    let pem = PEM.encode(label: "CERTIFICATE REQUEST", good)
    #expect(throws: CertificateAuthorityError.self) { try SigningRequest(pem + pem) }
}
