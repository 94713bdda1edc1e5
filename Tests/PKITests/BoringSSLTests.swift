import Foundation
import IPsecTypes
import SwiftASN1
import Testing
import X509

@testable import PKI

private struct ChainTest {
    let name: String
    let chain: [[UInt8]]
    let time: WallTime
    let mustSucceed: Bool
    let purposes: KeyPurposes

    init(_ file: URL) throws {
        let lines = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        var fields: [Substring: Substring] = [:]
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, fields[parts[0]] == nil { fields[parts[0]] = parts[1].drop { $0 == " " } }
        }
        let folder = file.deletingLastPathComponent()
        name = "\(folder.lastPathComponent)/\(file.lastPathComponent)"
        let pem = try Data(contentsOf: folder.appendingPathComponent(String(try #require(fields["chain"]))))
        chain = try PEM.certificates(in: Array(pem))
        let errorsAt = try #require(lines.firstIndex { $0.hasPrefix("expected_errors:") })
        mustSucceed = lines[(errorsAt + 1)...].allSatisfy { $0.isEmpty }
        let wanted = fields["key_purpose"] ?? ""
        switch true {
        case wanted.hasPrefix("SERVER_AUTH"):
            purposes = KeyPurposes(accepted: [.ExtendedKeyUsage.serverAuth, .ExtendedKeyUsage.any])
        case wanted.hasPrefix("CLIENT_AUTH"):
            purposes = KeyPurposes(accepted: [.ExtendedKeyUsage.clientAuth, .ExtendedKeyUsage.any])
        case wanted.hasPrefix("MLS"):
            purposes = KeyPurposes(accepted: [[1, 3, 6, 1, 5, 5, 7, 3, 30], .ExtendedKeyUsage.any])
        default: purposes = PathValidator.forSuites().keyPurposes
        }
        let stamp = fields["utc_time"].map { $0 == "DEFAULT" ? "211005120000Z" : String($0) } ?? "211005120000Z"
        let formatter = DateFormatter()
        formatter.dateFormat = "yyMMddHHmmss'Z'"
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.locale = Locale(identifier: "en_US_POSIX")
        time = WallTime(secondsSinceEpoch: Int64(try #require(formatter.date(from: stamp)).timeIntervalSince1970))
    }

    func refusal() async throws -> String? {
        let root = try #require(chain.last)
        let anchors: TrustAnchors
        do {
            anchors = try TrustAnchors(certificates: [root])
        } catch {
            return "anchor: \(error)"
        }
        var validator = PathValidator.forSuites()
        validator.keyPurposes = purposes
        let result = await validator.validate(
            chain: chain.count == 1 ? chain : Array(chain.dropLast()),
            anchors: anchors,
            wallClock: time,
            purpose: .peer
        )
        if case .failure(let failure) = result { return "\(failure.code): \(failure)" }
        return nil
    }
}

@Test func boringSSLChainsAreAnsweredAsExpectedOrAreListedWithAReason() async throws {
    let exceptions = try Exceptions.load()
    let folder = vectors("x509/boringssl-chains")
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".test") }
        .sorted()
    #expect(files.count > 40)
    for file in files {
        let test = try ChainTest(folder.appendingPathComponent(file))
        let refusal = try await test.refusal()
        switch (test.mustSucceed, refusal) {
        case (true, let reason?):
            #expect(exceptions.boringssl_refused_though_valid[test.name] != nil, "\(test.name) was refused: \(reason)")
        case (false, nil):
            #expect(exceptions.boringssl_not_applicable[test.name] != nil, "\(test.name) was accepted")
        default:
            let listed =
                exceptions.boringssl_refused_though_valid[test.name] ?? exceptions.boringssl_not_applicable[test.name]
            #expect(listed == nil, "\(test.name) is listed and needs not be")
        }
    }
}

@Test func oddCertificatesAreReadOrRefusedWithoutATrap() throws {
    let folder = vectors("x509/boringssl-parse")
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".pem") }
    #expect(files.count > 20)
    for file in files {
        let bytes = Array(try Data(contentsOf: folder.appendingPathComponent(file)))
        for block in (try? PEM.blocks(in: bytes)) ?? [] {
            _ = try? ParsedCertificate(der: block.der)
            _ = try? CertificateClaims.decode(block.der)
            _ = try? PublicKeyDescription(spki: block.der)
        }
    }
}

@Test func everyTruncationAndBitFlipOfACertificateIsReadOrRefusedWithoutATrap() throws {
    let authority = try TestAuthority()
    let leaf = try authority.gatewayDraft().signed(by: authority.issuing).der
    for count in stride(from: 0, to: leaf.count, by: 3) { _ = try? ParsedCertificate(der: Array(leaf.prefix(count))) }
    for position in leaf.indices {
        var flipped = leaf
        flipped[position] ^= UInt8(1 << (position % 8))
        _ = try? ParsedCertificate(der: flipped)
    }
}

@Test func deepNestingIsRefusedWithoutExhaustingTheStack() {
    var der: [UInt8] = []
    for _ in 0..<5_000 {
        der = [0x30, 0x82, UInt8(der.count >> 8 & 0xFF), UInt8(der.count & 0xFF)] + der.prefix(16_000)
    }
    #expect(throws: ParsedCertificateError.self) { try ParsedCertificate(der: Array(der.prefix(16_000))) }
    #expect(throws: CertificateClaims.Failure.self) { try CertificateClaims.decode(Array(der.prefix(2_000))) }
}
