import Crypto
import CryptoExtras
import SwiftASN1

/// A peer's public key, read from the SubjectPublicKeyInfo of its certificate and held to the key policy.
public struct VerificationKey: Sendable {
    enum Storage: Sendable {
        case rsa(_RSA.Signing.PublicKey, modulusLength: Int)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case mlDSA65(MLDSA65.PublicKey)
        case mlDSA87(MLDSA87.PublicKey)
        case simulated(identity: [UInt8])
    }

    let storage: Storage

    init(storage: Storage) {
        self.storage = storage
    }

    /// Reads a DER SubjectPublicKeyInfo. Structure and sizes are checked before any arithmetic (A05).
    public init(spkiDER: [UInt8]) throws(KeyRefusal) {
        let info: PublicKeyInfo
        do {
            info = try PublicKeyInfo(DER.parse(spkiDER))
        } catch let refusal as KeyRefusal {
            throw refusal
        } catch {
            throw .unreadable
        }
        do {
            switch info.kind {
            case .rsa: storage = try Self.rsa(info.key)
            case .p256: storage = .p256(try P256.Signing.PublicKey(x963Representation: info.point(fieldLength: 32)))
            case .p384: storage = .p384(try P384.Signing.PublicKey(x963Representation: info.point(fieldLength: 48)))
            case .p521: storage = .p521(try P521.Signing.PublicKey(x963Representation: info.point(fieldLength: 66)))
            case .ed25519:
                guard info.key.count == 32, !SmallOrderPoints.contain(info.key) else { throw KeyRefusal.invalidPoint }
                storage = .ed25519(try Curve25519.Signing.PublicKey(rawRepresentation: info.key))
            case .mlDSA65:
                guard info.key.count == MLDSAEncoding.ml65.publicKeyLength else { throw KeyRefusal.unreadable }
                storage = .mlDSA65(try MLDSA65.PublicKey(rawRepresentation: info.key))
            case .mlDSA87:
                guard info.key.count == MLDSAEncoding.ml87.publicKeyLength else { throw KeyRefusal.unreadable }
                storage = .mlDSA87(try MLDSA87.PublicKey(rawRepresentation: info.key))
            }
        } catch let refusal as KeyRefusal {
            throw refusal
        } catch {
            throw .invalidPoint
        }
    }

    /// Such as "rsa-2048", "p384", "ed25519".
    public var kind: String {
        switch storage {
        case .rsa(let key, _): "rsa-\(key.keySizeInBits)"
        case .p256: "p256"
        case .p384: "p384"
        case .p521: "p521"
        case .ed25519: "ed25519"
        case .mlDSA65: "ml-dsa-65"
        case .mlDSA87: "ml-dsa-87"
        case .simulated: "simulated"
        }
    }

    /// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
    private static func rsa(_ der: [UInt8]) throws -> Storage {
        let (modulus, exponent) = try RSAKeyPolicy.parse(der)
        try RSAKeyPolicy.check(modulus: modulus, exponent: exponent)
        do {
            let key = try _RSA.Signing.PublicKey(n: modulus, e: exponent)
            return .rsa(key, modulusLength: modulus.count)
        } catch {
            throw KeyRefusal.rsaExponentOrModulus
        }
    }
}

/// What an RSA key must look like (threat A05): 2048 to 8192 bits, odd modulus, odd exponent from 65537 to 33 bits.
enum RSAKeyPolicy {
    static func parse(_ der: [UInt8]) throws -> (modulus: [UInt8], exponent: [UInt8]) {
        do {
            return try DER.sequence(DER.parse(der), identifier: .sequence) { fields in
                // The reader refuses negative numbers and takes the sign octet away.
                let modulus = try ArraySlice<UInt8>(derEncoded: &fields)
                let exponent = try ArraySlice<UInt8>(derEncoded: &fields)
                return (Array(modulus), Array(exponent))
            }
        } catch {
            throw KeyRefusal.unreadable
        }
    }

    /// Both without leading zeros.
    static func check(modulus: [UInt8], exponent: [UInt8]) throws(KeyRefusal) {
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard (2048...8192).contains(bits) else { throw .rsaModulusLength(bits: bits) }
        guard let low = modulus.last, low & 1 == 1, exponent.count <= 5 else { throw .rsaExponentOrModulus }
        let value = exponent.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard value & 1 == 1, value >= 65537, value < 1 << 33 else { throw .rsaExponentOrModulus }
    }
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1), strict DER.
private struct PublicKeyInfo {
    enum Kind {
        case rsa
        case p256
        case p384
        case p521
        case ed25519
        case mlDSA65
        case mlDSA87
    }

    var kind: Kind
    var key: [UInt8]

    init(_ node: ASN1Node) throws {
        (kind, key) = try DER.sequence(node, identifier: .sequence) { fields in
            let kind = try nestedSequence(&fields, Self.readKind)
            let bits = try ASN1BitString(derEncoded: &fields)
            guard bits.paddingBits == 0 else { throw KeyRefusal.unreadable }
            return (kind, Array(bits.bytes))
        }
    }

    /// An uncompressed point (RFC 5480 §2.2); the library checks that it is on the curve.
    func point(fieldLength: Int) throws(KeyRefusal) -> [UInt8] {
        guard key.count == 1 + 2 * fieldLength, key.first == 4 else { throw .invalidPoint }
        return key
    }

    private static func readKind(_ fields: inout ASN1NodeCollection.Iterator) throws -> Kind {
        let algorithm = try ASN1ObjectIdentifier(derEncoded: &fields)
        switch algorithm {
        case .AlgorithmIdentifier.rsaEncryption:
            // RFC 3279 §2.3.1: the parameters are NULL.
            _ = try ASN1Null(derEncoded: &fields)
            return .rsa
        case [1, 3, 101, 112]:
            return .ed25519
        case .mlDSA65:
            return .mlDSA65
        case .mlDSA87:
            return .mlDSA87
        case .AlgorithmIdentifier.idEcPublicKey:
            return try readCurve(&fields)
        default:
            while fields.next() != nil {}
            throw KeyRefusal.unsupportedAlgorithm(algorithm.description)
        }
    }

    private static func readCurve(_ fields: inout ASN1NodeCollection.Iterator) throws -> Kind {
        guard let node = fields.next() else { throw KeyRefusal.unreadable }
        // Explicit parameters (CVE-2020-0601, CVE-2022-0778) are not even looked at.
        guard node.identifier == .objectIdentifier else { throw KeyRefusal.unsupportedAlgorithm("explicit curve") }
        let curve = try ASN1ObjectIdentifier(derEncoded: node)
        switch curve {
        case .NamedCurves.secp256r1: return .p256
        case .NamedCurves.secp384r1: return .p384
        case .NamedCurves.secp521r1: return .p521
        default: throw KeyRefusal.unsupportedAlgorithm(curve.description)
        }
    }
}

/// Ed25519 public keys for which a signature on any message can be made without a private key: the encodings of the eight
/// points of small order, canonical or not, whatever the sign bit.
private enum SmallOrderPoints {
    static func contain(_ key: [UInt8]) -> Bool {
        var unsigned = key
        unsigned[31] &= 0x7F
        return encodings.contains(unsigned)
    }

    private static let encodings: Set<[UInt8]> = {
        let ends: (UInt8) -> [UInt8] = { [$0] + [UInt8](repeating: 0xFF, count: 30) + [0x7F] }
        return [
            [UInt8](repeating: 0, count: 32),
            [1] + [UInt8](repeating: 0, count: 31),
            ends(0xEC), ends(0xED), ends(0xEE),
            [
                0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
                0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
            ],
            [
                0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
                0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
            ],
        ]
    }()
}
