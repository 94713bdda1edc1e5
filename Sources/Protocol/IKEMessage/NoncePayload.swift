// RFC 7296 §3.9
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                            Nonce Data                         ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Random data that makes the keys of each exchange differ.
public struct NoncePayload: Hashable, Sendable {
    /// Permitted lengths (RFC 7296 §3.9).
    public static let lengths = 16...256

    /// The nonce.
    public var data: [UInt8]

    /// Makes a payload.
    public init(data: [UInt8]) { self.data = data }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> NoncePayload {
        guard lengths.contains(reader.remaining) else { throw .badLength }
        return NoncePayload(data: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) { writer.writeBytes(data) }
}
