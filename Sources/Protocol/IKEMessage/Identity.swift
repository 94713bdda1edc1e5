import IPsecTypes

/// Why an identity from the wire was refused; the peer sees AUTHENTICATION_FAILED for all of them.
public enum IdentityError: Error, Hashable, Sendable {
    /// The type is 0, which RFC 7296 §3.5 reserves.
    case reservedType
    /// The data has another length than the type demands, or is longer than accepted.
    case badLength
    /// A name holds an octet that is not allowed in it (NUL, control characters, blanks, non-ASCII).
    case badCharacter
    /// A name or DER structure is malformed.
    case badStructure
}

/// An identity that has been checked for its type (RFC 7296 §3.5, RFC 4945 §3.1).
///
/// Domain names, and the domain of a mail address, compare without regard to case (RFC 4945 §3.1.2); everything else
/// compares octet by octet. An identity of one type never equals one of another.
public enum Identity: Sendable {
    /// ID_IPV4_ADDR or ID_IPV6_ADDR.
    case address(IPAddress)
    /// ID_FQDN.
    case fqdn(String)
    /// ID_RFC822_ADDR.
    case rfc822(String)
    /// ID_DER_ASN1_DN: the DER of a Name that is not empty.
    case distinguishedName([UInt8])
    /// ID_DER_ASN1_GN: the DER of a GeneralName.
    case generalName([UInt8])
    /// ID_KEY_ID.
    case keyID([UInt8])
    /// ID_NULL (RFC 7619).
    case null
    /// A type that is not known here.
    case other(IdentificationType, [UInt8])

    /// The longest DER name or opaque identity that is accepted: a generous distinguished name, and short enough to log.
    public static let maximumLength = 1024
    private static let maximumMailbox = 64

    /// Checks an identity from the wire.
    public init(_ payload: IdentificationPayload) throws(IdentityError) {
        let data = payload.data
        switch payload.type {
        case IdentificationType(rawValue: 0): throw .reservedType
        case .ipv4: self = .address(try Self.address(data, length: 4))
        case .ipv6: self = .address(try Self.address(data, length: 16))
        case .fqdn: self = .fqdn(try Self.domain(data))
        case .rfc822: self = .rfc822(try Self.mailAddress(data))
        case .derDN:
            guard data.count <= Self.maximumLength else { throw .badLength }
            guard let name = DistinguishedName(der: data), !name.isEmpty else { throw .badStructure }
            self = .distinguishedName(data)
        case .derGN:
            guard data.count <= Self.maximumLength else { throw .badLength }
            guard DistinguishedName.isGeneralName(der: data) else { throw .badStructure }
            self = .generalName(data)
        case .null:
            // RFC 7619 §2.2: the data MUST NOT be present.
            guard data.isEmpty else { throw .badLength }
            self = .null
        default:
            guard !data.isEmpty, data.count <= Self.maximumLength else { throw .badLength }
            self = payload.type == .keyID ? .keyID(data) : .other(payload.type, data)
        }
    }

    /// Reads an identity from configuration: an address, a name, "user@domain", "keyid:text" or "keyid:#hex",
    /// "dn:#hex" for the DER of a Name; nil when it is none of these.
    public init?(configuration text: String) {
        let payload: IdentificationPayload
        if let address = IPAddress(text) {
            payload = IdentificationPayload(type: address.family == .v4 ? .ipv4 : .ipv6, data: address.bytes)
        } else if let rest = text.droppingPrefix("keyid:") {
            guard let data = rest.hasPrefix("#") ? Hex.decode(rest.dropFirst().utf8) : Array(rest.utf8) else {
                return nil
            }
            payload = IdentificationPayload(type: .keyID, data: data)
        } else if let rest = text.droppingPrefix("dn:#") {
            guard let data = Hex.decode(rest.utf8) else { return nil }
            payload = IdentificationPayload(type: .derDN, data: data)
        } else {
            payload = IdentificationPayload(type: text.utf8.contains(at) ? .rfc822 : .fqdn, data: Array(text.utf8))
        }
        guard let identity = try? Identity(payload) else { return nil }
        self = identity
    }

    /// The payload that carries this identity.
    public var payload: IdentificationPayload {
        switch self {
        case .address(let address):
            IdentificationPayload(type: address.family == .v4 ? .ipv4 : .ipv6, data: address.bytes)
        case .fqdn(let name): IdentificationPayload(type: .fqdn, data: Array(name.utf8))
        case .rfc822(let name): IdentificationPayload(type: .rfc822, data: Array(name.utf8))
        case .distinguishedName(let der): IdentificationPayload(type: .derDN, data: der)
        case .generalName(let der): IdentificationPayload(type: .derGN, data: der)
        case .keyID(let data): IdentificationPayload(type: .keyID, data: data)
        case .null: IdentificationPayload(type: .null, data: [])
        case .other(let type, let data): IdentificationPayload(type: type, data: data)
        }
    }

    private static func address(_ data: [UInt8], length: Int) throws(IdentityError) -> IPAddress {
        guard data.count == length, let address = IPAddress(bytes: data) else { throw .badLength }
        return address
    }

    private static func domain(_ data: some BidirectionalCollection<UInt8>) throws(IdentityError) -> String {
        guard (1...DomainName.maximumLength).contains(data.count) else { throw .badLength }
        guard data.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .badCharacter }
        guard DomainName.isValid(data) else { throw .badStructure }
        return String(decoding: data, as: UTF8.self)
    }

    private static func mailAddress(_ data: [UInt8]) throws(IdentityError) -> String {
        guard (3...DomainName.maximumLength).contains(data.count) else { throw .badLength }
        guard data.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .badCharacter }
        guard let split = data.lastIndex(of: at), case let local = data.prefix(upTo: split),
            (1...maximumMailbox).contains(local.count), !local.contains(at)
        else { throw .badStructure }
        _ = try domain(data.suffix(from: split).dropFirst())
        return String(decoding: data, as: UTF8.self)
    }
}

private let at = UInt8(ascii: "@")

extension String {
    fileprivate func droppingPrefix(_ prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}

extension Identity: Hashable {
    /// Compares as RFC 4945 §3.1 says; see the type.
    public static func == (left: Identity, right: Identity) -> Bool { left.comparable == right.comparable }

    /// Hashes what `==` compares.
    public func hash(into hasher: inout Hasher) { hasher.combine(comparable) }

    private var comparable: IdentificationPayload {
        switch self {
        case .fqdn(let name): IdentificationPayload(type: .fqdn, data: Array(name.lowercased().utf8))
        case .rfc822(let name):
            IdentificationPayload(
                type: .rfc822,
                data: name.utf8.split(separator: at, omittingEmptySubsequences: false).enumerated().flatMap { part in
                    part.offset == 0
                        ? Array(part.element) + [at] : Array(String(part.element)?.lowercased().utf8 ?? "".utf8)
                }
            )
        default: payload
        }
    }
}

extension Identity: CustomStringConvertible {
    /// A printable form without control characters, whatever the peer sent; it is for people, not for comparison.
    public var description: String {
        switch self {
        case .address(let address): address.description
        case .fqdn(let name), .rfc822(let name): escaped(name.utf8)
        case .distinguishedName(let der): DistinguishedName(der: der)?.description ?? "dn:#" + Hex.encode(der)
        case .generalName(let der): "gn:#" + Hex.encode(der)
        case .keyID(let data): "keyid:" + escaped(data)
        case .null: "null"
        case .other(let type, let data): "\(type):#" + Hex.encode(data)
        }
    }
}

extension Identity: Codable {
    private enum CodingKeys: String, CodingKey {
        case type
        case data
    }

    /// Reads type and data and checks them as if they came from the wire.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(IdentificationType.self, forKey: .type)
        try self.init(IdentificationPayload(type: type, data: try container.decode([UInt8].self, forKey: .data)))
    }

    /// Writes type and data.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(payload.type, forKey: .type)
        try container.encode(payload.data, forKey: .data)
    }
}

/// Printable ASCII as it is, everything else and the backslash as \xNN.
func escaped(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { octet in
        (0x20...0x7E).contains(octet) && octet != UInt8(ascii: "\\")
            ? String(UnicodeScalar(octet)) : "\\x" + paddedHex(UInt64(octet), digits: 2)
    }.joined()
}
