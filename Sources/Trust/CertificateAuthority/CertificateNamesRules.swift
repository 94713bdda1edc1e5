import IPsecTypes
import PKI

/// A SPIFFE name: `spiffe://trust-domain/path`.
public struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
    /// The whole name.
    public let description: String

    /// Makes a name; nil unless the trust domain is a lower-case host name and the path is made of `/`-separated
    /// segments of letters, digits, `.`, `-` and `_`, none of them `.` or `..`.
    public init?(trustDomain: String, path: String) {
        guard TrustDomain.isValid(trustDomain) else { return nil }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        let isPlain = segments.allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                    default: false
                    }
                }
        }
        guard isPlain, !segments.isEmpty else { return nil }
        let text = "spiffe://\(trustDomain)/\(path)"
        // Far below SPIFFE's 2048: the leaf has to fit in 4 KiB.
        guard text.utf8.count <= 512 else { return nil }
        description = text
    }
}

/// The name of an authority's realm: a host name in lower case.
public enum TrustDomain {
    /// Whether the text can be a trust domain whose `<ulid>.jobs.<trust-domain>` is still a host name.
    public static func isValid(_ text: String) -> Bool {
        text.utf8.count <= 200 && IdentityBinding.canonicalHostName(text) == text
    }

    /// The host name of a job or agent, its ID_FQDN.
    public static func jobName(_ id: ULID, in trustDomain: String) -> String {
        "\(id).jobs.\(trustDomain)"
    }
}
