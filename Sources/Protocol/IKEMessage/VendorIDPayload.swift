// RFC 7296 §3.12
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                        Vendor ID (VID)                        ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Octets by which implementations of one vendor recognise each other.
public struct VendorIDPayload: Hashable, Sendable {
    /// The identifier.
    public var data: [UInt8]

    /// Makes a payload.
    public init(data: [UInt8]) { self.data = data }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> VendorIDPayload {
        VendorIDPayload(data: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) { writer.writeBytes(data) }
}
