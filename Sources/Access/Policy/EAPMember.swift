import IPsecTypes

/// Whom an EAP method must have authenticated for a `peers:` entry to be meant: a user, a member of a group, or both.
public struct EAPMember: Hashable, Sendable {
    /// The name that the method proved; nil for any.
    public var user: String?
    /// The group that the users' file or the RADIUS server puts the user into; nil for any.
    public var group: String?

    /// Makes a member.
    public init(user: String? = nil, group: String? = nil) {
        self.user = user
        self.group = group
    }

    /// Whether this user is meant. Nobody is, without a name or a group.
    public func fits(_ user: EAPUser?) -> Bool {
        guard let user, self.user != nil || group != nil else { return false }
        return (self.user ?? user.name) == user.name && (group.map(user.groups.contains) ?? true)
    }

    init?(_ map: ConfigMap) {
        user = map.value("eap_user", .text("the name of a user", length: 1...253))
        group = map.value("eap_group", .name("the name of a group"))
        guard user != nil || group != nil else { return nil }
    }
}

/// A user whom an EAP method has authenticated.
public struct EAPUser: Hashable, Sendable {
    /// The name that was proved.
    public var name: String
    /// The groups.
    public var groups: [String]

    /// Makes a user.
    public init(name: String, groups: [String] = []) {
        self.name = name
        self.groups = groups
    }
}
