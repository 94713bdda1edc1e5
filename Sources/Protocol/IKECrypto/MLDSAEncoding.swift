import SwiftASN1

/// How ML-DSA keys are encoded (RFC 9881 §4 and §6).
struct MLDSAEncoding {
    /// Everything of a SubjectPublicKeyInfo before the key: its parameters are absent, its BIT STRING has no unused bits.
    let publicLead: [UInt8]
    /// Octets of a public key (FIPS 204 §4).
    let publicKeyLength: Int
    /// Octets of a signature.
    let signatureLength: Int

    static let ml65 = MLDSAEncoding(arc: 0x12, publicKeyLength: 1952, signatureLength: 3309)
    static let ml87 = MLDSAEncoding(arc: 0x13, publicKeyLength: 2592, signatureLength: 4627)

    private init(arc: UInt8, publicKeyLength: Int, signatureLength: Int) {
        self.publicKeyLength = publicKeyLength
        self.signatureLength = signatureLength
        func long(_ tag: UInt8, _ length: Int) -> [UInt8] {
            [tag, 0x82, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
        }
        let identifier: [UInt8] = [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, arc]
        publicLead =
            long(0x30, identifier.count + 5 + publicKeyLength) + identifier + long(0x03, publicKeyLength + 1) + [0]
    }

    /// The seed in the OCTET STRING of a PKCS #8 key.
    /// ```
    /// ML-DSA-65-PrivateKey ::= CHOICE {
    ///   seed [0] OCTET STRING (SIZE (32)),
    ///   expandedKey OCTET STRING (SIZE (4032)),
    ///   both SEQUENCE { seed OCTET STRING (SIZE (32)), expandedKey OCTET STRING (SIZE (4032)) } }
    /// ```
    /// The other two are refused: from an expanded key the library makes no key, and it cannot tell whether the two halves of
    /// both belong together, which RFC 9881 §6 asks of who takes it.
    static func seed(_ key: ASN1OctetString) throws -> [UInt8] {
        let node = try DER.parse(key.bytes)
        guard node.identifier == ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific) else {
            let isOther = node.identifier == .octetString || node.identifier == .sequence
            throw isOther ? KeyRefusal.expandedMLDSAKey : KeyRefusal.unreadable
        }
        let seed = try ASN1OctetString(derEncoded: node, withIdentifier: node.identifier)
        guard seed.bytes.count == 32 else { throw KeyRefusal.unreadable }
        return Array(seed.bytes)
    }
}
