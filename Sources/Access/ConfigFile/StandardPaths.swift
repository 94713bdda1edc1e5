/// Where files are kept unless a configuration says otherwise.
public struct StandardPaths: Hashable, Sendable {
    /// What a user edits: /etc/culvert.
    public var configuration: String
    /// What Culvert writes and keeps: /var/lib/culvert.
    public var state: String
    /// Sockets: /run/culvert.
    public var run: String

    /// Makes a set of paths.
    public init(configuration: String, state: String, run: String) {
        self.configuration = configuration
        self.state = state
        self.run = run
    }

    /// The paths of a system service.
    public static let system = StandardPaths(
        configuration: "/etc/culvert",
        state: "/var/lib/culvert",
        run: "/run/culvert"
    )

    /// The paths of a user without root: the XDG directories where the environment names them, else their defaults.
    public static func user(
        home: String,
        configurationHome: String? = nil,
        stateHome: String? = nil,
        runtimeDirectory: String? = nil
    ) -> StandardPaths {
        StandardPaths(
            configuration: (configurationHome ?? "\(home)/.config") + "/culvert",
            state: (stateHome ?? "\(home)/.local/state") + "/culvert",
            run: runtimeDirectory.map { $0 + "/culvert" } ?? "\(stateHome ?? "\(home)/.local/state")/culvert/run"
        )
    }
}
