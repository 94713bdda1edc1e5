import IPsecTypes

/// Who asks: an authenticated identity with its attributes.
public struct PolicySubject: Hashable, Sendable {
    /// How the identity was proved.
    public enum Authentication: Hashable, Sendable {
        /// By a certificate. `issuer` is the SHA-256 of the issuing CA's public key (SPKI) in hexadecimal, `isOwn`
        /// whether that CA is ours.
        case certificate(issuer: String, isOwn: Bool)
        /// By the pre-shared key of the peer entry of this name.
        case presharedKey(peer: String)
        /// By EAP alone; ``PolicySubject/eap`` says whom.
        case eap
    }

    /// Attributes that Culvert itself sets; claims of the same name do not count.
    public static let builtInAttributes = [
        "name", "identity", "identity_type", "spiffe", "tenant", "groups", "authentication",
    ]

    /// The IKE identity.
    public var identity: PeerIdentifier
    /// How it was proved.
    public var authentication: Authentication
    /// Whom EAP authenticated, alone or in the last of several rounds.
    public var eap: EAPUser?
    /// The name the certificate was issued to: "runner1".
    public var name: String?
    /// The SPIFFE URI of the certificate.
    public var spiffe: String?
    /// The tenant of the issuing CA.
    public var tenant: String
    /// Groups of a directory.
    public var groups: [String]
    /// Claims of the certificate, from the issuing CA of the tenant.
    public var claims: [String: [String]]

    /// Makes a subject.
    public init(
        identity: PeerIdentifier,
        authentication: Authentication,
        name: String? = nil,
        spiffe: String? = nil,
        tenant: String = "default",
        groups: [String] = [],
        claims: [String: [String]] = [:],
        eap: EAPUser? = nil
    ) {
        self.identity = identity
        self.authentication = authentication
        self.name = name
        self.spiffe = spiffe
        self.tenant = tenant
        self.groups = groups
        self.claims = claims
        self.eap = eap
    }

    /// The values of an attribute or claim; empty when the identity has none.
    public func values(of attribute: String) -> [String] {
        switch attribute {
        case "name": name.map { [$0] } ?? []
        case "identity": [identity.value]
        case "identity_type": [identity.kind]
        case "spiffe": spiffe.map { [$0] } ?? []
        case "tenant": [tenant]
        case "groups": groups
        case "authentication":
            switch authentication {
            case .certificate: ["certificate"]
            case .presharedKey: ["psk"]
            case .eap: ["eap"]
            }
        default: claims[attribute] ?? []
        }
    }
}
