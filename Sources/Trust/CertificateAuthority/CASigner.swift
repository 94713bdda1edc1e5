import IPsecTypes

/// How an authority's key signs.
public enum CASignatureAlgorithm: Hashable, Sendable {
    /// ECDSA on P-256 with SHA-256; the signature is DER.
    case ecdsaP256
    /// ECDSA on P-384 with SHA-384; the signature is DER.
    case ecdsaP384
    /// Ed25519; the signature is 64 bytes.
    case ed25519
}

/// An authority's key behind a border: a file, another process or a hardware module can stand behind it.
public protocol CASigner: Sendable {
    /// The public key, DER SubjectPublicKeyInfo.
    var subjectPublicKeyInfo: [UInt8] { get }
    /// How it signs.
    var algorithm: CASignatureAlgorithm { get }
    /// Signs bytes.
    func sign(_ message: [UInt8]) throws -> [UInt8]
}

/// Kinds of keys that are made here.
public enum KeyKind: Hashable, Sendable, CaseIterable {
    /// ECDSA P-256.
    case ecdsaP256
    /// ECDSA P-384.
    case ecdsaP384
    /// Ed25519.
    case ed25519
}

/// A key that was just made.
public struct MadeKey: Sendable {
    /// Signs with it.
    public let signer: any CASigner
    /// The private key, PKCS #8 DER.
    public let pkcs8: SecretBytes

    /// Makes a pair.
    public init(signer: any CASigner, pkcs8: SecretBytes) {
        self.signer = signer
        self.pkcs8 = pkcs8
    }
}

/// Makes keys: brings its own randomness, so the caller supplies it.
public protocol KeyMaker: Sendable {
    /// Makes a key of a kind.
    func makeKey(_ kind: KeyKind) throws -> MadeKey
}
