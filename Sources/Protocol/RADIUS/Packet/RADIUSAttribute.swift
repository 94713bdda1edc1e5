import IPsecTypes

/// One attribute: type and value (RFC 2865 §5).
///
///      0                   1                   2
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
///     |     Type      |    Length     |  Value ...
///     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
public struct RADIUSAttribute: Hashable, Sendable {
    /// The longest value: Length counts itself and the type in one octet.
    public static let longestValue = 253

    /// The type.
    public var type: RADIUSAttributeType
    /// The value, at most ``longestValue`` octets; what is beyond is cut off when it is written.
    public var value: [UInt8]

    /// Makes an attribute of octets.
    public init(_ type: RADIUSAttributeType, _ value: [UInt8]) {
        self.type = type
        self.value = value
    }

    /// Makes an attribute of text, cut at a character where it is too long.
    public init(_ type: RADIUSAttributeType, text: String) {
        var octets: [UInt8] = []
        for character in text {
            guard octets.count + character.utf8.count <= Self.longestValue else { break }
            octets += Array(character.utf8)
        }
        self.init(type, octets)
    }

    /// Makes an attribute of a number in 4 octets.
    public init(_ type: RADIUSAttributeType, number: UInt32) {
        var writer = WireWriter(capacity: 4)
        writer.writeUInt32(number)
        self.init(type, writer.bytes)
    }

    /// Makes an attribute of an address: 4 or 16 octets.
    public init(_ type: RADIUSAttributeType, address: IPAddress) { self.init(type, address.bytes) }

    func write(to writer: inout WireWriter) {
        let octets = value.prefix(Self.longestValue)
        writer.writeUInt8(type.rawValue)
        writer.writeUInt8(UInt8(octets.count + 2))
        writer.writeBytes(octets)
    }
}

/// A value that does not fit its attribute's type: RFC 2865 §5 wants the packet treated as a Reject, or discarded.
public struct RADIUSValueError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The attribute.
    public var type: RADIUSAttributeType
    /// What is wrong with it.
    public var problem: String
    /// "attribute 27: not a number of 4 octets".
    public var description: String { "\(type): \(problem)" }
}

extension [RADIUSAttribute] {
    /// The value of the first attribute of a type.
    public func first(_ type: RADIUSAttributeType) -> [UInt8]? { first { $0.type == type }?.value }

    /// The values of all attributes of a type, in their order.
    public func all(_ type: RADIUSAttributeType) -> [[UInt8]] { filter { $0.type == type }.map(\.value) }

    /// A number in 4 octets; nil when the attribute is absent.
    public func number(_ type: RADIUSAttributeType) throws(RADIUSValueError) -> UInt32? {
        guard let value = first(type) else { return nil }
        var reader = WireReader(count: value.count)
        do throws(ParseError) {
            let number = try reader.readUInt32(value.span)
            try reader.expectEnd()
            return number
        } catch {
            throw RADIUSValueError(type: type, problem: "not a number of 4 octets")
        }
    }

    /// An address of a family; nil when the attribute is absent.
    public func address(_ type: RADIUSAttributeType, _ family: IPAddress.Family) throws(RADIUSValueError) -> IPAddress?
    {
        guard let value = first(type) else { return nil }
        guard let address = IPAddress(bytes: value), address.family == family else {
            throw RADIUSValueError(type: type, problem: "not an IPv\(family.rawValue) address")
        }
        return address
    }

    /// Text in UTF-8; nil when the attribute is absent.
    public func text(_ type: RADIUSAttributeType) throws(RADIUSValueError) -> String? {
        guard let value = first(type) else { return nil }
        guard let text = String(validating: value, as: UTF8.self), !text.isEmpty else {
            throw RADIUSValueError(type: type, problem: "not text in UTF-8")
        }
        return text
    }

    /// The texts of all attributes of a type, without the tag that a Tunnel attribute may begin with (RFC 2868 §3.6).
    public func texts(_ type: RADIUSAttributeType, tagged: Bool = false) throws(RADIUSValueError) -> [String] {
        var texts: [String] = []
        for value in all(type) {
            let octets = tagged ? [UInt8](value.drop { $0 <= 0x1f }) : value
            guard let text = String(validating: octets, as: UTF8.self), !text.isEmpty else {
                throw RADIUSValueError(type: type, problem: "not text in UTF-8")
            }
            texts.append(text)
        }
        return texts
    }

    /// The EAP packet that is spread over the EAP-Message attributes (RFC 3579 §3.1); nil when there is none.
    public var eapPacket: [UInt8]? {
        let parts = all(.eapMessage)
        return parts.isEmpty ? nil : parts.flatMap { $0 }
    }

    /// Appends an EAP packet in as many EAP-Message attributes as it takes, in order and next to each other
    /// (RFC 3579 §3.1).
    public mutating func append(eapPacket packet: [UInt8]) {
        var rest = packet.prefix(RADIUSPacket.maximumLength)
        repeat {
            append(RADIUSAttribute(.eapMessage, [UInt8](rest.prefix(RADIUSAttribute.longestValue))))
            rest = rest.dropFirst(RADIUSAttribute.longestValue)
        } while !rest.isEmpty
    }
}
