import ConfigFile
import Foundation
import IKECrypto
import IPsecTypes
import RuntimeDoubles
import Testing

@testable import Gateway
@testable import Runtime

/// `eap:`, users.yaml and `radius:` as a start and a reload read them: good ones work, bad ones are told with their place, and
/// a bad file changes nothing.
@Suite struct UserLoadingTests {
    private static let users = """
        version: 1
        users:
          - name: alice
            password: "correct horse battery"
            groups: [staff]
        """
    private static let policy = """
        version: 1
        resources:
          registry: {address: 10.20.0.0/28, ports: [any]}
        peers:
          - {name: people, eap_group: staff, allow: [registry]}
        """

    /// gateway.yaml with `section` at its end, from line 9 on, and what a start makes of it.
    private func load(
        _ section: String,
        users: String = UserLoadingTests.users,
        mode: Int = 0o600,
        secret: String = "Xq7Lr2Vn9Tz4Kc8Jw5Hy3Pb6Md1Fg"
    ) async throws -> Result<LoadedGateway, CulvertError> {
        let authority = try TestAuthority()
        let directory = try TestDirectory()
        let credentials = try await authority.gateway(addresses: [gatewayAddress])
        try directory.write(credentials.certificatePEM, to: "gateway.crt")
        try directory.write(credentials.keyPEM, to: "gateway.key")
        try directory.write(authority.rootPEM, to: "ca.crt")
        try directory.write(Self.policy, to: "policy.yaml")
        try directory.write(users, to: "users.yaml", mode: mode)
        try directory.write(secret, to: "radius.secret", mode: mode)
        let text = """
            name: vpn.example.com
            identity:
              certificate: gateway.crt
              key: gateway.key
              authorities: ca.crt
            files:
              policy: policy.yaml
              audit: audit.jsonl

            """
        let path = try directory.write(text + section, to: "gateway.yaml")
        do throws(CulvertError) {
            let configuration = try LoadedGateway.readConfiguration(path)
            _ = try configuration.radiusParts()
            return .success(try LoadedGateway.load(configuration, available: AlgorithmSelfTest.run()))
        } catch {
            return .failure(error)
        }
    }

    private func failure(
        _ section: String,
        users: String = UserLoadingTests.users,
        mode: Int = 0o600,
        secret: String = "Xq7Lr2Vn9Tz4Kc8Jw5Hy3Pb6Md1Fg"
    ) async throws -> CulvertError? {
        switch try await load(section, users: users, mode: mode, secret: secret) {
        case .success: return nil
        case .failure(let error): return error
        }
    }

    private static let local = "eap:\n  server: local\n  methods: [mschapv2]\n  users: users.yaml\n"
    private static let radius =
        "eap:\n  server: radius\nradius:\n  servers:\n    - {name: r1, address: 10.20.0.2, secret_file: radius.secret}\n"

    @Test func usersOfAFileAreThereWithTheirGroups() async throws {
        let loaded = try await load(Self.local).get()
        #expect(loaded.eap?.users.groups(of: "alice") == ["staff"])
        #expect(loaded.eap?.users.groups(of: "mallory") == nil)
        #expect(try await failure(Self.radius) == nil)
    }

    @Test func mistakesOfTheSectionHaveTheirPlaceAndTheNearestName() async throws {
        let cases: [(String, ErrorCode, String, String?)] = [
            ("eap:\n  sever: local\n", .unknownKey, "gateway.yaml:10:3", "server"),
            ("eap:\n  server: lokal\n", .invalidValue, "gateway.yaml:10:11", "local"),
            (
                "eap:\n  server: local\n  methods: [mschap]\n  users: users.yaml\n", .invalidValue,
                "gateway.yaml:11:13",
                "mschapv2"
            ),
            ("radius:\n  servres: []\n", .unknownKey, "gateway.yaml:10:3", "servers"),
            ("radius:\n  servers:\n    - {name: r1, adress: 10.0.0.1}\n", .unknownKey, "gateway.yaml:11:18", "address"),
        ]
        for (section, code, place, nearest) in cases {
            let error = try #require(try await failure(section), "\(section)")
            let told = error.rendered
            #expect(told.contains(place) && told.contains(code.description), "\(told)")
            if let nearest { #expect(told.contains(nearest), "\(told)") }
        }
    }

    @Test func mistakesOfTheUsersFileHaveTheirPlaceAndShowNoSecret() async throws {
        let misspelt = Self.users.replacingOccurrences(of: "password:", with: "pasword:")
        var error = try await failure(Self.local, users: misspelt)
        #expect(error?.code == .unknownKey && error?.message.contains("users.yaml:4:5") == true)
        #expect(error?.rendered.contains("password") == true && error?.rendered.contains("horse") == false)
        let twice = Self.users + "\n  - {name: alice, password: \"another secret\"}\n"
        error = try await failure(Self.local, users: twice)
        #expect(error?.code == .duplicateName && error?.message.contains("users.yaml:6:") == true)
        #expect(error?.rendered.contains("another secret") == false)
        error = try await failure(Self.local, users: "version: 1\nusers: [\n")
        #expect(error?.code == .invalidYAML)
        error = try await failure(Self.local.replacingOccurrences(of: "users.yaml", with: "nobody.yaml"))
        #expect(error?.code == .missingFile && error?.message.contains("nobody.yaml") == true)
    }

    @Test func secretsThatOthersMayReadAndShortOnesAreRefused() async throws {
        #expect(try await failure(Self.local, mode: 0o644)?.code == .filePermissions)
        #expect(try await failure(Self.radius, mode: 0o640)?.code == .filePermissions)
        let short = try await failure(Self.radius, secret: "fifteen octets.")
        #expect(short?.code == .weakPSK && short?.rendered.contains("fifteen") == false)
    }

    /// What a reload reads is whole before anything of it is put into force: a bad file leaves users, policy and sessions alone.
    @Test func aBadReloadLeavesTheRunningConfigurationAlone() async throws {
        let authority = try TestAuthority()
        let (directory, configuration) = try await GatewayFixture.files(authority, policy: Self.policy) {
            $0.eap.server = .local
            $0.eap.methods = ["mschapv2"]
        }
        var changed = configuration
        changed.eap.users = try directory.write(Self.users, to: "users.yaml")
        let running = try LoadedGateway.load(changed, available: AlgorithmSelfTest.run())
        try directory.write("version: 1\nusers:\n  - {nme: bob}\n", to: "users.yaml")
        #expect(throws: CulvertError.self) {
            try LoadedGateway.load(changed, previous: running.policy, available: AlgorithmSelfTest.run())
        }
        #expect(running.eap?.users.groups(of: "alice") == ["staff"])
        // A good one counts from the next authentication on.
        try directory.write(Self.users.replacingOccurrences(of: "alice", with: "bob"), to: "users.yaml")
        let next = try LoadedGateway.load(changed, previous: running.policy, available: AlgorithmSelfTest.run())
        #expect(next.eap?.users.groups(of: "bob") == ["staff"] && next.eap?.users.groups(of: "alice") == nil)
    }

    @Test func radiusIsPutIntoForceByReload() {
        let old = GatewayConfiguration()
        var new = old
        new.radius.timeout = .seconds(3)
        new.eap.server = .radius
        #expect(GatewayDaemon.restartOnly(old, new) == [])
    }
}
