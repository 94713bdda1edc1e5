import Crypto
import CryptoExtras
import SwiftASN1

/// One of our own long-term private keys. It lives at the border, behind whatever answers the engine's request to sign
/// (law 4); the engine never holds one.
public struct SigningKey: Sendable {
    enum Storage: Sendable {
        case rsa(_RSA.Signing.PrivateKey)
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
        case mlDSA65(MLDSA65.PrivateKey)
        case mlDSA87(MLDSA87.PrivateKey)
        case simulated(identity: [UInt8])
    }

    /// Kinds of keys that ``generate(_:)`` makes.
    public enum Kind: String, Sendable, CaseIterable {
        /// ECDSA on P-256.
        case ecdsaP256
        /// ECDSA on P-384.
        case ecdsaP384
        /// ECDSA on P-521.
        case ecdsaP521
        /// Ed25519.
        case ed25519
        /// RSA, 3072 bits.
        case rsa3072
        /// ML-DSA-65.
        case mlDSA65
        /// ML-DSA-87.
        case mlDSA87
    }

    let storage: Storage

    init(storage: Storage) {
        self.storage = storage
    }

    /// Reads the first private key of a PEM file: PRIVATE KEY (PKCS#8), EC PRIVATE KEY (SEC 1), RSA PRIVATE KEY (PKCS#1).
    public init(pem: some Collection<UInt8>) throws(KeyRefusal) {
        guard pem.count <= Self.fileLimit else { throw .unreadable }
        let text = String(decoding: pem, as: UTF8.self)
        guard let documents = try? PEMDocument.parseMultiple(pemString: text) else {
            // OpenSSL's old encryption has headers, which PEM of RFC 7468 has not.
            throw text.contains("Proc-Type: 4,ENCRYPTED") ? .encrypted : .unreadable
        }
        for document in documents where document.discriminator.hasSuffix("PRIVATE KEY") {
            guard !document.discriminator.hasPrefix("ENCRYPTED") else { throw .encrypted }
            try self.init(der: document.derBytes)
            return
        }
        throw .unreadable
    }

    /// Reads a DER private key: PKCS#8, SEC 1 or PKCS#1.
    public init(der: [UInt8]) throws(KeyRefusal) {
        guard der.count <= Self.fileLimit else { throw .unreadable }
        do {
            storage = try PrivateKeyInfo.read(der)
        } catch let refusal as KeyRefusal {
            throw refusal
        } catch {
            throw .unreadable
        }
    }

    /// Makes a key from the library's random source: an action at the border, never called by an engine.
    public static func generate(_ kind: Kind) throws(KeyRefusal) -> SigningKey {
        switch kind {
        case .ecdsaP256: return SigningKey(storage: .p256(P256.Signing.PrivateKey()))
        case .ecdsaP384: return SigningKey(storage: .p384(P384.Signing.PrivateKey()))
        case .ecdsaP521: return SigningKey(storage: .p521(P521.Signing.PrivateKey()))
        case .ed25519: return SigningKey(storage: .ed25519(Curve25519.Signing.PrivateKey()))
        case .rsa3072:
            guard let key = try? _RSA.Signing.PrivateKey(keySize: .bits3072) else { throw .unreadable }
            return SigningKey(storage: .rsa(key))
        case .mlDSA65:
            guard let key = try? MLDSA65.PrivateKey() else { throw .unreadable }
            return SigningKey(storage: .mlDSA65(key))
        case .mlDSA87:
            guard let key = try? MLDSA87.PrivateKey() else { throw .unreadable }
            return SigningKey(storage: .mlDSA87(key))
        }
    }

    /// Whether it is a key of ML-DSA, which signs only where that is turned on.
    public var isMLDSA: Bool {
        switch storage {
        case .mlDSA65, .mlDSA87: true
        case .rsa, .p256, .p384, .p521, .ed25519, .simulated: false
        }
    }

    /// The SubjectPublicKeyInfo, to find the certificate that belongs to this key.
    public var publicKeyDER: [UInt8] {
        switch storage {
        case .rsa(let key): Array(key.publicKey.derRepresentation)
        case .p256(let key): Array(key.publicKey.derRepresentation)
        case .p384(let key): Array(key.publicKey.derRepresentation)
        case .p521(let key): Array(key.publicKey.derRepresentation)
        case .ed25519(let key): Self.ed25519Prefix + Array(key.publicKey.rawRepresentation)
        case .mlDSA65(let key): MLDSAEncoding.ml65.publicLead + Array(key.publicKey.rawRepresentation)
        case .mlDSA87(let key): MLDSAEncoding.ml87.publicLead + Array(key.publicKey.rawRepresentation)
        case .simulated(let identity): SimulatedCryptoProvider.publicKey(identity)
        }
    }

    /// SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 §4).
    private static let ed25519Prefix: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]
    /// No private key that we accept comes near this size.
    private static let fileLimit = 64 * 1024
}

extension SigningKey: CustomStringConvertible, CustomReflectable {
    /// Always the same text.
    public var description: String { "<redacted>" }
    /// No children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Tells PKCS#8, SEC 1 and PKCS#1 apart and builds the key.
private enum PrivateKeyInfo {
    enum Algorithm {
        case rsa
        case curve(ASN1ObjectIdentifier)
        case ed25519
        case mlDSA65
        case mlDSA87
    }

    static func read(_ der: [UInt8]) throws -> SigningKey.Storage {
        // PrivateKeyInfo ::= SEQUENCE { version, AlgorithmIdentifier, OCTET STRING, ... }
        // ECPrivateKey   ::= SEQUENCE { version 1, OCTET STRING, [0] curve, [1] public key }
        // RSAPrivateKey  ::= SEQUENCE { version 0, modulus INTEGER, ... }
        let root = try DER.parse(der)
        let storage: SigningKey.Storage = try DER.sequence(root, identifier: .sequence) { fields in
            _ = try Int(derEncoded: &fields)
            guard let second = fields.next() else { throw KeyRefusal.unreadable }
            defer { while fields.next() != nil {} }
            switch second.identifier {
            case .sequence:
                let algorithm = try DER.sequence(second, identifier: .sequence, readAlgorithm)
                return try pkcs8(algorithm, try ASN1OctetString(derEncoded: &fields), der)
            case .octetString:
                return try sec1(&fields, der)
            case .integer:
                return try rsa(der)
            default:
                throw KeyRefusal.unreadable
            }
        }
        return storage
    }

    private static func readAlgorithm(_ fields: inout ASN1NodeCollection.Iterator) throws -> Algorithm {
        let oid = try ASN1ObjectIdentifier(derEncoded: &fields)
        switch oid {
        case .AlgorithmIdentifier.rsaEncryption:
            if let node = fields.next() { _ = try ASN1Null(derEncoded: node) }
            return .rsa
        case [1, 3, 101, 112]:
            return .ed25519
        case .mlDSA65:
            return .mlDSA65
        case .mlDSA87:
            return .mlDSA87
        case .AlgorithmIdentifier.idEcPublicKey:
            return .curve(try ASN1ObjectIdentifier(derEncoded: &fields))
        default:
            while fields.next() != nil {}
            throw KeyRefusal.unsupportedAlgorithm(oid.description)
        }
    }

    private static func pkcs8(
        _ algorithm: Algorithm,
        _ key: ASN1OctetString,
        _ der: [UInt8]
    ) throws -> SigningKey.Storage {
        switch algorithm {
        case .rsa: return try rsa(der)
        case .curve(let curve): return try elliptic(curve, der)
        case .ed25519:
            // RFC 8410 §7: the private key is an OCTET STRING inside the OCTET STRING.
            let seed = try ASN1OctetString(derEncoded: DER.parse(key.bytes))
            guard seed.bytes.count == 32 else { throw KeyRefusal.unreadable }
            return .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: Array(seed.bytes)))
        case .mlDSA65:
            let seed = try MLDSAEncoding.seed(key)
            return .mlDSA65(try MLDSA65.PrivateKey(seedRepresentation: seed, publicKey: nil))
        case .mlDSA87:
            let seed = try MLDSAEncoding.seed(key)
            return .mlDSA87(try MLDSA87.PrivateKey(seedRepresentation: seed, publicKey: nil))
        }
    }

    private static func sec1(_ fields: inout ASN1NodeCollection.Iterator, _ der: [UInt8]) throws -> SigningKey.Storage {
        let curve = try DER.explicitlyTagged(&fields, tagNumber: 0, tagClass: .contextSpecific) { node in
            try ASN1ObjectIdentifier(derEncoded: node)
        }
        return try elliptic(curve, der)
    }

    private static func elliptic(_ curve: ASN1ObjectIdentifier, _ der: [UInt8]) throws -> SigningKey.Storage {
        switch curve {
        case .NamedCurves.secp256r1: .p256(try P256.Signing.PrivateKey(derRepresentation: der))
        case .NamedCurves.secp384r1: .p384(try P384.Signing.PrivateKey(derRepresentation: der))
        case .NamedCurves.secp521r1: .p521(try P521.Signing.PrivateKey(derRepresentation: der))
        default: throw KeyRefusal.unsupportedAlgorithm(curve.description)
        }
    }

    private static func rsa(_ der: [UInt8]) throws -> SigningKey.Storage {
        let key = try _RSA.Signing.PrivateKey(unsafeDERRepresentation: der)
        // The same policy as for peers, so that we never sign with a key that nobody would accept.
        let primitives = try key.publicKey.getKeyPrimitives()
        try RSAKeyPolicy.check(
            modulus: Array(primitives.modulus.drop { $0 == 0 }),
            exponent: Array(primitives.publicExponent.drop { $0 == 0 })
        )
        return .rsa(key)
    }
}
