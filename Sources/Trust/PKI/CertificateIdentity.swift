import IPsecTypes

/// What a peer calls itself in an IKE identification payload, as far as a certificate can prove it.
public enum CertificateIdentity: Hashable, Sendable, CustomStringConvertible {
    /// ID_FQDN: proven by an equal dNSName.
    case fqdn(String)
    /// ID_RFC822_ADDR: proven by an equal rfc822Name.
    case email(String)
    /// ID_IPV4_ADDR and ID_IPV6_ADDR: proven by an equal iPAddress.
    case address(IPAddress)
    /// ID_DER_ASN1_DN: proven by a subject of the same DER bytes.
    case distinguishedName([UInt8])
    /// ID_KEY_ID: no certificate can prove it; always refused.
    case keyID([UInt8])

    /// The type and the escaped value, for operators.
    public var description: String {
        switch self {
        case .fqdn(let name): "FQDN " + printable(name)
        case .email(let address): "email " + printable(address)
        case .address(let address): "IP \(address)"
        case .distinguishedName(let der): "DN " + DistinguishedNameText.text(of: der)
        case .keyID(let bytes): "key ID " + Hex.encode(bytes.prefix(64))
        }
    }
}
