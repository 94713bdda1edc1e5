/// The files of the embedded CA, by the names that `culvert init` gives them in `files.ca`.
public struct AuthorityFiles: Hashable, Sendable {
    /// The directory.
    public var directory: String

    /// The files in a directory.
    public init(directory: String) {
        self.directory = directory
    }

    /// The root's certificate, PEM.
    public var rootCertificate: String { "\(directory)/root.crt" }
    /// The root's private key, PEM. Issuing does not need it: it may be taken off line.
    public var rootKey: String { "\(directory)/root.key" }
    /// The issuing authority's certificate, PEM.
    public var issuingCertificate: String { "\(directory)/issuing.crt" }
    /// The issuing authority's private key, PEM.
    public var issuingKey: String { "\(directory)/issuing.key" }
    /// The store of what was issued and revoked, SQLite.
    public var records: String { "\(directory)/ca.sqlite" }
    /// Where agents find the gateway, for the profiles that are issued; YAML.
    public var profileDefaults: String { "\(directory)/profile.yaml" }

    /// Every file but the store's, in the order they are written.
    public var all: [String] {
        [rootCertificate, rootKey, issuingCertificate, issuingKey, profileDefaults]
    }
}
