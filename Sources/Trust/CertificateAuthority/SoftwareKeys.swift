import Crypto
import IPsecTypes
import PKI

/// Makes keys with swift-crypto.
public struct SoftwareKeyMaker: KeyMaker {
    /// Makes a maker.
    public init() {}

    /// Makes a key of a kind.
    public func makeKey(_ kind: KeyKind) throws -> MadeKey {
        let signer: SoftwareSigner =
            switch kind {
            case .ecdsaP256: SoftwareSigner(.p256(P256.Signing.PrivateKey()))
            case .ecdsaP384: SoftwareSigner(.p384(P384.Signing.PrivateKey()))
            case .ed25519: SoftwareSigner(.ed25519(Curve25519.Signing.PrivateKey()))
            }
        return MadeKey(signer: signer, pkcs8: signer.pkcs8)
    }
}

/// A signing key held by swift-crypto in this process.
public struct SoftwareSigner: CASigner {
    enum Key: Sendable {
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    /// RFC 8410 §7: version, Ed25519, and the 32 bytes that follow.
    private static let ed25519Lead: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]
    /// RFC 8410 §4: Ed25519, and a bit string of 32 bytes.
    private static let ed25519PublicLead: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]

    private let key: Key

    init(_ key: Key) {
        self.key = key
    }

    /// Reads a PKCS #8 or SEC 1 DER key of a kind that is made here.
    public init(der: SecretBytes) throws(CertificateAuthorityError) {
        let bytes = der.withUnsafeBytes { Array($0) }
        if let found = try? P256.Signing.PrivateKey(derRepresentation: bytes) {
            key = .p256(found)
        } else if let found = try? P384.Signing.PrivateKey(derRepresentation: bytes) {
            key = .p384(found)
        } else if bytes.count == 48, bytes.starts(with: Self.ed25519Lead),
            let found = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.suffix(32))
        {
            key = .ed25519(found)
        } else {
            throw .unreadableKey("it is no unencrypted P-256, P-384 or Ed25519 private key")
        }
    }

    /// Reads the one private key of a PEM file.
    public init(pem file: [UInt8]) throws(CertificateAuthorityError) {
        let blocks: [PEM.Block]
        do {
            blocks = try PEM.blocks(in: file).filter { $0.label == "PRIVATE KEY" || $0.label == "EC PRIVATE KEY" }
        } catch {
            throw .unreadableKey(error.description)
        }
        guard blocks.count == 1, let block = blocks.first else {
            throw .unreadableKey("the file must hold one private key, it holds \(blocks.count)")
        }
        try self.init(der: SecretBytes(block.der))
    }

    /// The public key, DER SubjectPublicKeyInfo.
    public var subjectPublicKeyInfo: [UInt8] {
        switch key {
        case .p256(let key): Array(key.publicKey.derRepresentation)
        case .p384(let key): Array(key.publicKey.derRepresentation)
        case .ed25519(let key): Self.ed25519PublicLead + Array(key.publicKey.rawRepresentation)
        }
    }

    /// How it signs.
    public var algorithm: CASignatureAlgorithm {
        switch key {
        case .p256: .ecdsaP256
        case .p384: .ecdsaP384
        case .ed25519: .ed25519
        }
    }

    /// Signs bytes.
    public func sign(_ message: [UInt8]) throws -> [UInt8] {
        switch key {
        case .p256(let key): Array(try key.signature(for: SHA256.hash(data: message)).derRepresentation)
        case .p384(let key): Array(try key.signature(for: SHA384.hash(data: message)).derRepresentation)
        case .ed25519(let key): Array(try key.signature(for: message))
        }
    }

    /// The private key, PKCS #8 DER.
    var pkcs8: SecretBytes {
        switch key {
        case .p256(let key): SecretBytes(key.derRepresentation)
        case .p384(let key): SecretBytes(key.derRepresentation)
        case .ed25519(let key): SecretBytes(Self.ed25519Lead + Array(key.rawRepresentation))
        }
    }
}
