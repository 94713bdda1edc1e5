import CertificateAuthority
import ConfigFile
import IPsecTypes
import PKI
import PacketIO
import Store

/// The embedded CA as the `ca` verbs use it: the files of its directory, opened.
struct Authority {
    let files: AuthorityFiles
    let embedded: EmbeddedAuthority
    let configuration: GatewayConfiguration

    /// Opens the CA that the gateway.yaml in `directory` names.
    init(directory: String?) throws {
        let (configuration, files, records) = try Self.open(directory: directory)
        self.configuration = configuration
        self.files = files
        let signer = try SoftwareSigner(pem: Files.readPrivate(files.issuingKey))
        embedded = try EmbeddedAuthority(
            rootDER: Self.certificate(files.rootCertificate),
            issuingDER: Self.certificate(files.issuingCertificate),
            signer: signer,
            trustDomain: configuration.trustDomain,
            records: records
        )
    }

    /// What the CA issued. Listing and revoking need no private key.
    static func records(directory: String?) throws -> CertificateRecords { try open(directory: directory).2 }

    /// What an issuance takes from outside.
    static var moment: EmbeddedAuthority.Moment {
        EmbeddedAuthority.Moment(
            wallClock: SystemClock.wall,
            serialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount)
        )
    }

    /// A new name for an agent.
    static var newID: ULID {
        ULID(
            milliseconds: UInt64(max(0, SystemClock.wallNanoseconds) / 1_000_000),
            random: SystemRandom.bytes(ULID.randomByteCount)
        )
    }

    /// The root's `--ca-sha256`.
    var pin: SPKIFingerprint {
        get throws { SPKIFingerprint(ofSPKI: try ParsedCertificate(der: embedded.rootDER).spkiDER) }
    }

    /// Leaf and issuing CA in PEM, as they are sent to peers.
    static func pem(_ chain: [[UInt8]]) -> [UInt8] {
        chain.flatMap { PEM.encode(label: "CERTIFICATE", $0) }
    }

    /// A private key in PEM.
    static func pem(_ key: SecretBytes) -> [UInt8] {
        key.withUnsafeBytes { PEM.encode(label: "PRIVATE KEY", Array($0)) }
    }

    private static func open(
        directory: String?
    ) throws -> (GatewayConfiguration, AuthorityFiles, CertificateRecords) {
        let file = directory.map { "\(Files.absolute($0))/gateway.yaml" }
        let (configuration, _) = try ConfigurationFiles.gateway(file)
        let files = AuthorityFiles(directory: configuration.files.ca)
        guard Files.exists(files.issuingCertificate) else {
            throw CulvertError(
                .caProblem,
                "there is no CA in \(files.directory)",
                next: "culvert init makes one; --dir names the directory of its gateway.yaml"
            )
        }
        return (configuration, files, CertificateRecords(store: try SQLiteStateStore(path: files.records)))
    }

    private static func certificate(_ path: String) throws -> [UInt8] {
        let bytes = try Files.read(path)
        do throws(PEM.Failure) {
            // There is at least one, or it throws.
            return try PEM.certificates(in: bytes).first ?? []
        } catch {
            throw CulvertError(.badCertificateFile, "\(path): \(error)")
        }
    }
}
