// RFC 7296 §3.7
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Cert Encoding |                                               |
//    +-+-+-+-+-+-+-+-+                                               |
//    ~                    Certification Authority                    ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Which trust anchors the sender has.
public struct CertificateRequestPayload: Hashable, Sendable {
    /// Octets of a SHA-1 hash of a trust anchor's public key (RFC 7296 §3.7).
    public static let hashLength = 20

    /// What encoding the sender wants.
    public var encoding: CertificateEncoding
    /// Hashes of trust anchors, one after the other, for the X.509 encodings.
    public var authorities: [UInt8]

    /// Makes a payload.
    public init(encoding: CertificateEncoding, authorities: [UInt8]) {
        self.encoding = encoding
        self.authorities = authorities
    }

    /// The hashes of the trust anchors, at most `limit`; nil when the encoding has none or the length is not a multiple
    /// of 20 (the request is then ignored: it is a hint and no more, RFC 7296 §3.7).
    public func hashes(limit: Int = 64) -> [[UInt8]]? {
        guard [.x509Signature, .hashAndURL, .hashAndURLBundle].contains(encoding),
            authorities.count.isMultiple(of: Self.hashLength)
        else { return nil }
        var reader = WireReader(count: authorities.count)
        var hashes: [[UInt8]] = []
        while hashes.count < limit, let hash = try? reader.readBytes(authorities.span, count: Self.hashLength) {
            hashes.append(hash)
        }
        return hashes
    }

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> CertificateRequestPayload {
        let encoding = CertificateEncoding(rawValue: try reader.readUInt8(bytes))
        return CertificateRequestPayload(encoding: encoding, authorities: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt8(encoding.rawValue)
        writer.writeBytes(authorities)
    }
}
