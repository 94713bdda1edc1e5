import IPsecTypes

/// What a server said of a session, as a ticket carries it over to the session that resumes it (RFC 5723 §5): attributes as
/// RADIUS writes them. The end of the session is not among them, the ticket has its own.
extension RADIUSAuthorization {
    /// The longest form. Who was told more comes back by a full exchange.
    private static let ticketLimit = 1024

    /// The octets; nil when they are too many.
    public func ticketNote(userName: String) -> [UInt8]? {
        var attributes = [RADIUSAttribute(.userName, text: userName)]
        attributes += addresses.map { address in
            RADIUSAttribute(address.family == .v4 ? .framedIPAddress : .framedIPv6Address, address: address)
        }
        attributes += filters.map { RADIUSAttribute(.filterID, text: $0) }
        attributes += classes.map { RADIUSAttribute(.class, $0) }
        if let interimInterval { attributes.append(RADIUSAttribute(.acctInterimInterval, number: interimInterval)) }
        var writer = WireWriter(capacity: 256)
        for attribute in attributes { attribute.write(to: &writer) }
        return writer.count <= Self.ticketLimit ? writer.bytes : nil
    }

    /// Reads what ``ticketNote(userName:)`` wrote; nil when it is nothing of the kind.
    public init?(ticketNote bytes: [UInt8]) {
        guard bytes.count <= Self.ticketLimit, let attributes = try? Self.attributes(bytes.span),
            let read = try? RADIUSAuthorization(attributes), read.userName != nil
        else { return nil }
        self = read
    }

    private static func attributes(_ bytes: Span<UInt8>) throws(ParseError) -> [RADIUSAttribute] {
        var reader = WireReader(count: bytes.count)
        var attributes: [RADIUSAttribute] = []
        while !reader.isAtEnd {
            let type = RADIUSAttributeType(rawValue: try reader.readUInt8(bytes))
            let size = Int(try reader.readUInt8(bytes))
            guard size >= 2 else { throw .badLength }
            attributes.append(RADIUSAttribute(type, try reader.readBytes(bytes, count: size &- 2)))
        }
        return attributes
    }
}
