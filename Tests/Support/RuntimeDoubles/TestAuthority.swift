import CertificateAuthority
import Foundation
import IPsecTypes
import PKI
import PacketIO
import Store

/// A certificate with its key, as files of a daemon have them.
public struct TestCredentials: Sendable {
    /// Leaf first.
    public var chain: [[UInt8]]
    /// The private key, PKCS #8.
    public var key: SecretBytes

    /// A chain and its key, or one that is not its key.
    public init(chain: [[UInt8]], key: SecretBytes) {
        self.chain = chain
        self.key = key
    }

    /// The chain as a PEM file.
    public var certificatePEM: String {
        chain.map { String(decoding: PEM.encode(label: "CERTIFICATE", $0), as: UTF8.self) }.joined()
    }
    /// The key as a PEM file.
    public var keyPEM: String {
        String(decoding: PEM.encode(label: "PRIVATE KEY", key.withUnsafeBytes { Array($0) }), as: UTF8.self)
    }
}

/// An authority in memory, made anew for each test.
public struct TestAuthority: Sendable {
    /// The authority.
    public let authority: EmbeddedAuthority
    /// Its root, as agents pin it.
    public let pin: SPKIFingerprint

    /// init.
    public init(_ trustDomain: String = "example.com") throws {
        let maker = SoftwareKeyMaker()
        let root = try maker.makeKey(.ecdsaP256)
        let issuing = try maker.makeKey(.ecdsaP256)
        let made = try EmbeddedAuthority.establish(
            trustDomain: trustDomain,
            rootSigner: root.signer,
            issuingSigner: issuing.signer,
            wallClock: SystemClock.wall,
            rootSerialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount),
            issuingSerialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount)
        )
        pin = made.pin
        authority = try EmbeddedAuthority(
            rootDER: made.rootDER,
            issuingDER: made.issuingDER,
            signer: issuing.signer,
            trustDomain: trustDomain,
            records: CertificateRecords(store: MemoryStateStore())
        )
    }

    /// The root as a PEM file.
    public var rootPEM: String { String(decoding: PEM.encode(label: "CERTIFICATE", authority.rootDER), as: UTF8.self) }

    private var moment: EmbeddedAuthority.Moment {
        EmbeddedAuthority.Moment(
            wallClock: SystemClock.wall,
            serialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount)
        )
    }

    private func leafKey(_ experimental: ExperimentalLeafKey.Kind?) throws -> (spki: [UInt8], pkcs8: SecretBytes) {
        if let experimental {
            let key = try ExperimentalLeafKey(experimental)
            return (key.subjectPublicKeyInfo, key.pkcs8)
        }
        let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
        return (key.signer.subjectPublicKeyInfo, key.pkcs8)
    }

    /// A gateway's certificate.
    public func gateway(
        _ name: String = "vpn.example.com",
        addresses: [IPAddress] = [],
        experimental: ExperimentalLeafKey.Kind? = nil
    ) async throws -> TestCredentials {
        let key = try leafKey(experimental)
        let issued = try await authority.issueGateway(
            dnsNames: [name],
            addresses: addresses,
            spki: key.spki,
            label: "gateway",
            allowsMLDSA: true,
            at: moment
        )
        return TestCredentials(chain: issued.chain, key: key.pkcs8)
    }

    /// An agent's certificate with its `name` claim.
    public func agent(
        _ name: String,
        experimental: ExperimentalLeafKey.Kind? = nil
    ) async throws -> TestCredentials {
        let key = try leafKey(experimental)
        let issued = try await authority.issueWorkload(
            .agent,
            id: ULID(
                milliseconds: UInt64(SystemClock.wall.secondsSinceEpoch) * 1000,
                random: SystemRandom.bytes(ULID.randomByteCount)
            ),
            spiffePath: "agent/\(name)",
            claims: try CertificateClaims([CertificateClaims.Claim(name: "name", value: name)]),
            spki: key.spki,
            label: name,
            allowsMLDSA: true,
            at: moment
        )
        return TestCredentials(chain: issued.chain, key: key.pkcs8)
    }
}

/// A directory that is removed with the value that made it.
public final class TestDirectory: Sendable {
    /// Where it is.
    public let path: String

    /// init.
    public init() throws {
        path = "/tmp/culvert-test-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    @discardableResult
    public func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }
}

/// Runs what blocks on a thread of its own, so that tests do not hold the threads that validation runs on.
public func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Result { try body() }) }
        thread.stackSize = 4 << 20
        thread.start()
    }
}

/// Waits until something holds, looking every few milliseconds; false when it does not in time.
public func eventually(seconds: Double = 10, _ condition: @Sendable () -> Bool) async throws -> Bool {
    let deadline = SystemClock.now + .milliseconds(Int64(seconds * 1000))
    while SystemClock.now < deadline {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return condition()
}
