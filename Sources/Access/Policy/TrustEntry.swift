public import IPsecTypes

/// An issuer of tokens that is trusted, and what its tokens must say. Enrolment reads it.
public struct TrustEntry: Hashable, Sendable {
    /// The issuer's URL.
    public var issuer: String
    /// Where it stands.
    public var place: SourcePlace
    /// The audience that tokens must name.
    public var audience: String
    /// Claims that tokens must have, with one of the values.
    public var require: [String: [String]]
    /// Claims of this issuer that are not among the known ones.
    public var claims: [String]
    /// Keys that one token may enrol.
    public var maxKeys: Int

    let requirePlaces: [(claim: String, place: SourcePlace)]

    init?(_ node: ConfigNode, _ diagnostics: ConfigDiagnostics) {
        guard let map = ConfigMap(node, diagnostics, subject: "a trust entry") else { return nil }
        let issuer = map.required("issuer", .issuer)
        let audience = map.required("audience", .text("an audience", length: 1...512))
        let claims = map.value("claims", .list(of: .name("a claim's name"), count: 1...64))
        let maxKeys = map.value("max_keys", .integer(1...64, "keys"))
        var require: [String: [String]] = [:]
        var places: [(String, SourcePlace)] = []
        if map.node("require") == nil {
            diagnostics.report(
                .missingKey,
                at: map.place,
                "a trust entry needs require: what its tokens must say",
                hint: "without it every job of every customer of the issuer could enrol"
            )
        } else if let inner = map.map("require", subject: "require") {
            if inner.entries.isEmpty {
                diagnostics.report(.missingKey, at: inner.place, "require: needs at least one claim")
            }
            for entry in inner.entries {
                require[entry.key] = inner.value(entry.key, .list(of: .claimValue, count: 1...64))
                places.append((entry.key, entry.place))
            }
        }
        map.finish()
        guard let issuer, let audience else { return nil }
        self.issuer = issuer
        self.place = node.place
        self.audience = audience
        self.require = require
        self.claims = claims ?? []
        self.maxKeys = maxKeys ?? 8
        self.requirePlaces = places
    }

    /// Whether both say the same.
    public static func == (left: TrustEntry, right: TrustEntry) -> Bool {
        (left.issuer, left.audience, left.maxKeys) == (right.issuer, right.audience, right.maxKeys)
            && left.place == right.place && left.require == right.require && left.claims == right.claims
    }

    /// Hashes the issuer and the place.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(issuer)
        hasher.combine(place)
    }
}

extension ConfigForm where Value == String {
    fileprivate static var issuer: ConfigForm {
        ConfigForm(scalar: "an https URL", show: \.yamlQuoted) { text in
            guard text.hasPrefix("https://"), text.utf8.count <= 512, text.printable == text else { return nil }
            let host = text.dropFirst(8).prefix { $0 != "/" && $0 != ":" }
            return String(host).isHostname && !text.contains(" ") ? text : nil
        }
    }
}
