/// The floors of the house and what each may see. ARCHITECTURE.md draws the same plan for people.
enum FloorPlan {
    static let floors: [[String]] = [
        ["IPsecTypes", "LegacyDigests", "CLinux", "CLibcrypto", "CLibssl", "CUserland"],
        [
            "IKEMessage", "IKECrypto", "ESP", "EAP", "RADIUS", "PKI", "Policy", "AuditLog", "AdminAPI", "ConfigFile",
        ],
        ["IKEv2", "CertificateAuthority", "Enrolment", "Cluster"],
        ["Sessions"],
        ["PacketIO", "Netlink", "Store", "Web", "Resolver", "Sandbox", "Userland", "Etcd"],
        ["Dataplane"],
        ["Runtime"],
        ["Gateway", "Agent", "Simulation"],
        ["culvert", "culvert-load"],
    ]

    static let wings: [String: [String]] = [
        "Ground": ["IPsecTypes", "LegacyDigests", "CLinux", "CLibcrypto", "CLibssl", "CUserland"],
        "Protocol": ["IKEMessage", "IKECrypto", "IKEv2", "ESP", "EAP", "RADIUS"],
        "Trust": ["PKI", "CertificateAuthority", "Enrolment"],
        "Access": ["Policy", "Sessions", "AuditLog", "AdminAPI", "ConfigFile"],
        "System": ["PacketIO", "Netlink", "Dataplane", "Userland", "Resolver", "Sandbox", "Store", "Web"],
        "Cluster": ["Cluster", "Etcd"],
        "Product": ["Runtime", "Gateway", "Agent", "Simulation", "culvert", "culvert-load"],
    ]

    /// The floor of each room, counted from 1 at the ground.
    static let floorOfRoom: [String: Int] = {
        var result: [String: Int] = [:]
        for (index, rooms) in floors.enumerated() {
            for room in rooms { result[room] = index + 1 }
        }
        return result
    }()

    /// Networking frameworks; floors 1 to 4 see none of them.
    static func isNetworkFramework(_ module: String) -> Bool {
        module.hasPrefix("NIO") || module.hasPrefix("HTTP") || module.hasPrefix("Hummingbird")
            || ["AsyncHTTPClient", "_NIOBase64", "FoundationNetworking", "WebSocketKit"].contains(module)
    }

    /// Why `room` may not import `other`, or nil when it may. Both are rooms of the house.
    static func objection(to room: String, importing other: String) -> String? {
        guard let floor = floorOfRoom[room] else { return "\(room) stands on no floor: add it to FloorPlan" }
        guard let target = floorOfRoom[other] else { return nil }
        if room == other { return nil }
        // The ground has one step: old digests speak of addresses and SPIs, and call libcrypto.
        if room == "LegacyDigests", floor == target { return nil }
        if target == floor {
            return "sideways: \(room) and \(other) share floor \(floor); move what both need to a lower floor"
        }
        if target > floor {
            return
                "upward: \(room) (floor \(floor)) imports \(other) (floor \(target)); invert it with a protocol below"
        }
        if floor == 5 && target > 2 {
            return "\(room) (floor 5) imports \(other) (floor \(target)); floor 5 sees floors 1 and 2 only"
        }
        return nil
    }
}
