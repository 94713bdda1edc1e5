// swift-tools-version: 6.2
// The floor plan of the house. Each room lists only rooms on lower floors; ArchitectureTests checks it.
import PackageDescription

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// One room: its name, the wing (folder) it stands in and what it imports.
func room(_ name: String, _ wing: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(wing)/\(name)", swiftSettings: house)
}

/// A C shim: a call or two, lengths checked by its Swift caller.
func shim(_ name: String, _ linker: [LinkerSetting] = []) -> Target {
    .target(
        name: name,
        path: "Sources/Ground/\(name)",
        cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2"])],
        linkerSettings: linker
    )
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: "Sources/Product/\(name)",
        swiftSettings: house
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: house)
}

let floor1: [Target.Dependency] = ["IPsecTypes"]
let control: [Target.Dependency] = [
    "IPsecTypes", "LegacyDigests", "IKEMessage", "IKECrypto", "IKEv2", "Policy", "Sessions", "AuditLog",
]
let daemon: [Target.Dependency] =
    control
    + [
        "CLinux", "RADIUS", "AdminAPI", "ConfigFile", "PKI", "PacketIO", "Netlink", "Store", "Dataplane", "EAP", "Web",
        "Runtime", logging,
    ]

var targets: [Target] = [
    // Floor 1
    room("IPsecTypes", "Ground"),
    room("LegacyDigests", "Ground", floor1 + ["CLibcrypto", crypto]),
    shim("CLinux"),
    shim("CLibcrypto", [.linkedLibrary("crypto")]),
    shim("CLibssl", [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    // Floor 2
    room("IKEMessage", "Protocol", floor1),
    room("IKECrypto", "Protocol", floor1 + ["CLibcrypto", crypto, cryptoExtras, asn1]),
    room("ESP", "Protocol", floor1 + ["CLibcrypto"]),
    room("EAP", "Protocol", floor1 + ["LegacyDigests"]),
    room("RADIUS", "Protocol", floor1 + ["LegacyDigests"]),
    room("PKI", "Trust", floor1 + [crypto, cryptoExtras, x509, asn1]),
    room("Policy", "Access", floor1),
    room("AuditLog", "Access", floor1),
    room("AdminAPI", "Access", floor1),
    room("ConfigFile", "Access", floor1 + [yams]),
    // Floor 3
    room("IKEv2", "Protocol", floor1 + ["LegacyDigests", "IKEMessage", "IKECrypto"]),
    room("CertificateAuthority", "Trust", floor1 + ["PKI", crypto, x509, asn1]),
    // Floor 4
    room("Sessions", "Access", floor1 + ["Policy", "AuditLog"]),
    // Floor 5
    room("PacketIO", "System", floor1 + ["CLinux"]),
    room("Netlink", "System", floor1 + ["CLinux"]),
    room("Store", "System", floor1 + [grdb]),
    room("Web", "System", floor1 + ["CLibssl", "EAP"]),
    // Floor 6
    room("Dataplane", "System", floor1 + ["CLinux", "ESP", "Policy", "PacketIO", "Netlink"]),
    // Floor 7
    room(
        "Runtime",
        "Product",
        control + [
            "CLinux", "ESP", "EAP", "RADIUS", "AdminAPI", "ConfigFile", "PKI", "PacketIO", "Netlink", "Store", "Dataplane",
            "Web", crypto,
            logging,
        ]
    ),
    // Floor 8
    room("Simulation", "Product", control + ["ESP", "CLibcrypto"]),
    room(
        "Gateway",
        "Product",
        control + [
            "CLinux", "ESP", "RADIUS", "PKI", "AdminAPI", "ConfigFile", "CertificateAuthority", "PacketIO", "Netlink",
            "Store", "Dataplane", "EAP", "Web", "Runtime", logging,
        ]
    ),
    room(
        "Agent",
        "Product",
        control + [
            "CLinux", "ESP", "PKI", "AdminAPI", "ConfigFile", "PacketIO", "Netlink", "Store", "Dataplane", "EAP", "Web",
            "Runtime", logging,
        ]
    ),
    // Floor 9
    tool(
        "culvert",
        control + [
            "CLinux", "RADIUS", "PKI", "AdminAPI", "ConfigFile", "CertificateAuthority", "PacketIO", "Netlink", "Store",
            "Runtime", "Gateway", "Agent", arguments, crypto, logging,
        ]
    ),
    tool(
        "culvert-load",
        control + ["CLinux", "PKI", "CertificateAuthority", "PacketIO", "Dataplane", "Runtime", arguments]
    ),
    // Tests, one folder a target
    tests("IPsecTypesTests", floor1),
    tests("LegacyDigestsTests", floor1 + ["LegacyDigests"]),
    tests("IKEMessageTests", floor1 + ["IKEMessage"]),
    tests("IKECryptoTests", floor1 + ["IKECrypto", "CLibcrypto", crypto, asn1]),
    tests("ESPTests", floor1 + ["CLibcrypto", "ESP"]),
    .target(
        name: "EAPDoubles",
        dependencies: floor1 + ["EAP"],
        path: "Tests/Support/EAPDoubles",
        swiftSettings: house
    ),
    tests("EAPTests", floor1 + ["EAP", "EAPDoubles"]),
    tests("RADIUSTests", floor1 + ["LegacyDigests", "RADIUS"]),
    tests("PKITests", floor1 + ["PKI", crypto, x509, asn1]),
    tests("PolicyTests", floor1 + ["Policy", "ConfigFile"]),
    tests("AuditLogTests", floor1 + ["AuditLog"]),
    tests("AdminAPITests", floor1 + ["AdminAPI"]),
    tests("ConfigFileTests", floor1 + ["ConfigFile"]),
    .target(
        name: "CryptoDoubles",
        dependencies: floor1 + ["IKECrypto"],
        path: "Tests/Support/CryptoDoubles",
        swiftSettings: house
    ),
    tests("IKEv2Tests", floor1 + ["IKEMessage", "IKECrypto", "IKEv2", "CryptoDoubles"]),
    tests("CertificateAuthorityTests", floor1 + ["PKI", "CertificateAuthority", "Store", crypto, x509, asn1]),
    tests("SessionsTests", floor1 + ["Policy", "AuditLog", "Sessions"]),
    tests("PacketIOTests", floor1 + ["CLinux", "PacketIO"]),
    tests("NetlinkTests", floor1 + ["CLinux", "Netlink"]),
    tests("StoreTests", floor1 + ["Store"]),
    tests("WebTests", floor1 + ["EAP", "EAPDoubles", "RADIUS", "Web", crypto, x509, asn1]),
    .target(name: "CMallocCount", path: "Tests/Support/CMallocCount"),
    tests(
        "DataplaneTests",
        floor1 + ["CLinux", "ESP", "Policy", "PacketIO", "Netlink", "Dataplane", "CMallocCount"]
    ),
    .target(
        name: "RuntimeDoubles",
        dependencies: daemon + ["CertificateAuthority", "CryptoDoubles"],
        path: "Tests/Support/RuntimeDoubles",
        swiftSettings: house
    ),
    tests("RuntimeTests", daemon + ["ESP", "EAPDoubles", "RuntimeDoubles", crypto]),
    tests(
        "GatewayTests",
        daemon + ["CertificateAuthority", "Gateway", "RuntimeDoubles", "CryptoDoubles", crypto, x509, asn1]
    ),
    tests("AgentTests", daemon + ["CertificateAuthority", "Agent", "RuntimeDoubles"]),
    tests(
        "CLITests",
        floor1 + [
            "Policy", "AdminAPI", "ConfigFile", "PKI", "CertificateAuthority", "culvert", arguments,
        ]
    ),
    tests("SimulationTests", control + ["ESP", "Simulation"]),
    tests("ArchitectureTests", floor1 + ["ConfigFile"]),
]

// CULVERT_ONLY=Room,RoomTests builds those targets and what they import, and nothing else: for work on one room.
if let only = Context.environment["CULVERT_ONLY"]?.split(separator: ",").map(String.init) {
    var wanted = Set(only)
    var grew = true
    while grew {
        grew = false
        for target in targets where wanted.contains(target.name) {
            for case .byNameItem(let name, _) in target.dependencies where wanted.insert(name).inserted { grew = true }
        }
    }
    targets = targets.filter { wanted.contains($0.name) }
}

let package = Package(
    name: "culvert",
    products: [],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: targets
)
