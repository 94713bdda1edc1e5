import ConfigFile

/// Where `culvert init` puts what it makes. In the standard directory state and sockets have their standard places; in
/// any other one everything stays inside it, so that it can be copied and removed as a whole.
struct InstallationLayout: Hashable {
    /// What the user edits.
    var directory: String
    /// Whether state and sockets lie elsewhere, where the defaults of gateway.yaml expect them.
    var isStandard: Bool
    /// The embedded CA.
    var authority: AuthorityFiles
    /// What must survive a restart.
    var state: String
    /// The control socket.
    var control: String

    /// A longer path does not fit into a socket's name (108 bytes, unix(7)).
    static let maximumControlPath = 107

    init(directory: String?, paths: StandardPaths) {
        let chosen = directory ?? paths.configuration
        let trimmed = chosen.count > 1 && chosen.hasSuffix("/") ? String(chosen.dropLast()) : chosen
        self.directory = trimmed
        isStandard = trimmed == paths.configuration
        state = isStandard ? paths.state : "\(trimmed)/state"
        authority = AuthorityFiles(directory: isStandard ? "\(paths.state)/ca" : "\(trimmed)/ca")
        control = isStandard ? "\(paths.run)/gateway.sock" : "\(trimmed)/run/gateway.sock"
    }

    var gatewayFile: String { "\(directory)/gateway.yaml" }
    var policyFile: String { "\(directory)/policy.yaml" }
    var certificateFile: String { "\(directory)/gateway.crt" }
    var keyFile: String { "\(directory)/gateway.key" }
    var rootsFile: String { "\(directory)/ca.crt" }

    /// Every file that is written.
    var files: [String] {
        [gatewayFile, policyFile, certificateFile, keyFile, rootsFile] + authority.all
    }

    /// The directories that are made, outer ones first.
    var directories: [String] { [directory, state, authority.directory] }
}
