public import IPsecTypes

/// users.yaml: whom the gateway's own EAP server knows.
public struct EAPUserList: Sendable {
    /// One user.
    public struct User: Sendable {
        /// The secret.
        public enum Secret: Sendable {
            /// The password, UTF-8.
            case password(SecretBytes)
            /// MD4 of the password in UTF-16, 16 octets: enough for MSCHAPv2, and as good as the password to a thief.
            case ntHash(SecretBytes)
        }

        /// The name, as EAP says it.
        public var name: String
        /// The secret; nil for users who have a certificate only.
        public var secret: Secret?
        /// Groups that `eap_group` of a policy's `peers:` means.
        public var groups: [String]
    }

    /// The users by name.
    public private(set) var users: [String: User] = [:]

    /// Nobody.
    public init() {}

    /// Users a file may have; more belong into a directory behind RADIUS.
    static let limit = 10_000

    /// Reads users.yaml. Throws every problem it finds; messages hold no secret.
    public static func decode(_ bytes: [UInt8], file: String) throws(ConfigProblems) -> EAPUserList {
        let node = try ConfigDocument.parse(bytes, file: file)
        let diagnostics = ConfigDiagnostics()
        var result = EAPUserList()
        if let map = ConfigMap(node, diagnostics, subject: "the users' file") {
            if let version = map.required("version", .integer(1...1_000_000)), version != 1 {
                diagnostics.report(
                    .unsupportedVersion,
                    at: map.place(of: "version"),
                    "version \(version) of the users' file is not supported; this is 1"
                )
            }
            let nodes = map.list("users", subject: "users")
            if nodes.count > limit {
                diagnostics.report(.outOfRange, at: map.place(of: "users"), "more than \(limit) users")
            }
            for node in nodes.prefix(limit) { result.read(node, diagnostics) }
            map.finish()
        }
        try diagnostics.throwProblems()
        return result
    }

    private mutating func read(_ node: ConfigNode, _ diagnostics: ConfigDiagnostics) {
        guard let map = ConfigMap(node, diagnostics, subject: "a user") else { return }
        let name = map.required("name", .text("the name of a user", length: 1...253))
        let password = map.value("password", .secretText)
        let hash = map.value("nt_hash", .ntHash)
        let groups = map.value("groups", .list(of: .name("the name of a group"), count: 0...64)) ?? []
        map.finish()
        if map.node("password") != nil, map.node("nt_hash") != nil {
            diagnostics.report(.invalidValue, at: map.place, "a user has password or nt_hash, not both")
        }
        guard let name else { return }
        guard users[name] == nil else {
            return diagnostics.report(.duplicateName, at: map.place, "two users are named \"\(name.printable)\"")
        }
        let secret = password.map { User.Secret.password($0) } ?? hash.map { .ntHash($0) }
        users[name] = User(name: name, secret: secret, groups: groups)
    }
}

extension ConfigForm where Value == SecretBytes {
    /// A password. Neither it nor a broken one is ever shown.
    fileprivate static var secretText: ConfigForm {
        secret("a password of 1 to 512 octets, in quotes where YAML would take it for something else") { text in
            (1...512).contains(text.utf8.count) ? Array(text.utf8) : nil
        }
    }

    /// 32 hexadecimal digits.
    fileprivate static var ntHash: ConfigForm {
        secret("an NT hash of 32 hexadecimal digits") { text in
            Hex.decode(text.utf8).flatMap { $0.count == 16 ? $0 : nil }
        }
    }

    private static func secret(_ expected: String, _ parse: @escaping @Sendable (String) -> [UInt8]?) -> ConfigForm {
        ConfigForm(
            expected: expected,
            read: { node, diagnostics in
                guard let text = node.text, let bytes = parse(text) else {
                    diagnostics.report(.invalidValue, at: node.place, "expected \(expected)")
                    return nil
                }
                return SecretBytes(bytes)
            },
            show: { _ in "***" }
        )
    }
}
