import Foundation
import IPsecTypes
import Testing
import X509

@testable import PKI

private struct Suite: Decodable {
    struct Name: Decodable {
        let kind: String
        let value: String
    }
    struct Case: Decodable {
        let id: String
        let trusted_certs: [String]
        let untrusted_intermediates: [String]
        let peer_certificate: String
        let validation_time: String?
        let expected_result: String
        let expected_peer_name: Name?
        let max_chain_depth: Int?
    }
    let testcases: [Case]
}

/// Cases that are answered differently, with reasons.
struct Exceptions: Decodable {
    /// Rules of the Web PKI, or inputs that this profile does not take: accepted here.
    let not_applicable: [String: String]
    /// Refused here although the suite accepts them.
    let refused_though_valid: [String: String]
    let boringssl_not_applicable: [String: String]
    let boringssl_refused_though_valid: [String: String]

    static func load() throws -> Exceptions {
        let data = try Data(contentsOf: vectors("x509/exceptions.json"))
        return try JSONDecoder().decode(Exceptions.self, from: data)
    }
}

extension PathValidator {
    /// The validator with the Web PKI's purposes beside ours and without skew, as the suites expect.
    static func forSuites(maximumPathLength: Int = 9) -> PathValidator {
        var validator = PathValidator()
        validator.skew = 0
        validator.maximumPathLength = maximumPathLength
        validator.keyPurposes.accepted.formUnion([.ExtendedKeyUsage.serverAuth, .ExtendedKeyUsage.clientAuth])
        return validator
    }
}

private func der(_ pem: String) throws -> [UInt8] {
    try #require(try PEM.certificates(in: Array(pem.utf8)).first)
}

private func verdict(_ test: Suite.Case) async throws -> String? {
    let formatter = ISO8601DateFormatter()
    let time =
        try test.validation_time.map { try #require(formatter.date(from: $0)) }
        ?? Date(timeIntervalSince1970: 1_767_225_600)
    let anchors: TrustAnchors
    do {
        anchors = try TrustAnchors(certificates: test.trusted_certs.map { try der($0) })
    } catch let error as TrustAnchors.Failure {
        return "anchor: \(error)"
    }
    let validator = PathValidator.forSuites(maximumPathLength: test.max_chain_depth.map { $0 + 2 } ?? 9)
    let result = await validator.validate(
        chain: try [der(test.peer_certificate)] + test.untrusted_intermediates.map { try der($0) },
        anchors: anchors,
        wallClock: WallTime(secondsSinceEpoch: Int64(time.timeIntervalSince1970)),
        purpose: .peer
    )
    switch result {
    case .failure(let failure): return "\(failure.code): \(failure)"
    case .success(let peer):
        guard let name = test.expected_peer_name else { return nil }
        let identity: CertificateIdentity =
            switch name.kind {
            case "IP": .address(try #require(IPAddress(name.value)))
            case "RFC822": .email(name.value)
            default: .fqdn(name.value)
            }
        do {
            try IdentityBinding.check(identity, against: peer)
            return nil
        } catch {
            return "\(error.code): \(error)"
        }
    }
}

@Test func limboCasesAreAnsweredAsExpectedOrAreListedWithAReason() async throws {
    let suite = try JSONDecoder().decode(Suite.self, from: Data(contentsOf: vectors("x509/limbo.json")))
    let exceptions = try Exceptions.load()
    #expect(suite.testcases.count == 102)
    var accepted = 0
    for test in suite.testcases {
        let refusal = try await verdict(test)
        if refusal == nil { accepted += 1 }
        switch (test.expected_result, refusal) {
        case ("SUCCESS", let reason?):
            #expect(exceptions.refused_though_valid[test.id] != nil, "\(test.id) was refused: \(reason)")
        case ("FAILURE", nil):
            #expect(exceptions.not_applicable[test.id] != nil, "\(test.id) was accepted")
        default:
            let listed = exceptions.refused_though_valid[test.id] ?? exceptions.not_applicable[test.id]
            #expect(listed == nil, "\(test.id) is listed and needs not be")
        }
    }
    #expect(accepted > 15)
}

@Test func everyExceptionHasAReasonAndACase() throws {
    let suite = try JSONDecoder().decode(Suite.self, from: Data(contentsOf: vectors("x509/limbo.json")))
    let exceptions = try Exceptions.load()
    let ids = Set(suite.testcases.map(\.id))
    for (id, reason) in exceptions.not_applicable.merging(
        exceptions.refused_though_valid,
        uniquingKeysWith: { a, _ in a }
    ) {
        #expect(ids.contains(id), "\(id)")
        #expect(reason.count > 20, "\(id)")
    }
}

@Test func webServersAreRefusedUnderTheProductsOwnPurposes() async throws {
    // The suites run with serverAuth and clientAuth allowed; the product's own purposes refuse such leaves.
    let suite = try JSONDecoder().decode(Suite.self, from: Data(contentsOf: vectors("x509/limbo.json")))
    for id in ["webpki::eku::ee-critical-eku", "webpki::eku::root-has-eku"] {
        let test = try #require(suite.testcases.first { $0.id == id })
        let result = try await PathValidator().validate(
            chain: [der(test.peer_certificate)] + test.untrusted_intermediates.map { try der($0) },
            anchors: TrustAnchors(certificates: test.trusted_certs.map { try der($0) }),
            wallClock: WallTime(secondsSinceEpoch: 1_704_067_200),
            purpose: .peer
        )
        #expect(result.code == "cert_extended_key_usage" || result.code == "cert_issuer_not_ca", "\(id)")
    }
}
