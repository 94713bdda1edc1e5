// RFC 7296 §3.3.2 and §3.3.5
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    | Last Substruc |   RESERVED    |        Transform Length       |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |Transform Type |   RESERVED    |          Transform ID         |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                      Transform Attributes                     ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
//    |A|       Attribute Type        |    AF=0  Attribute Length     |
//    |F|                             |    AF=1  Attribute Value      |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                   AF=0  Attribute Value                       |
//    |                   AF=1  Not Transmitted                       |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// One transform of a proposal.
public struct Transform: Hashable, Sendable {
    /// What kind of algorithm.
    public var type: TransformType
    /// The algorithm's number within its kind.
    public var id: UInt16
    /// The value of the Key Length attribute in bits: 0...65535, or nil without one.
    public var keyLength: Int?
    /// Attributes that are not known. A transform with any must not be chosen (RFC 7296 §3.3.6).
    public var otherAttributes: [TransformAttribute]

    /// Makes a transform.
    public init(
        type: TransformType,
        id: UInt16,
        keyLength: Int? = nil,
        otherAttributes: [TransformAttribute] = []
    ) {
        self.type = type
        self.id = id
        self.keyLength = keyLength
        self.otherAttributes = otherAttributes
    }

    /// An encryption transform, with the Key Length attribute where the cipher needs one.
    public static func encryption(_ algorithm: EncryptionAlgorithm, keyBits: Int) -> Transform {
        Transform(type: .encryption, id: algorithm.rawValue, keyLength: algorithm.needsKeyLength ? keyBits : nil)
    }

    /// A pseudorandom function.
    public static func prf(_ algorithm: PRFAlgorithm) -> Transform {
        Transform(type: .prf, id: algorithm.rawValue)
    }

    /// An integrity algorithm.
    public static func integrity(_ algorithm: IntegrityAlgorithm) -> Transform {
        Transform(type: .integrity, id: algorithm.rawValue)
    }

    /// A key exchange method.
    public static func keyExchange(_ method: KeyExchangeMethod) -> Transform {
        Transform(type: .keyExchange, id: method.rawValue)
    }

    /// Methods of the additional key exchanges, ADDKE1 first (RFC 9370). Places beyond the seventh do not exist.
    public static func additionalKeyExchanges(_ places: [[KeyExchangeMethod]]) -> [Transform] {
        zip(TransformType.additionalKeyExchanges, places).flatMap { type, methods in
            methods.map { Transform(type: type, id: $0.rawValue) }
        }
    }

    /// Extended sequence numbers, or none (RFC 7296 §3.3.2: 1 and 0).
    public static func extendedSequenceNumbers(_ extended: Bool) -> Transform {
        Transform(type: .sequenceNumbers, id: extended ? 1 : 0)
    }

    private static let last: UInt8 = 0
    private static let more: UInt8 = 3

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> (Transform, more: Bool) {
        var header = reader
        let mark = try header.readUInt8(bytes)
        guard mark == last || mark == more else { throw .badValue }
        try header.skip(1)
        var body = try reader.slice(Int(try header.readUInt16(bytes)))
        try body.skip(4)
        let type = TransformType(rawValue: try body.readUInt8(bytes))
        try body.skip(1)
        var transform = Transform(type: type, id: try body.readUInt16(bytes))
        while !body.isAtEnd {
            let attribute = try TransformAttribute.parse(bytes, &body)
            if attribute.type == TransformAttribute.keyLengthType {
                // RFC 7296 §3.3.5: Key Length is in the short (TV) form, and one transform names one key length.
                guard case .short(let bits) = attribute.value, transform.keyLength == nil else { throw .badValue }
                transform.keyLength = Int(bits)
            } else {
                // One is enough to make the transform unacceptable; a second of its type, or a long list, is abuse.
                guard transform.otherAttributes.count < TransformAttribute.maximumCount,
                    !transform.otherAttributes.contains(where: { $0.type == attribute.type })
                else { throw .badValue }
                transform.otherAttributes.append(attribute)
            }
        }
        return (transform, mark == more)
    }

    func write(into writer: inout WireWriter, isLast: Bool) {
        let start = writer.count
        writer.writeUInt8(isLast ? Self.last : Self.more)
        writer.writeUInt8(0)
        writer.writeUInt16(0)
        writer.writeUInt8(type.rawValue)
        writer.writeUInt8(0)
        writer.writeUInt16(id)
        if let keyLength {
            // It was read from 16 bits on the wire, or is one of ours.
            guard let bits = UInt16(exactly: keyLength) else { preconditionFailure("a key length has 16 bits") }
            TransformAttribute(type: TransformAttribute.keyLengthType, value: .short(bits)).write(into: &writer)
        }
        for attribute in otherAttributes { attribute.write(into: &writer) }
        precondition(writer.count - start <= 65_535, "a transform has 16 bits of length")
        writer.patchUInt16(UInt16(writer.count - start), at: start + 2)
    }
}

/// An attribute of a transform (RFC 7296 §3.3.5).
public struct TransformAttribute: Hashable, Sendable {
    /// The two formats.
    public enum Value: Hashable, Sendable {
        /// Two octets in the place of the length (AF = 1).
        case short(UInt16)
        /// Any number of octets behind a length (AF = 0).
        case long([UInt8])
    }

    static let keyLengthType: UInt16 = 14
    static let maximumCount = 8
    private static let shortFormat: UInt16 = 0x8000

    /// The type: 15 bits.
    public var type: UInt16
    /// The value.
    public var value: Value

    /// Makes an attribute.
    public init(type: UInt16, value: Value) {
        self.type = type
        self.value = value
    }

    static func parse(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> TransformAttribute {
        let word = try reader.readUInt16(bytes)
        let length = try reader.readUInt16(bytes)
        let type = word & ~shortFormat
        if word & shortFormat != 0 { return TransformAttribute(type: type, value: .short(length)) }
        return TransformAttribute(type: type, value: .long(try reader.readBytes(bytes, count: Int(length))))
    }

    func write(into writer: inout WireWriter) {
        precondition(type < Self.shortFormat, "an attribute type has 15 bits")
        switch value {
        case .short(let number):
            writer.writeUInt16(type | Self.shortFormat)
            writer.writeUInt16(number)
        case .long(let bytes):
            precondition(bytes.count <= 65_535, "an attribute has 16 bits of length")
            writer.writeUInt16(type)
            writer.writeUInt16(UInt16(bytes.count))
            writer.writeBytes(bytes)
        }
    }
}
