import SwiftASN1

/// What the issuing authority asserts about a job: names and values, in order.
///
/// Carried as a non-critical extension (``CulvertObjectIdentifiers/claims``):
///
///     Claims ::= SEQUENCE SIZE (1..64) OF SEQUENCE { name UTF8String, value UTF8String }
///
/// The issuer writes allow-listed claims only; the reader honours them only from the issuer bound to the tenant.
public struct CertificateClaims: Hashable, Sendable {
    /// Largest encoding: a leaf has to fit in 4 KiB.
    public static let maximumBytes = 2_048
    /// Most claims.
    public static let maximumCount = 64

    /// One claim.
    public struct Claim: Hashable, Sendable {
        /// The name: ASCII letters, digits, `_`, `-` and `.`.
        public let name: String
        /// The value: any text without control characters.
        public let value: String

        /// Makes a claim; it is checked when a set is made of it.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Why a set of claims is refused.
    public enum Failure: Error, Hashable, Sendable {
        /// There is no claim.
        case empty
        /// More than ``CertificateClaims/maximumCount``.
        case tooMany(Int)
        /// The encoding is larger than ``CertificateClaims/maximumBytes``.
        case tooLarge(Int)
        /// The name is empty or has a character outside the set.
        case badName(String)
        /// The value has a control character.
        case badValue(name: String)
        /// The name occurs twice.
        case duplicate(String)
        /// The bytes are not the DER of claims.
        case malformed
    }

    /// The claims in their order.
    public let claims: [Claim]

    /// Checks and takes claims.
    public init(_ claims: [Claim]) throws(Failure) {
        guard !claims.isEmpty else { throw .empty }
        guard claims.count <= Self.maximumCount else { throw .tooMany(claims.count) }
        var seen: Set<String> = []
        for claim in claims {
            let isPlain = claim.name.utf8.allSatisfy { byte in
                Character(UnicodeScalar(byte)).isLetter && byte < 0x80 || (0x30...0x39).contains(byte)
                    || byte == 0x5F || byte == 0x2D || byte == 0x2E
            }
            guard isPlain, !claim.name.isEmpty else { throw .badName(printable(claim.name)) }
            guard claim.value.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
                throw .badValue(name: claim.name)
            }
            guard seen.insert(claim.name).inserted else { throw .duplicate(claim.name) }
        }
        self.claims = claims
        let size = encoded().count
        guard size <= Self.maximumBytes else { throw .tooLarge(size) }
    }

    /// The value of a claim, or nil.
    public subscript(name: String) -> String? {
        claims.first { $0.name == name }?.value
    }

    /// The DER encoding.
    public func encoded() -> [UInt8] {
        var serializer = DER.Serializer()
        serializer.appendConstructedNode(identifier: .sequence) { list in
            for claim in claims {
                list.appendConstructedNode(identifier: .sequence) { pair in
                    for text in [claim.name, claim.value] {
                        pair.appendPrimitiveNode(identifier: .utf8String) { $0.append(contentsOf: text.utf8) }
                    }
                }
            }
        }
        return serializer.serializedBytes
    }

    /// Reads the DER encoding.
    public static func decode(_ der: some Collection<UInt8>) throws(Failure) -> CertificateClaims {
        guard der.count <= maximumBytes else { throw .tooLarge(der.count) }
        let claims: [Claim]
        do {
            claims = try DER.sequence(of: Claim.self, identifier: .sequence, rootNode: DER.parse(Array(der)))
        } catch {
            throw .malformed
        }
        return try CertificateClaims(claims)
    }
}

extension CertificateClaims.Claim: DERParseable {
    /// Reads one pair.
    public init(derEncoded node: ASN1Node) throws {
        self = try DER.sequence(node, identifier: .sequence) { nodes in
            let name = try ASN1UTF8String(derEncoded: &nodes)
            let value = try ASN1UTF8String(derEncoded: &nodes)
            guard let name = String(validating: name.bytes, as: UTF8.self),
                let value = String(validating: value.bytes, as: UTF8.self)
            else { throw CertificateClaims.Failure.malformed }
            return Self(name: name, value: value)
        }
    }
}
