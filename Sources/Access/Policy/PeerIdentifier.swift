public import IPsecTypes

/// An IKE identity as policy names it, with its type: an ID matches only an entry of its own type (threat A11).
public enum PeerIdentifier: Hashable, Sendable, Codable {
    /// ID_FQDN, in small letters.
    case fqdn(String)
    /// ID_RFC822_ADDR, the domain in small letters.
    case email(String)
    /// ID_IPV4_ADDR or ID_IPV6_ADDR.
    case address(IPAddress)
    /// ID_DER_ASN1_DN in the text form of RFC 4514.
    case distinguishedName(String)
    /// ID_KEY_ID.
    case keyID([UInt8])

    /// The words in front of the colon.
    public static let kinds = ["fqdn", "email", "address", "dn", "keyid"]

    /// Reads "fqdn:branch.example.com", "email:…", "address:…", "dn:…", "keyid:<hex>"; nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let value = String(text[text.index(after: colon)...])
        switch text[..<colon] {
        case "fqdn": self.init(fqdn: value)
        case "email": self.init(email: value)
        case "address":
            guard let address = IPAddress(value) else { return nil }
            self = .address(address)
        case "dn":
            guard (1...1024).contains(value.utf8.count), value.printable == value, value.contains("=") else {
                return nil
            }
            self = .distinguishedName(value)
        case "keyid":
            guard value.utf8.count <= 512, let bytes = Hex.decode(value.utf8), !bytes.isEmpty else { return nil }
            self = .keyID(bytes)
        default: return nil
        }
    }

    /// A DNS name: ASCII letters are folded, a trailing dot and text that is an address are refused.
    public init?(fqdn: String) {
        guard fqdn.isHostname else { return nil }
        self = .fqdn(fqdn.lowercased())
    }

    /// A mailbox: letters of the domain are folded, those of the local part are not (RFC 5321 §2.4).
    public init?(email: String) {
        let parts = email.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count), String(parts[1]).isHostname,
            parts[0].utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        self = .email("\(parts[0])@\(parts[1].lowercased())")
    }

    /// The word for the type: "fqdn".
    public var kind: String {
        switch self {
        case .fqdn: "fqdn"
        case .email: "email"
        case .address: "address"
        case .distinguishedName: "dn"
        case .keyID: "keyid"
        }
    }

    /// The value without its type.
    public var value: String {
        switch self {
        case .fqdn(let name): name
        case .email(let mailbox): mailbox
        case .address(let address): address.description
        case .distinguishedName(let name): name
        case .keyID(let bytes): Hex.encode(bytes)
        }
    }
}

extension PeerIdentifier: CustomStringConvertible {
    /// "fqdn:branch.example.com", whatever could steer a terminal escaped.
    public var description: String { "\(kind):\(value.printable)" }
}

extension ConfigForm where Value == PeerIdentifier {
    /// An identity with its type in front.
    static var identity: ConfigForm {
        ConfigForm(
            expected: "an identity with its type, such as fqdn:branch.example.com",
            read: { node, diagnostics in
                if let text = node.text, let identity = PeerIdentifier(text) { return identity }
                let kind = node.text.flatMap { $0.firstIndex(of: ":").map { $0 } }.flatMap { end in
                    node.text.map { String($0[..<end]) }
                }
                diagnostics.report(
                    node.text == nil ? .wrongKind : .invalidValue,
                    at: node.place,
                    "expected an identity with its type, such as fqdn:branch.example.com, not \(node.kindName)",
                    nearest: kind.flatMap { NearestName.find($0, in: PeerIdentifier.kinds) },
                    hint: "types: " + PeerIdentifier.kinds.joined(separator: ", ")
                )
                return nil
            },
            show: { $0.description.yamlQuoted }
        )
    }
}
