import SwiftASN1

/// Leaves whose key swift-certificates does not know: ML-DSA.
///
/// The library reads no certificate with such a key. So it gets the certificate with another key in the place of that one,
/// for names, times and extensions; what the issuer signed is kept as it came and checked with the issuer's key, see
/// ``ParsedCertificate/isSigned(by:)`` and `PathValidator`. The key in its place verifies nothing: it is no point of its curve.
public enum UnknownKey {
    /// What an issuer signed, and its signature.
    struct Signed: Hashable, Sendable {
        let bytes: [UInt8]
        let signature: [UInt8]
    }

    /// SubjectPublicKeyInfo of Ed25519 with the y coordinate 2, for which the curve has no x (RFC 8032 §5.1.3): decoding it
    /// fails, and with it every verification.
    /// It stands in the drafts of certificates as well, see ``signed(_:key:by:)``.
    public static let placeholder: [UInt8] =
        [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00, 2] + [UInt8](repeating: 0, count: 31)

    /// The certificate with ``placeholder`` in the place of its key.
    static func hidden(in der: [UInt8]) throws -> [UInt8] {
        try DER.sequence(DER.parse(der), identifier: .sequence) { parts in
            guard let signed = parts.next() else { throw ParsedCertificateError("not a DER certificate") }
            var serializer = DER.Serializer()
            try serializer.appendConstructedNode(identifier: .sequence) { outer in
                outer.serializeRawBytes(try replacingKey(in: Array(signed.encodedBytes), with: placeholder))
                while let part = parts.next() { outer.serializeRawBytes(part.encodedBytes) }
            }
            return serializer.serializedBytes
        }
    }

    /// The certificate that `draft` becomes when `spki` stands in it and `sign` signs what stands then; its signature
    /// algorithm stays.
    public static func signed(
        _ draft: [UInt8],
        key spki: [UInt8],
        by sign: ([UInt8]) throws -> [UInt8]
    ) throws -> [UInt8] {
        try DER.sequence(DER.parse(draft), identifier: .sequence) { parts in
            guard let old = parts.next(), let algorithm = parts.next(), parts.next() != nil else {
                throw ParsedCertificateError("not a DER certificate")
            }
            let signed = try replacingKey(in: Array(old.encodedBytes), with: spki)
            let signature = try sign(signed)
            var serializer = DER.Serializer()
            try serializer.appendConstructedNode(identifier: .sequence) { outer in
                outer.serializeRawBytes(signed)
                outer.serializeRawBytes(algorithm.encodedBytes)
                try outer.serialize(ASN1BitString(bytes: signature[...]))
            }
            return serializer.serializedBytes
        }
    }

    /// A TBSCertificate (RFC 5280 §4.1) with another SubjectPublicKeyInfo; all other fields as they are.
    static func replacingKey(in signed: [UInt8], with spki: [UInt8]) throws -> [UInt8] {
        guard case .constructed(let fields) = try DER.parse(signed).content else {
            throw ParsedCertificateError("not a DER certificate")
        }
        // serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, after an explicit version.
        let hasVersion = fields.first { _ in true }?.identifier.tagClass == .contextSpecific
        let position = hasVersion ? 6 : 5
        var serializer = DER.Serializer()
        serializer.appendConstructedNode(identifier: .sequence) { inner in
            for (index, field) in fields.enumerated() {
                inner.serializeRawBytes(index == position ? spki[...] : field.encodedBytes)
            }
        }
        return serializer.serializedBytes
    }
}
