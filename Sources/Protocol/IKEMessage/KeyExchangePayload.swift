// RFC 7296 §3.4
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |   Diffie-Hellman Group Num    |           RESERVED            |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                       Key Exchange Data                       ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// A public value of a key exchange. Whether it fits the method is for the key exchange to judge.
public struct KeyExchangePayload: Hashable, Sendable {
    /// The method the data is for.
    public var method: KeyExchangeMethod
    /// The public value or ciphertext.
    public var data: [UInt8]

    /// Makes a payload.
    public init(method: KeyExchangeMethod, data: [UInt8]) {
        self.method = method
        self.data = data
    }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> KeyExchangePayload {
        let method = KeyExchangeMethod(rawValue: try reader.readUInt16(bytes))
        try reader.skip(2)
        guard !reader.isAtEnd else { throw .badLength }
        return KeyExchangePayload(method: method, data: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt16(method.rawValue)
        writer.writeUInt16(0)
        writer.writeBytes(data)
    }
}
