import Foundation
import Glibc
import IPsecTypes
import PKI
import Testing

@testable import CertificateAuthority

private let openssl = "/usr/bin/openssl"
private let hasOpenSSL = access(openssl, X_OK) == 0

private func run(_ arguments: [String], in directory: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: openssl)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}

private func scratch() throws -> String {
    var template = Array("/tmp/culvert-openssl-XXXXXX".utf8CString)
    return try #require(mkdtemp(&template).map { String(cString: $0) })
}

@Test(.enabled(if: hasOpenSSL), arguments: KeyKind.allCases)
func opensslVerifiesAndReadsWhatWeIssue(_ kind: KeyKind) async throws {
    let directory = try scratch()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var fixture = try Fixture(root: kind, issuing: kind)
    let key = try SoftwareKeyMaker().makeKey(kind)
    let gateway = try await fixture.gateway(key)
    let claims = try CertificateClaims([.init(name: "ref", value: "refs/heads/main")])
    let job = try await fixture.workload(.job, key, claims: claims)
    func write(_ name: String, _ label: String, _ der: [UInt8]) throws {
        try Data(PEM.encode(label: label, der)).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
    }
    try write("root.pem", "CERTIFICATE", fixture.authority.rootDER)
    try write("issuing.pem", "CERTIFICATE", fixture.authority.issuingDER)
    try write("gateway.pem", "CERTIFICATE", gateway.chain[0])
    try write("job.pem", "CERTIFICATE", job.chain[0])
    try key.pkcs8.withUnsafeBytes { try write("key.pem", "PRIVATE KEY", Array($0)) }

    let time = String(noon.secondsSinceEpoch)
    for leaf in ["gateway.pem", "job.pem"] {
        let result = try run(
            ["verify", "-x509_strict", "-attime", time, "-CAfile", "root.pem", "-untrusted", "issuing.pem", leaf],
            in: directory
        )
        #expect(result.status == 0, "\(leaf): \(result.output)")
    }
    let text = try run(["x509", "-in", "gateway.pem", "-noout", "-text"], in: directory).output
    #expect(text.contains("DNS:vpn.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1"))
    #expect(text.contains("ipsec Internet Key Exchange, TLS Web Server Authentication"))
    #expect(text.contains("Policy: 2.25.438380477668249310.2"))
    #expect(text.contains("CA:FALSE"))
    let jobText = try run(["x509", "-in", "job.pem", "-noout", "-text"], in: directory).output
    #expect(jobText.contains("X509v3 Subject Alternative Name: critical"))
    #expect(jobText.contains("URI:spiffe://example.com/agent/runner1"))
    #expect(jobText.contains("2.25.438380477668249310.1"))
    // The key file and the certificate hold one key.
    let fromKey = try run(["pkey", "-in", "key.pem", "-pubout"], in: directory).output
    let fromCertificate = try run(["x509", "-in", "gateway.pem", "-noout", "-pubkey"], in: directory).output
    #expect(fromKey == fromCertificate)
    #expect(fromKey.contains("BEGIN PUBLIC KEY"))
}

@Test(.enabled(if: hasOpenSSL), arguments: ["rsa:3072", "ec", "ed25519"])
func requestsMadeByOpensslAreSigned(_ kind: String) async throws {
    let directory = try scratch()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var arguments = ["req", "-new", "-newkey", kind, "-nodes", "-keyout", "key.pem", "-out", "request.pem"]
    arguments += kind == "ec" ? ["-pkeyopt", "ec_paramgen_curve:P-384"] : []
    arguments += ["-subj", "/CN=router1", "-addext", "subjectAltName=DNS:router1.example.com"]
    let made = try run(arguments, in: directory)
    try #require(made.status == 0, "\(made.output)")
    let file = Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/request.pem")))
    let request = try SigningRequest(file)
    #expect(request.asksFor.contains { $0.contains("router1.example.com") })
    var fixture = try Fixture()
    let issued = try await fixture.authority.issueGateway(
        dnsNames: ["router1.example.com"],
        addresses: [],
        spki: request.spkiDER,
        label: "router1",
        at: fixture.dice.moment()
    )
    #expect(try await fixture.validate(issued.chain, as: .gateway).code == nil)
}

@Test(.enabled(if: hasOpenSSL))
func certificatesMadeByOpensslAreJudgedByTheSameRules() async throws {
    let directory = try scratch()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let root = try run(
        [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
            "-subj",
            "/CN=lab root", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        ],
        in: directory
    )
    try #require(root.status == 0, "\(root.output)")
    func leaf(_ name: String, _ extensions: String) throws -> [UInt8] {
        try Data(extensions.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name).cnf"))
        let request = try run(
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "\(name).key",
                "-out", "\(name).csr", "-subj", "/CN=moon",
            ],
            in: directory
        )
        try #require(request.status == 0, "\(request.output)")
        let signed = try run(
            [
                "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "10",
                "-extfile", "\(name).cnf", "-out", "\(name).pem",
            ],
            in: directory
        )
        try #require(signed.status == 0, "\(signed.output)")
        return try #require(
            try PEM.certificates(in: Array(Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name).pem")))).first
        )
    }
    let anchors = try TrustAnchors(
        certificates: PEM.certificates(in: Array(Data(contentsOf: URL(fileURLWithPath: "\(directory)/ca.pem"))))
    )
    // The lab's clock is the machine's, as openssl's is.
    let now = WallTime(secondsSinceEpoch: Int64(time(nil)))
    func code(_ der: [UInt8]) async -> String? {
        await PathValidator().validate(chain: [der], anchors: anchors, wallClock: now, purpose: .peer).code
    }
    let identifiers = "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    #expect(await code(try leaf("good", identifiers + "subjectAltName=DNS:moon.example.org\n")) == nil)
    #expect(await code(try leaf("tls", identifiers + "extendedKeyUsage=serverAuth\n")) == "cert_extended_key_usage")
    #expect(await code(try leaf("ike", identifiers + "extendedKeyUsage=ipsecIKE,serverAuth\n")) == nil)
    #expect(await code(try leaf("authority", identifiers + "basicConstraints=critical,CA:TRUE\n")) == "cert_ca_as_peer")
}
