// RFC 7296 §3.6
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Cert Encoding |                                               |
//    +-+-+-+-+-+-+-+-+                                               |
//    ~                       Certificate Data                        ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// A certificate, or something that stands for one.
public struct CertificatePayload: Hashable, Sendable {
    /// What the data is.
    public var encoding: CertificateEncoding
    /// The certificate.
    public var data: [UInt8]

    /// Makes a payload.
    public init(encoding: CertificateEncoding, data: [UInt8]) {
        self.encoding = encoding
        self.data = data
    }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> CertificatePayload {
        let encoding = CertificateEncoding(rawValue: try reader.readUInt8(bytes))
        return CertificatePayload(encoding: encoding, data: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt8(encoding.rawValue)
        writer.writeBytes(data)
    }
}
