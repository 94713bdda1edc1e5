// RFC 7296 §3.15
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |   CFG Type    |                    RESERVED                   |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                   Configuration Attributes                    ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Addresses, subnets and servers that are asked for or given.
public struct ConfigurationPayload: Hashable, Sendable {
    /// Request, reply, set or acknowledgement.
    public var type: ConfigurationType
    /// The attributes in order.
    public var attributes: [ConfigurationAttribute]

    /// Makes a payload.
    public init(type: ConfigurationType, attributes: [ConfigurationAttribute]) {
        self.type = type
        self.attributes = attributes
    }

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader,
        _ limits: IKEMessageLimits
    ) throws(ParseError) -> ConfigurationPayload {
        var payload = ConfigurationPayload(
            type: ConfigurationType(rawValue: try reader.readUInt8(bytes)),
            attributes: []
        )
        try reader.skip(3)
        while !reader.isAtEnd {
            guard payload.attributes.count < limits.configurationAttributes else { throw .limitExceeded }
            payload.attributes.append(try ConfigurationAttribute.parse(bytes, &reader))
        }
        return payload
    }

    func write(into writer: inout WireWriter) {
        writer.writeUInt8(type.rawValue)
        writer.writeZeros(3)
        for attribute in attributes { attribute.write(into: &writer) }
    }
}
