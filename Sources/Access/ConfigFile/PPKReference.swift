public import IPsecTypes

/// A post-quantum pre-shared key as configuration names it (RFC 8784): `ppk_id`, `ppk_type`, `ppk_file` and
/// `ppk_required`.
public struct PPKReference: Hashable, Sendable {
    /// The name that both peers know the key by.
    public var id: String
    /// Whether the name goes out as PPK_ID_OPAQUE instead of PPK_ID_FIXED (RFC 8784 section 5.1).
    public var isOpaque: Bool
    /// The file of mode 0600 that holds it.
    public var path: String
    /// Whether there is no tunnel without it.
    public var isRequired: Bool

    /// Makes a reference.
    public init(id: String, isOpaque: Bool = false, path: String, isRequired: Bool = true) {
        self.id = id
        self.isOpaque = isOpaque
        self.path = path
        self.isRequired = isRequired
    }

    /// The keys that a connection or peer may have.
    static let keys = ["ppk_id", "ppk_type", "ppk_file", "ppk_required"]

    /// Reads the keys of a map; nil when there is none, or when they do not make a whole.
    public init?(_ map: ConfigMap, directory: String) {
        let id = map.value("ppk_id", .text("the name of a post-quantum pre-shared key", length: 1...255))
        let isOpaque = map.value("ppk_type", .choice([("fixed", false), ("opaque", true)])) ?? false
        let path = map.value("ppk_file", .path(relativeTo: directory))
        let isRequired = map.value("ppk_required", .boolean) ?? true
        guard let id, let path else {
            if Self.keys.contains(where: { map.node($0) != nil }) {
                map.diagnostics.report(.missingKey, at: map.place, "ppk_id and ppk_file go together")
            }
            return nil
        }
        self.init(id: id, isOpaque: isOpaque, path: path, isRequired: isRequired)
    }
}
