public import IPsecTypes

/// What `culvert ca issue --out runner1.culvert` writes and `culvert up --profile` reads: all that an agent needs, in one
/// file of mode 0600.
public struct AgentProfile: Sendable {
    /// The certificate's name, such as "runner1".
    public var name: String
    /// The gateway's DNS name or address.
    public var gateway: String
    /// The gateway's port when it is not 500.
    public var port: Int?
    /// The identity the gateway must prove; nil for `gateway`.
    public var gatewayID: String?
    /// SHA-256 of each root's public key, in hexadecimal.
    public var rootPins: [String]
    /// The certificate and the issuing CA's, in PEM.
    public var certificate: String
    /// The private key, in PEM; wiped with the last copy of the profile.
    public var key: SecretBytes
    /// The roots, in PEM.
    public var authorities: String

    /// Makes a profile.
    public init(
        name: String,
        gateway: String,
        port: Int? = nil,
        gatewayID: String? = nil,
        rootPins: [String] = [],
        certificate: String,
        key: SecretBytes,
        authorities: String
    ) {
        self.name = name
        self.gateway = gateway
        self.port = port
        self.gatewayID = gatewayID
        self.rootPins = rootPins
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
    }

    /// Makes a profile of a key that is still in a string, as whoever just made the key has it.
    public init(
        name: String,
        gateway: String,
        port: Int? = nil,
        gatewayID: String? = nil,
        rootPins: [String] = [],
        certificate: String,
        key: String,
        authorities: String
    ) {
        self.init(
            name: name,
            gateway: gateway,
            port: port,
            gatewayID: gatewayID,
            rootPins: rootPins,
            certificate: certificate,
            key: SecretBytes(key.utf8),
            authorities: authorities
        )
    }

    /// Reads a profile. Messages never show what a PEM block holds.
    public static func decode(_ bytes: [UInt8], file: String) throws(ConfigProblems) -> AgentProfile {
        let node = try ConfigDocument.parse(bytes, file: file)
        let diagnostics = ConfigDiagnostics()
        var result: AgentProfile?
        if let map = ConfigMap(node, diagnostics, subject: "a profile") {
            if let version = map.required("version", .integer(1...1_000_000)), version != 1 {
                diagnostics.report(
                    .unsupportedVersion,
                    at: map.place(of: "version"),
                    "profile version \(version) is not supported"
                )
            }
            let name = map.required("name", .name())
            let gateway = map.required("gateway", .gatewayName)
            let certificate = map.required("certificate", .pem)
            let key = map.required("key", .pem)
            let authorities = map.required("authorities", .pem)
            let port = map.value("port", .integer(1...65_535, "a port"))
            let gatewayID = map.value("gateway_id", .text("an identity", length: 1...253))
            let pins = map.value("ca_sha256", .list(of: .sha256, count: 0...8))
            map.finish()
            if let name, let gateway, let certificate, let key, let authorities {
                result = AgentProfile(
                    name: name,
                    gateway: gateway,
                    port: port,
                    gatewayID: gatewayID,
                    rootPins: pins ?? [],
                    certificate: certificate,
                    key: SecretBytes(key.utf8),
                    authorities: authorities
                )
            }
        }
        try diagnostics.throwProblems()
        guard let result else {
            throw ConfigProblems([ConfigProblem(.badProfile, at: node.place, "the profile is incomplete")])
        }
        return result
    }

    /// The profile as a file, which holds the private key: write it with mode 0600 and let go of it.
    public var text: String {
        var lines = ["# Culvert profile of \(name). It holds a private key: keep it to yourself (mode 0600)."]
        lines += ["version: 1", "name: \(name.yamlQuoted)", "gateway: \(gateway.yamlQuoted)"]
        if let port { lines.append("port: \(port)") }
        if let gatewayID { lines.append("gateway_id: \(gatewayID.yamlQuoted)") }
        if !rootPins.isEmpty { lines.append("ca_sha256: [\(rootPins.map(\.yamlQuoted).joined(separator: ", "))]") }
        let keyText = key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        for (name, pem) in [("certificate", certificate), ("key", keyText), ("authorities", authorities)] {
            lines.append("\(name): |")
            lines += pem.split(separator: "\n").map { "  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The connection that the profile describes.
    public func connection(profilePath: String) -> AgentConnection {
        var connection = AgentConnection(name: name, gateway: gateway, credentials: .profile(path: profilePath))
        connection.port = port
        connection.gatewayID = gatewayID
        connection.rootPins = rootPins
        return connection
    }
}

extension AgentProfile: Equatable {
    /// Keys are compared in constant time.
    public static func == (left: AgentProfile, right: AgentProfile) -> Bool {
        left.name == right.name && left.gateway == right.gateway && left.port == right.port
            && left.gatewayID == right.gatewayID && left.rootPins == right.rootPins
            && left.certificate == right.certificate && left.authorities == right.authorities
            && left.key.isEqual(to: right.key)
    }
}

extension AgentProfile: CustomStringConvertible, CustomReflectable {
    /// Without the key.
    public var description: String { "profile \(name) for \(gateway)" }
    /// Without the key.
    public var customMirror: Mirror { Mirror(self, children: ["name": name, "gateway": gateway]) }
}

extension ConfigForm where Value == String {
    /// PEM blocks; what is in them never shows in a message.
    static var pem: ConfigForm {
        ConfigForm(
            expected: "PEM text",
            read: { node, diagnostics in
                if let text = node.text, text.utf8.count <= 256 << 10, text.hasPrefix("-----BEGIN "),
                    text.contains("-----END ")
                {
                    return text
                }
                diagnostics.report(.badProfile, at: node.place, "expected PEM text, from -----BEGIN to -----END")
                return nil
            },
            show: \.yamlQuoted
        )
    }
}
