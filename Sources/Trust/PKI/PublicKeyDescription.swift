import SwiftASN1

/// The kind and size of a public key, read from its SubjectPublicKeyInfo before any arithmetic on it.
public enum PublicKeyDescription: Hashable, Sendable, CustomStringConvertible {
    /// RSA with a modulus of that many bits.
    case rsa(bits: Int)
    /// ECDSA on a NIST curve.
    case ecdsa(curve: String)
    /// Ed25519.
    case ed25519
    /// ML-DSA-65 or ML-DSA-87: of leaves alone, and only where that is turned on.
    case mlDSA(Int)

    /// RSA keys outside these sizes are refused: weak below, slow to verify above (A05).
    public static let rsaBits = 2_048...8_192

    private static let rsaOID: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 1, 1]
    private static let ecOID: ASN1ObjectIdentifier = [1, 2, 840, 10_045, 2, 1]
    static let mlDSA65OID: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 3, 18]
    static let mlDSA87OID: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 3, 19]
    private static let ed25519OID: ASN1ObjectIdentifier = [1, 3, 101, 112]
    private static let curves: [ASN1ObjectIdentifier: String] = [
        [1, 2, 840, 10_045, 3, 1, 7]: "P-256", [1, 3, 132, 0, 34]: "P-384", [1, 3, 132, 0, 35]: "P-521",
    ]

    /// Kind and size, such as `RSA 3072`.
    public var description: String {
        switch self {
        case .rsa(let bits): "RSA \(bits)"
        case .ecdsa(let curve): "ECDSA \(curve)"
        case .ed25519: "Ed25519"
        case .mlDSA(let size): "ML-DSA-\(size)"
        }
    }

    /// Reads and judges a key: throws for kinds, curves and sizes that are refused everywhere.
    public init(spki: [UInt8]) throws(ParsedCertificateError) {
        do {
            self = try Self.read(spki)
        } catch let error as ParsedCertificateError {
            throw error
        } catch {
            throw ParsedCertificateError("the public key cannot be read")
        }
    }

    private static func read(_ spki: [UInt8]) throws -> PublicKeyDescription {
        try DER.sequence(DER.parse(spki), identifier: .sequence) { nodes in
            guard let algorithm = nodes.next(), case .constructed(let fields) = algorithm.content else {
                throw ParsedCertificateError("the public key cannot be read")
            }
            let key = try ASN1BitString(derEncoded: &nodes)
            guard key.paddingBits == 0 else { throw ParsedCertificateError("the public key is not whole bytes") }
            var parts = fields.makeIterator()
            let oid = try ASN1ObjectIdentifier(derEncoded: &parts)
            switch oid {
            case rsaOID: return try readRSA(Array(key.bytes))
            case ed25519OID: return .ed25519
            case mlDSA65OID: return try readMLDSA(65, key, &parts)
            case mlDSA87OID: return try readMLDSA(87, key, &parts)
            case ecOID:
                // Explicit parameters let an attacker choose the generator (CVE-2020-0601, P10).
                guard let parameters = parts.next(), parameters.identifier == .objectIdentifier else {
                    throw ParsedCertificateError("the elliptic curve is given by explicit parameters")
                }
                let curve = try ASN1ObjectIdentifier(derEncoded: parameters)
                guard let name = curves[curve] else { throw ParsedCertificateError("the curve \(curve) is refused") }
                return .ecdsa(curve: name)
            default: throw ParsedCertificateError("keys of the type \(oid) are refused")
            }
        }
    }

    /// RFC 9881 §4: no parameters, and the octets of FIPS 204 as they are.
    private static func readMLDSA(
        _ size: Int,
        _ key: ASN1BitString,
        _ parts: inout ASN1NodeCollection.Iterator
    ) throws -> PublicKeyDescription {
        guard parts.next() == nil, key.bytes.count == (size == 65 ? 1_952 : 2_592) else {
            throw ParsedCertificateError("the ML-DSA-\(size) key has parameters or the wrong length")
        }
        return .mlDSA(size)
    }

    private static func readRSA(_ der: [UInt8]) throws -> PublicKeyDescription {
        try DER.sequence(DER.parse(der), identifier: .sequence) { nodes in
            let modulus = try positive(nodes.next())
            let exponent = try positive(nodes.next())
            let bits = modulus.first.map { modulus.count * 8 - $0.leadingZeroBitCount } ?? 0
            guard rsaBits.contains(bits), bits % 8 == 0, modulus.last.map({ $0 & 1 == 1 }) == true else {
                throw ParsedCertificateError(
                    "an RSA key of \(bits) bits is refused (\(rsaBits.lowerBound) to \(rsaBits.upperBound), whole bytes)"
                )
            }
            // 65537 is the least and 2^64 - 1 the greatest exponent: below it forgeries, above it only cost.
            let value = exponent.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard exponent.count <= 8, value >= 65_537, value & 1 == 1 else {
                throw ParsedCertificateError("an RSA exponent below 65537, even or over 64 bits is refused")
            }
            return .rsa(bits: bits)
        }
    }

    private static func positive(_ node: ASN1Node?) throws -> [UInt8] {
        guard let node, node.identifier == .integer, case .primitive(let content) = node.content,
            let first = content.first, first < 0x80
        else { throw ParsedCertificateError("the RSA key cannot be read") }
        return Array(content.drop { $0 == 0 })
    }
}
