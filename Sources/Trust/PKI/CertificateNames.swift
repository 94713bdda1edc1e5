import IPsecTypes

/// The subject alternative names of a certificate, by type.
public struct CertificateNames: Hashable, Sendable {
    /// dNSName entries as the certificate spells them.
    public var dns: [String]
    /// iPAddress entries.
    public var addresses: [IPAddress]
    /// rfc822Name entries.
    public var emails: [String]
    /// uniformResourceIdentifier entries, the SPIFFE name among them.
    public var uris: [String]

    /// Makes a set of names.
    public init(dns: [String] = [], addresses: [IPAddress] = [], emails: [String] = [], uris: [String] = []) {
        self.dns = dns
        self.addresses = addresses
        self.emails = emails
        self.uris = uris
    }

    /// Whether there is no name at all.
    public var isEmpty: Bool { dns.isEmpty && addresses.isEmpty && emails.isEmpty && uris.isEmpty }

    /// Every name with its type in front, escaped, for operators: `DNS:vpn.example.com`.
    public var listed: [String] {
        dns.map { "DNS:" + printable($0) } + addresses.map { "IP:\($0)" } + emails.map { "email:" + printable($0) }
            + uris.map { "URI:" + printable($0) }
    }

    /// The one SPIFFE name; nil when there is none or more than one.
    public var spiffeID: String? {
        let found = uris.filter { $0.lowercased().hasPrefix("spiffe://") }
        return found.count == 1 ? found.first : nil
    }
}

/// The text with everything but printable ASCII escaped, cut at 256 characters: safe for terminals and logs.
func printable(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars.prefix(256) {
        if scalar.value >= 0x20, scalar.value < 0x7F, scalar != "\\" {
            output.unicodeScalars.append(scalar)
        } else {
            output += "\\u{" + String(scalar.value, radix: 16) + "}"
        }
    }
    return text.unicodeScalars.count > 256 ? output + "…" : output
}
