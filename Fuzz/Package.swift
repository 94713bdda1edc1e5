// swift-tools-version: 6.2
// Coverage-guided fuzzers, one executable a target. See README.md for how to add one.
import PackageDescription

/// Instruments Swift code for libFuzzer's coverage feedback.
let instrumented: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"), .unsafeFlags(["-sanitize=fuzzer"]),
]

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")

/// A room of the house, compiled again with instrumentation; Rooms/NAME is a symbolic link to its folder.
func room(_ name: String, _ dependencies: [Target.Dependency] = [], testable: Bool = false) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Rooms/\(name)",
        swiftSettings: instrumented + (testable ? [.unsafeFlags(["-enable-testing"])] : [])
    )
}

/// A fuzz target: Targets/NAME with a main.swift that calls `fuzz`.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + ["FuzzSupport"],
        path: "Targets/\(name)",
        swiftSettings: instrumented,
        // gold, the default linker, cannot read the debug information of the fuzzer's runtime.
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
    )
}

let package = Package(
    name: "culvert-fuzz",
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
    ],
    targets: [
        .target(name: "FuzzSupport", path: "Support", swiftSettings: [.swiftLanguageMode(.v6)]),
        room("IPsecTypes"),
        room("IKEMessage", ["IPsecTypes"]),
        .target(
            name: "CLibcrypto",
            path: "Rooms/CLibcrypto",
            linkerSettings: [.linkedLibrary("crypto")]
        ),
        room("ESP", ["IPsecTypes", "CLibcrypto"]),
        fuzzer("esp-inner", ["IPsecTypes", "ESP"]),
        fuzzer("esp-datagram", ["IPsecTypes", "ESP"]),
        fuzzer("esp-offload", ["IPsecTypes", "ESP"]),
        room("ConfigFile", ["IPsecTypes", .product(name: "Yams", package: "Yams")]),
        room("Policy", ["IPsecTypes"]),
        room("AuditLog", ["IPsecTypes"]),
        room("AdminAPI", ["IPsecTypes"]),
        .target(name: "CLinux", path: "Rooms/CLinux"),
        // Its decoders are internal; the target looks at them as the tests do.
        room("Netlink", ["IPsecTypes", "CLinux"], testable: true),
        room("LegacyDigests", ["IPsecTypes", "CLibcrypto", .product(name: "Crypto", package: "swift-crypto")]),
        room("RADIUS", ["IPsecTypes", "LegacyDigests"], testable: true),
        fuzzer("radius-packet", ["IPsecTypes", "RADIUS"]),
        room("EAP", ["IPsecTypes", "LegacyDigests"]),
        // Plays both ends and TLS without its randomness.
        room("EAPDoubles", ["IPsecTypes", "EAP"]),
        fuzzer("eap-packet", ["IPsecTypes", "EAP", "EAPDoubles"]),
        fuzzer("eap-mschapv2", ["IPsecTypes", "EAP", "EAPDoubles"]),
        fuzzer("eap-fragments", ["IPsecTypes", "EAP", "EAPDoubles"]),
        fuzzer("eap-attributes", ["IPsecTypes", "EAP", "EAPDoubles"]),
        room("PKI", ["IPsecTypes", crypto, cryptoExtras, x509, asn1]),
        room("CertificateAuthority", ["IPsecTypes", "PKI", crypto, x509, asn1]),
        fuzzer("certificate", ["IPsecTypes", "PKI", "CertificateAuthority"]),
        room("IKECrypto", ["IPsecTypes", "CLibcrypto", crypto, cryptoExtras, asn1], testable: true),
        fuzzer("chain", ["IPsecTypes", "PKI"]),
        room("IKEv2", ["IPsecTypes", "LegacyDigests", "IKEMessage", "IKECrypto"], testable: true),
        fuzzer("ticket", ["IPsecTypes", "IKEv2"]),
        fuzzer("public-key", ["IPsecTypes", "IKECrypto"]),
        fuzzer("cleanup-step", ["IPsecTypes", "Netlink"]),
        fuzzer("ike-message", ["IPsecTypes", "IKEMessage"]),
        fuzzer("ike-decrypted", ["IPsecTypes", "IKEMessage"]),
        fuzzer("config-file", ["IPsecTypes", "ConfigFile"]),
        fuzzer("config-policy", ["IPsecTypes", "ConfigFile", "Policy"]),
        fuzzer("audit-line", ["IPsecTypes", "AuditLog"]),
        fuzzer("admin-request", ["IPsecTypes", "AdminAPI"]),
        fuzzer("netlink-answer", ["IPsecTypes", "Netlink"]),
    ]
)
