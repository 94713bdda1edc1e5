import IPsecTypes

extension ConfigurationAttribute {
    /// The R bit, ignored on receipt and zero on sending.
    private static let reservedBit: UInt16 = 0x8000

    static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> ConfigurationAttribute {
        let type = ConfigurationAttributeType(rawValue: try reader.readUInt16(bytes) & ~reservedBit)
        var value = try reader.slice(Int(try reader.readUInt16(bytes)))
        let attribute = try parse(type, bytes, &value)
        guard value.isAtEnd else { throw .badLength }
        return attribute
    }

    private static func parse(
        _ type: ConfigurationAttributeType,
        _ bytes: Span<UInt8>,
        _ value: inout WireReader
    ) throws(ParseError) -> ConfigurationAttribute {
        switch type {
        case .internalIP4Address: .internalIP4Address(try address(.v4, bytes, &value))
        case .internalIP4Netmask: .internalIP4Netmask(try address(.v4, bytes, &value))
        case .internalIP4DNS: .internalIP4DNS(try address(.v4, bytes, &value))
        case .internalIP4NBNS: .internalIP4NBNS(try address(.v4, bytes, &value))
        case .internalIP4DHCP: .internalIP4DHCP(try address(.v4, bytes, &value))
        case .applicationVersion: .applicationVersion(try value.readRemaining(bytes))
        case .internalIP6Address: .internalIP6Address(try interfaceAddress(bytes, &value))
        case .internalIP6DNS: .internalIP6DNS(try address(.v6, bytes, &value))
        case .internalIP6DHCP: .internalIP6DHCP(try address(.v6, bytes, &value))
        case .internalIP4Subnet: .internalIP4Subnet(try subnet4(bytes, &value))
        case .supportedAttributes: .supportedAttributes(try types(bytes, &value))
        case .internalIP6Subnet: .internalIP6Subnet(try prefix6(bytes, &value))
        case .internalIP6Link:
            .internalIP6Link(interfaceID: try value.readUInt64(bytes), linkID: try value.readRemaining(bytes))
        case .internalIP6Prefix: .internalIP6Prefix(try prefix6(bytes, &value))
        case .pcscfIP4Address: .pcscfIP4Address(try address(.v4, bytes, &value))
        case .pcscfIP6Address: .pcscfIP6Address(try address(.v6, bytes, &value))
        case .livenessTimeout: .livenessTimeout(seconds: value.isAtEnd ? nil : try value.readUInt32(bytes))
        case .internalDNSDomain: .internalDNSDomain(try domain(bytes, &value))
        case .internalDNSSECTA: .internalDNSSECTrustAnchor(try trustAnchor(bytes, &value))
        default: .other(type, try value.readRemaining(bytes))
        }
    }

    private static func address(
        _ family: IPAddress.Family,
        _ bytes: Span<UInt8>,
        _ value: inout WireReader
    ) throws(ParseError) -> IPAddress? {
        value.isAtEnd ? nil : IPAddress(bytes: try value.readBytes(bytes, count: family.bits / 8))
    }

    private static func interfaceAddress(
        _ bytes: Span<UInt8>,
        _ value: inout WireReader
    ) throws(ParseError) -> InterfaceAddress? {
        guard let address = try address(.v6, bytes, &value) else { return nil }
        // The RFC gives 17 octets; some implementations leave the prefix length out.
        if value.isAtEnd { return InterfaceAddress(address, prefixLength: 128) }
        let length = try value.readUInt8(bytes)
        guard length <= 128 else { throw .badValue }
        return InterfaceAddress(address, prefixLength: length)
    }

    private static func subnet4(_ bytes: Span<UInt8>, _ value: inout WireReader) throws(ParseError) -> IPPrefix? {
        if value.isAtEnd { return nil }
        let network = IPAddress.v4(try value.readUInt32(bytes))
        let mask = try value.readUInt32(bytes)
        guard mask.leadingZeroBitCount == 0 || mask == 0, (~mask).leadingZeroBitCount == mask.nonzeroBitCount,
            let prefix = IPPrefix(network, length: mask.nonzeroBitCount)
        else { throw .badValue }
        return prefix
    }

    private static func prefix6(_ bytes: Span<UInt8>, _ value: inout WireReader) throws(ParseError) -> IPPrefix? {
        guard let network = try address(.v6, bytes, &value) else { return nil }
        guard let prefix = IPPrefix(network, length: Int(try value.readUInt8(bytes))) else { throw .badValue }
        return prefix
    }

    private static func types(
        _ bytes: Span<UInt8>,
        _ value: inout WireReader
    ) throws(ParseError) -> [ConfigurationAttributeType] {
        var types: [ConfigurationAttributeType] = []
        while !value.isAtEnd {
            types.append(ConfigurationAttributeType(rawValue: try value.readUInt16(bytes) & ~reservedBit))
        }
        return types
    }

    private static func domain(_ bytes: Span<UInt8>, _ value: inout WireReader) throws(ParseError) -> String? {
        if value.isAtEnd { return nil }
        // RFC 8598 §4.1: presentation format, A-labels, not terminated by NUL; §8: it must not reach a resolver
        // configuration with characters that mean something there.
        let text = try value.readRemaining(bytes)
        guard DomainName.isValid(text, allowingRoot: true) else { throw .badValue }
        return String(decoding: text, as: UTF8.self)
    }

    private static func trustAnchor(
        _ bytes: Span<UInt8>,
        _ value: inout WireReader
    ) throws(ParseError) -> DNSSECTrustAnchor? {
        if value.isAtEnd { return nil }
        return DNSSECTrustAnchor(
            keyTag: try value.readUInt16(bytes),
            algorithm: try value.readUInt8(bytes),
            digestType: try value.readUInt8(bytes),
            digest: try value.readRemaining(bytes)
        )
    }

    func write(into writer: inout WireWriter) {
        precondition(type.rawValue < Self.reservedBit, "an attribute type has 15 bits")
        writer.writeUInt16(type.rawValue)
        let lengthOffset = writer.count
        writer.writeUInt16(0)
        writeValue(into: &writer)
        let length = writer.count - lengthOffset - 2
        precondition(length <= 65_535, "an attribute has 16 bits of length")
        writer.patchUInt16(UInt16(length), at: lengthOffset)
    }

    private func writeValue(into writer: inout WireWriter) {
        switch self {
        case .internalIP4Address(let value), .internalIP4Netmask(let value), .internalIP4DNS(let value),
            .internalIP4NBNS(let value), .internalIP4DHCP(let value), .pcscfIP4Address(let value):
            write(value, .v4, into: &writer)
        case .internalIP6DNS(let value), .internalIP6DHCP(let value), .pcscfIP6Address(let value):
            write(value, .v6, into: &writer)
        case .internalIP6Address(let value):
            write(value?.address, .v6, into: &writer)
            if let value { writer.writeUInt8(value.prefixLength) }
        case .internalIP4Subnet(let value):
            write(value?.address, .v4, into: &writer)
            if let value { writer.writeUInt32(~UInt32(truncatingIfNeeded: UInt64(UInt32.max) >> value.length)) }
        case .internalIP6Subnet(let value), .internalIP6Prefix(let value):
            write(value?.address, .v6, into: &writer)
            if let value { writer.writeUInt8(UInt8(value.length)) }
        case .internalIP6Link(let interfaceID, let linkID):
            writer.writeUInt64(interfaceID)
            writer.writeBytes(linkID)
        case .supportedAttributes(let types):
            for type in types { writer.writeUInt16(type.rawValue) }
        case .livenessTimeout(let seconds):
            if let seconds { writer.writeUInt32(seconds) }
        case .internalDNSDomain(let name):
            writer.writeBytes((name ?? "").utf8)
        case .internalDNSSECTrustAnchor(let anchor):
            guard let anchor else { return }
            writer.writeUInt16(anchor.keyTag)
            writer.writeUInt8(anchor.algorithm)
            writer.writeUInt8(anchor.digestType)
            writer.writeBytes(anchor.digest)
        case .applicationVersion(let bytes), .other(_, let bytes):
            writer.writeBytes(bytes)
        }
    }

    private func write(_ address: IPAddress?, _ family: IPAddress.Family, into writer: inout WireWriter) {
        guard let address else { return }
        precondition(address.family == family, "\(type) holds an address of the other family")
        writer.writeBytes(address.bytes)
    }
}
