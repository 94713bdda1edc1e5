import SwiftASN1

/// AlgorithmIdentifiers of RFC 7427 appendix A, RFC 8420 appendix A and draft-ietf-ipsecme-ikev2-pqc-auth appendix B, which start the Authentication Data of method 14:
/// ```
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  | ASN.1 Length  | AlgorithmIdentifier ASN.1 object              |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  ~        AlgorithmIdentifier ASN.1 object continuing            ~
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  ~                         Signature Value                       ~
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
extension SignatureAlgorithm {
    /// The DER object that we send; nil for a pair of algorithm and hash that does not exist.
    public var identifierDER: [UInt8]? {
        switch self {
        case .rsaPKCS1(.identity), .ecdsa(.identity), .rsaPSS(.identity): return nil
        default: break
        }
        switch self {
        case .rsaPKCS1(let hash): return Self.rsaPrefix + [hash.rsaArc, 0x05, 0x00]
        case .ecdsa(let hash): return Self.ecdsaPrefix + [hash.digestArc + 1]
        case .ed25519: return [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70]
        case .mlDSA65: return Self.mlDSAPrefix + [0x12]
        case .mlDSA87: return Self.mlDSAPrefix + [0x13]
        case .rsaPSS(let hash):
            let digest: [UInt8] = [0x30, 0x0D, 0x06, 0x09] + Self.nistDigest + [hash.digestArc, 0x05, 0x00]
            let salt = UInt8(truncatingIfNeeded: hash.digestLength ?? 0)
            return [0x30, 0x46, 0x06, 0x09] + Self.pkcs1 + [0x0A, 0x30, 0x39, 0xA0, 0x0F] + digest
                + [0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09] + Self.pkcs1 + [0x08] + digest
                + [0xA2, 0x03, 0x02, 0x01, salt, 0xA3, 0x03, 0x02, 0x01, 0x01]
        }
    }

    /// Reads the identifier of a peer; nil for anything that we do not accept: SHA-1 in any place, a PSS salt of another
    /// length than the hash, unknown OIDs, wrong parameters, bytes left over.
    ///
    /// Parameters of hashes and of RSA may be NULL or absent (RFC 4055 §2.1, §5). Those of ECDSA, Ed25519 and ML-DSA must be
    /// absent.
    public init?(identifierDER der: [UInt8]) {
        guard let found = try? DER.sequence(DER.parse(der), identifier: .sequence, Self.read) else { return nil }
        self = found
    }

    /// Authentication Data of method 14.
    func authenticationData(signature: [UInt8]) -> [UInt8]? {
        guard let identifier = identifierDER, identifier.count <= 255 else { return nil }
        return [UInt8(identifier.count)] + identifier + signature
    }

    /// Splits Authentication Data of method 14.
    static func split(_ data: [UInt8]) -> (algorithm: SignatureAlgorithm, signature: [UInt8])? {
        guard let length = data.first, data.count > Int(length),
            let algorithm = SignatureAlgorithm(identifierDER: Array(data.dropFirst().prefix(Int(length))))
        else { return nil }
        return (algorithm, Array(data.dropFirst(1 + Int(length))))
    }

    private static let pkcs1: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01]
    private static let rsaPrefix: [UInt8] = [0x30, 0x0D, 0x06, 0x09] + pkcs1
    private static let ecdsaPrefix: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03]
    private static let mlDSAPrefix: [UInt8] = [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03]
    private static let nistDigest: [UInt8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02]

    private static func read(_ fields: inout ASN1NodeCollection.Iterator) throws -> SignatureAlgorithm {
        let oid = try ASN1ObjectIdentifier(derEncoded: &fields)
        switch oid {
        case [1, 3, 101, 112]:
            return .ed25519
        case .mlDSA65:
            return .mlDSA65
        case .mlDSA87:
            return .mlDSA87
        case [1, 2, 840, 10045, 4, 3, 2]:
            return .ecdsa(.sha256)
        case [1, 2, 840, 10045, 4, 3, 3]:
            return .ecdsa(.sha384)
        case [1, 2, 840, 10045, 4, 3, 4]:
            return .ecdsa(.sha512)
        case .AlgorithmIdentifier.sha256WithRSAEncryption:
            try readNullOrNothing(&fields)
            return .rsaPKCS1(.sha256)
        case .AlgorithmIdentifier.sha384WithRSAEncryption:
            try readNullOrNothing(&fields)
            return .rsaPKCS1(.sha384)
        case .AlgorithmIdentifier.sha512WithRSAEncryption:
            try readNullOrNothing(&fields)
            return .rsaPKCS1(.sha512)
        case .AlgorithmIdentifier.rsaPSS:
            return .rsaPSS(try nestedSequence(&fields, readPSS))
        default:
            throw IdentifierError.refused
        }
    }

    /// RSASSA-PSS-params (RFC 4055 §3.1). Every default means SHA-1, so hash, mask and salt must all be there.
    private static func readPSS(_ fields: inout ASN1NodeCollection.Iterator) throws -> SignatureHash {
        let hash = try DER.explicitlyTagged(&fields, tagNumber: 0, tagClass: .contextSpecific) { node in
            try DER.sequence(node, identifier: .sequence, readDigest)
        }
        let mask = try DER.explicitlyTagged(&fields, tagNumber: 1, tagClass: .contextSpecific) { node in
            try DER.sequence(node, identifier: .sequence) { fields in
                guard try ASN1ObjectIdentifier(derEncoded: &fields) == [1, 2, 840, 113549, 1, 1, 8] else {
                    throw IdentifierError.refused
                }
                return try nestedSequence(&fields, readDigest)
            }
        }
        let salt = try DER.explicitlyTagged(&fields, tagNumber: 2, tagClass: .contextSpecific) { node in
            try Int(derEncoded: node)
        }
        let trailer = try DER.optionalExplicitlyTagged(&fields, tagNumber: 3, tagClass: .contextSpecific) { node in
            try Int(derEncoded: node)
        }
        guard mask == hash, salt == hash.digestLength, trailer ?? 1 == 1 else { throw IdentifierError.refused }
        return hash
    }

    private static func readDigest(_ fields: inout ASN1NodeCollection.Iterator) throws -> SignatureHash {
        let oid = try ASN1ObjectIdentifier(derEncoded: &fields)
        try readNullOrNothing(&fields)
        switch oid {
        case [2, 16, 840, 1, 101, 3, 4, 2, 1]: return .sha256
        case [2, 16, 840, 1, 101, 3, 4, 2, 2]: return .sha384
        case [2, 16, 840, 1, 101, 3, 4, 2, 3]: return .sha512
        default: throw IdentifierError.refused
        }
    }

    private static func readNullOrNothing(_ fields: inout ASN1NodeCollection.Iterator) throws {
        if let node = fields.next() { _ = try ASN1Null(derEncoded: node) }
    }
}

extension ASN1ObjectIdentifier {
    /// id-ml-dsa-65.
    static let mlDSA65: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 3, 18]
    /// id-ml-dsa-87.
    static let mlDSA87: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 3, 19]
}

private enum IdentifierError: Error {
    case refused
}

extension SignatureHash {
    /// Last arc of id-sha256, id-sha384, id-sha512 (2.16.840.1.101.3.4.2.x).
    fileprivate var digestArc: UInt8 {
        switch self {
        case .sha256: 1
        case .sha384: 2
        case .sha512: 3
        case .identity: 0
        }
    }
    /// Last arc of shaXXXWithRSAEncryption.
    fileprivate var rsaArc: UInt8 { digestArc + 10 }
}
