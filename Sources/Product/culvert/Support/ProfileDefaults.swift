import ConfigFile
import IPsecTypes

/// Where agents find the gateway: what profiles are issued with unless `--gateway` says otherwise.
struct ProfileDefaults: Hashable {
    /// A DNS name or an address.
    var gateway: String
    /// The identity to ask for when it differs.
    var gatewayID: String?

    init(gateway: String, gatewayID: String? = nil) {
        self.gateway = gateway
        self.gatewayID = gatewayID == gateway ? nil : gatewayID
    }

    /// An address that the operator gave is used as such: it needs no DNS. Guessed ones may be private, so that the name
    /// is better, unless it is no name for others.
    static func choose(name: String, given: [IPAddress], guessed: [IPAddress]) -> ProfileDefaults {
        if let address = given.first { return ProfileDefaults(gateway: address.description, gatewayID: name) }
        if let address = guessed.first, !name.contains(".") {
            return ProfileDefaults(gateway: address.description, gatewayID: name)
        }
        return ProfileDefaults(gateway: name)
    }

    /// Reads profile.yaml of the CA's directory.
    static func decode(_ bytes: [UInt8], file: String) throws(ConfigProblems) -> ProfileDefaults {
        let node = try ConfigDocument.parse(bytes, file: file)
        let diagnostics = ConfigDiagnostics()
        var result: ProfileDefaults?
        if let map = ConfigMap(node, diagnostics, subject: "the defaults of profiles") {
            let gateway = map.required("gateway", .gatewayName)
            let identity = map.value("gateway_id", .gatewayName)
            map.finish()
            result = gateway.map { ProfileDefaults(gateway: $0, gatewayID: identity) }
        }
        try diagnostics.throwProblems()
        guard let result else {
            throw ConfigProblems([ConfigProblem(.missingKey, at: node.place, "gateway is missing")])
        }
        return result
    }
}
