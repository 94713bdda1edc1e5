import ArgumentParser
import CertificateAuthority
import Foundation
import IPsecTypes
import PKI
import PacketIO
import Runtime

/// `culvert-load pki`: a certificate authority, a gateway and many clients, so that each tunnel has an identity of its own.
struct PKICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pki",
        abstract: "Makes a certificate authority with a gateway and many clients.",
        discussion: """
            DIR gets ca.crt (the root), issuing.crt, gw.crt, gw.key, gw.chain.crt, and clients/NNNNNN.pem with leaf,
            issuing certificate and key of each client. All keys are ECDSA P-256. The names of the files are those of
            lab/peers/pki.
            """
    )

    @Option(help: "Where the files go; made when it is not there.")
    var dir: String

    @Option(help: "How many clients, up to 100000.")
    var count = 1000

    @Option(help: "The trust domain; clients are called <ulid>.jobs.<trust domain>.")
    var trustDomain = "lab"

    @Option(help: "The gateway's host name.")
    var gatewayName = "gw.lab"

    @Option(help: "An address of the gateway; may be repeated.")
    var gatewayAddress: [String] = []

    func validate() throws {
        try Self.check(count, 1...100_000, "--count")
        for text in gatewayAddress { _ = try Self.address(text) }
    }

    func run() throws {
        let result = Waiting<Result<Void, LoadFailure>>()
        let command = self
        Task {
            do {
                try await command.make()
                result.finish(.success(()))
            } catch {
                result.finish(.failure(LoadFailure("\(error)")))
            }
        }
        guard let outcome = result.wait(seconds: 600) else { throw LoadFailure("making certificates took too long") }
        try outcome.get()
    }

    private func make() async throws {
        let maker = SoftwareKeyMaker()
        let rootKey = try maker.makeKey(.ecdsaP256)
        let issuingKey = try maker.makeKey(.ecdsaP256)
        let made = try EmbeddedAuthority.establish(
            trustDomain: trustDomain,
            rootSigner: rootKey.signer,
            issuingSigner: issuingKey.signer,
            wallClock: SystemClock.wall,
            rootSerialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount),
            issuingSerialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount)
        )
        let authority = try EmbeddedAuthority(
            rootDER: made.rootDER,
            issuingDER: made.issuingDER,
            signer: issuingKey.signer,
            trustDomain: trustDomain,
            records: CertificateRecords(store: MemoryStateStore())
        )
        let clients = "\(dir)/clients"
        try FileManager.default.createDirectory(
            atPath: clients,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        try write("ca.crt", certificate(made.rootDER))
        try write("issuing.crt", certificate(made.issuingDER))
        let gatewayKey = try maker.makeKey(.ecdsaP256)
        let gateway = try await authority.issueGateway(
            dnsNames: [gatewayName],
            addresses: gatewayAddress.compactMap { IPAddress($0) },
            spki: gatewayKey.signer.subjectPublicKeyInfo,
            label: gatewayName,
            at: moment
        )
        try write("gw.crt", gateway.chain.prefix(1).flatMap(certificate))
        try write("gw.chain.crt", gateway.chain.dropFirst().flatMap(certificate))
        try write("gw.key", privateKey(gatewayKey))
        for number in 0..<count {
            let key = try maker.makeKey(.ecdsaP256)
            let issued = try await authority.issueWorkload(
                .agent,
                id: ULID(
                    milliseconds: UInt64(SystemClock.wallNanoseconds / 1_000_000),
                    random: SystemRandom.bytes(ULID.randomByteCount)
                ),
                spiffePath: "load/\(number)",
                spki: key.signer.subjectPublicKeyInfo,
                label: "load-\(number)",
                at: moment
            )
            try write(ClientCredentials.file(number), issued.chain.flatMap(certificate) + privateKey(key))
        }
    }

    private var moment: EmbeddedAuthority.Moment {
        EmbeddedAuthority.Moment(
            wallClock: SystemClock.wall,
            serialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount)
        )
    }

    private func certificate(_ der: [UInt8]) -> [UInt8] { PEM.encode(label: "CERTIFICATE", der) }

    private func privateKey(_ key: MadeKey) -> [UInt8] {
        key.pkcs8.withUnsafeBytes { PEM.encode(label: "PRIVATE KEY", Array($0)) }
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        let path = "\(dir)/\(name)"
        let made = FileManager.default.createFile(
            atPath: path,
            contents: Data(bytes),
            attributes: [.posixPermissions: 0o600]
        )
        guard made else { throw LoadFailure("cannot write \(path)") }
    }
}
