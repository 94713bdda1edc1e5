import Crypto
import IPsecTypes
import SwiftASN1

/// An ML-DSA key for a leaf's certificate. Authorities have none: nothing verifies their signatures yet.
public struct ExperimentalLeafKey: Sendable {
    /// Parameter sets of FIPS 204.
    public enum Kind: String, Sendable, CaseIterable {
        /// ML-DSA-65: category 3.
        case mlDSA65 = "ml-dsa-65"
        /// ML-DSA-87: category 5.
        case mlDSA87 = "ml-dsa-87"
    }

    /// The public key, DER SubjectPublicKeyInfo (RFC 9881 §4).
    public let subjectPublicKeyInfo: [UInt8]
    /// The private key, PKCS #8 DER, as its seed (RFC 9881 §6).
    public let pkcs8: SecretBytes

    /// Makes a key from the library's random source.
    public init(_ kind: Kind) throws {
        let arc: UInt
        let (seed, publicKey): (SecretBytes, [UInt8])
        switch kind {
        case .mlDSA65:
            let key = try MLDSA65.PrivateKey()
            (arc, seed, publicKey) = (18, SecretBytes(key.seedRepresentation), Array(key.publicKey.rawRepresentation))
        case .mlDSA87:
            let key = try MLDSA87.PrivateKey()
            (arc, seed, publicKey) = (19, SecretBytes(key.seedRepresentation), Array(key.publicKey.rawRepresentation))
        }
        let algorithm: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 3, arc]
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { outer in
            try outer.appendConstructedNode(identifier: .sequence) { try $0.serialize(algorithm) }
            try outer.serialize(ASN1BitString(bytes: publicKey[...]))
        }
        subjectPublicKeyInfo = serializer.serializedBytes
        // version 0, the algorithm without parameters, and the seed: [0] of 32 octets in an OCTET STRING.
        let lead: [UInt8] = [
            0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
            UInt8(truncatingIfNeeded: arc), 0x04, 0x22, 0x80, 0x20,
        ]
        pkcs8 = seed.withUnsafeBytes { SecretBytes(lead + [UInt8]($0)) }
    }
}
