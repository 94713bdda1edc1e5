import ConfigFile
import IPsecTypes
import Testing

private func decode(_ text: String, file: String = "/etc/culvert/gateway.yaml") throws -> GatewayConfiguration {
    try GatewayConfiguration.decode(Array(text.utf8), file: file)
}

private func problems(_ text: String) -> [ConfigProblem] {
    do throws(ConfigProblems) {
        _ = try GatewayConfiguration.decode(Array(text.utf8), file: "gateway.yaml")
        return []
    } catch {
        return error.problems
    }
}

@Test func theDefaultsAreThoseOfTheDecisions() throws {
    let gateway = GatewayConfiguration()
    #expect(gateway.ike.retransmitFirst == .milliseconds(500))
    #expect(gateway.ike.giveUp == .seconds(20))
    #expect(gateway.ike.siteGiveUp == .seconds(60))
    #expect(gateway.ike.dpd == .seconds(10))
    #expect(gateway.ike.siteDPD == .seconds(30))
    #expect(gateway.ike.keepalive == .seconds(20))
    #expect(gateway.ike.halfOpenLife == .seconds(30))
    #expect(gateway.ike.cookiesFrom == 64)
    #expect(gateway.ike.rekeyFrom == .seconds(3000))
    #expect(gateway.ike.rekeyTo == .seconds(3600))
    #expect(gateway.esp.rekeyFrom == .seconds(1200))
    #expect(gateway.esp.rekeyTo == .seconds(1500))
    #expect(gateway.esp.hardLife == .seconds(1800))
    #expect(gateway.esp.rekeyBytes == 1 << 36)
    #expect(gateway.esp.rekeyPackets == 1 << 30)
    #expect(gateway.esp.replayWindow == 4096)
    #expect(gateway.network.mtu == 1380)
    #expect(gateway.network.snat)
    #expect(gateway.network.holdDown == .seconds(300))
    #expect(gateway.listen.ikePort == 500)
    #expect(gateway.listen.natPort == 4500)
    #expect(gateway.limits.queue == 1 << 20)
    #expect(gateway.limits.chain == 8)
    #expect(gateway.files.policy == "/etc/culvert/policy.yaml")
    #expect(gateway.files.control == "/run/culvert/gateway.sock")
    #expect(gateway.ike.proposals.count == 2)
    #expect(gateway.ike.alsoAccept.count == 4)
    #expect(gateway.esp.alsoAccept.count == 6)
}

@Test func theDefaultsAsTextReadBackAsTheDefaults() throws {
    let text = GatewayConfiguration.defaultsText()
    #expect(try decode(text) == GatewayConfiguration())
    let agent = AgentConfiguration.defaultsText()
    #expect(try AgentConfiguration.decode(Array(agent.utf8), file: "agent.yaml") == AgentConfiguration())
}

@Test func everyKeyOfTheDefaultsIsDocumented() {
    for text in [GatewayConfiguration.defaultsText(), AgentConfiguration.defaultsText()] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where index > 0 && line.contains(": ") && !line.contains("#") {
            guard !line.hasPrefix("version") else { continue }
            #expect(lines[index - 1].contains("# "), "\(line)")
        }
        #expect(lines.allSatisfy { !$0.contains("#") || $0.utf8.count <= 110 })
    }
    #expect(GatewayConfiguration.reference.contains("| `dpd` | `10s` |"))
    #expect(AgentConfiguration.reference.contains("| `tun` | `culvert-agent0` |"))
}

@Test func anAlmostEmptyFileIsEnough() throws {
    let gateway = try decode("name: gw1\ntrust_domain: acme.example\n")
    #expect(gateway.identityName == "gw1.acme.example")
    #expect(gateway.pools.first == IPPrefix("10.99.0.0/16"))
    let six = try #require(gateway.pools.last)
    #expect(six.length == 64)
    #expect(six.description.hasPrefix("fd"))
    #expect(try decode("name: gw2\n").pools.last != six)
    #expect(try decode("name: gw1\ntrust_domain: acme.example\n").pools.last == six)
}

@Test func theUniqueLocalPoolOfASeedIsAPrefixOfThatFamily() {
    for seed in [0, 1, UInt64.max, 0x0123_4567_89ab_cdef] {
        let pool = GatewayConfiguration.uniqueLocalPool(seed: seed)
        #expect(pool.length == 64)
        #expect(IPPrefix("fd00::/8")?.range.contains(pool.range) == true)
    }
}

@Test func relativePathsAreTakenFromTheFilesDirectory() throws {
    let text = "files: {policy: policy.yaml, audit: /var/log/a.jsonl}\nidentity: {key: keys/gw.key}\n"
    let gateway = try decode(text, file: "/srv/gw/gateway.yaml")
    #expect(gateway.files.policy == "/srv/gw/policy.yaml")
    #expect(gateway.files.audit == "/var/log/a.jsonl")
    #expect(gateway.identity.key == "/srv/gw/keys/gw.key")
    #expect(try decode("files: {policy: p.yaml}\n", file: "gateway.yaml").files.policy == "p.yaml")
}

@Test func everyValueIsReadFromItsKey() throws {
    let text = """
        version: 1
        log_level: debug
        listen: {addresses: [192.0.2.1, "2001:db8::1"], ike_port: 1500, nat_port: 14500, raw_esp: off}
        network: {tun: tun7, mtu: 1400, pools: [10.1.0.0/24, "fd00:1::/64"], dns: [10.1.0.1], snat: false}
        ike:
          proposals: [aes256gcm-prfsha384-ecp384]
          dpd: 1m30s
        esp: {proposals: aes128gcm, rekey_bytes: 64MiB, replay_window: 128}
        limits: {sessions: 5}
        """
    let gateway = try decode(text)
    #expect(gateway.logLevel == .debug)
    #expect(gateway.listen.addresses.map(\.description) == ["192.0.2.1", "2001:db8::1"])
    #expect(!gateway.listen.rawESP)
    #expect(gateway.pools.map(\.description) == ["10.1.0.0/24", "fd00:1::/64"])
    #expect(!gateway.network.snat)
    #expect(gateway.ike.proposals.map(\.description) == ["aes256gcm-prfsha384-ecp384"])
    #expect(gateway.ike.dpd == .seconds(90))
    #expect(gateway.esp.proposals.map(\.description) == ["aes128gcm"])
    #expect(gateway.esp.rekeyBytes == 64 << 20)
    #expect(gateway.limits.sessions == 5)
}

@Test func aMistypedKeyNamesTheNearestOne() {
    let found = problems("nmae: x\nike:\n  retransmit_frist: 1s\nlisten: {adresses: []}\n")
    #expect(found.map(\.nearest) == ["name", "retransmit_first", "addresses"])
    #expect(found.map(\.place.line) == [1, 3, 4])
    #expect(found.allSatisfy { $0.code == .unknownKey })
}

@Test func valuesOutOfBoundsAreRefusedWithTheBounds() {
    func message(_ text: String) -> String { problems(text).first?.message ?? "" }
    #expect(message("network: {mtu: 100}\n") == "100 is out of bounds: bytes of 1280 to 9000")
    #expect(
        message("ike: {dpd: 2h}\n") == "2h is out of bounds: a duration of 1s to 1h, such as 30s"
    )
    #expect(message("ike: {dpd: 10}\n").hasPrefix("expected a duration"))
    #expect(message("ike: {cookies_from: -1}\n").hasPrefix("expected a whole number of 0"))
    #expect(message("listen: {ike_port: 0x1F4}\n").hasPrefix("expected a port"))
    #expect(message("network: {snat: yes}\n").hasPrefix("expected true or false"))
    #expect(message("log_level: verbose\n").hasPrefix("expected one of trace, debug"))
    #expect(message("network: {mtu: }\n").hasPrefix("mtu has no value"))
    #expect(message("version: 2\n").contains("not supported"))
}

@Test func settingsThatContradictEachOtherAreRefused() {
    func codes(_ text: String) -> [ErrorCode] { problems(text).map(\.code) }
    #expect(codes("ike: {rekey_from: 2h}\n") == [.outOfRange])
    #expect(codes("esp: {hard_life: 21m}\n") == [.outOfRange])
    #expect(codes("esp: {replay_window: 100}\n") == [.outOfRange])
    #expect(codes("listen: {ike_port: 4500}\n") == [.invalidValue])
    #expect(codes("network: {pools: [10.0.0.0/8, 10.99.0.0/16]}\n") == [.poolConflict])
    #expect(codes("network: {pools: [127.0.0.0/16]}\n") == [.poolConflict])
    #expect(codes("network: {pools: [0.0.0.0/0]}\n").contains(.outOfRange))
    #expect(codes("network: {pools: [\"fe80::/64\"]}\n") == [.poolConflict])
    #expect(codes("network: {pools: [10.99.1.0/16]}\n") == [.invalidValue])
}

@Test func weakAlgorithmsAreRefusedByNameWithTheReason() {
    let found = problems("ike: {proposals: [aes256cbc-sha1-modp1024]}\nesp: {proposals: [3des-sha256]}\n")
    #expect(found.map(\.code) == [.weakAlgorithm, .weakAlgorithm])
    #expect(found[0].message.hasPrefix("sha1 is refused: the hash is broken"))
    #expect(found[1].message.hasPrefix("3des is refused: 64-bit blocks"))
    let unknown = problems("ike: {proposals: [aes265gcm-x25519]}\n")
    #expect(unknown.map(\.code) == [.unknownAlgorithm])
    #expect(unknown.first?.nearest == "aes256gcm")
    #expect(problems("ike: {proposals: [aes256gcm-mlkem768]}\n").isEmpty)
    #expect(problems("ike: {proposals: [aes256gcm-x25519+mlkem512]}\n").map(\.code) == [.weakAlgorithm])
    let classical = problems("ike:\n  proposals: [aes256gcm-x25519]\n  require_pq: true\n")
    #expect(classical.map(\.code) == [.invalidValue])
    #expect(classical.first?.place.line == 3)
    #expect(problems("ike: {require_pq: true}\n").isEmpty)
}

@Test func problemsRenderLikeACompilersWithTheLineAndAMark() throws {
    let text = "name: gw\nike:\n  retransmit_frist: 1s\nnetwork: {mtu: 100}\n"
    do throws(ConfigProblems) {
        _ = try GatewayConfiguration.decode(Array(text.utf8), file: "gateway.yaml")
        Issue.record("accepted")
    } catch {
        #expect(
            error.rendered(source: text) == """
                gateway.yaml:3:3: error[E1003]: unknown key "retransmit_frist" in ike; did you mean "retransmit_first"?
                 3 |   retransmit_frist: 1s
                   |   ^
                gateway.yaml:4:16: error[E1005]: 100 is out of bounds: bytes of 1280 to 9000
                 4 | network: {mtu: 100}
                   |                ^
                2 errors
                """
        )
        let rendered = CulvertError(error).rendered
        #expect(rendered.hasPrefix("error[E1003] config: gateway.yaml:3:3: unknown key"))
        #expect(rendered.contains("\n  nearest  retransmit_first\n"))
    }
}

@Test func aUsersPathsFollowTheXDGDirectories() {
    let plain = StandardPaths.user(home: "/users/a")
    #expect(plain.configuration == "/users/a/.config/culvert")
    #expect(plain.run == "/users/a/.local/state/culvert/run")
    let full = StandardPaths.user(
        home: "/users/a",
        configurationHome: "/c",
        stateHome: "/s",
        runtimeDirectory: "/run/user/7"
    )
    #expect(full == StandardPaths(configuration: "/c/culvert", state: "/s/culvert", run: "/run/user/7/culvert"))
    #expect(GatewayConfiguration(paths: full).files.ca == "/s/culvert/ca")
}

@Test func radiusServersAreReadWithTheirSecretsFiles() throws {
    let text = """
        eap: {server: radius}
        radius:
          servers:
            - {name: r1, address: 10.20.0.2, secret_file: radius.secret}
            - {name: r2, address: "fd00::2", port: 11812, accounting_port: 11813, secret_file: /etc/r2}
          dynamic_authorization:
            - {address: 10.20.0.2, secret_file: radius.secret}
        """
    let radius = try decode(text).radius
    #expect(radius.servers.map(\.name) == ["r1", "r2"])
    #expect(radius.servers.map(\.port) == [1812, 11_812])
    #expect(radius.servers.map(\.accountingPort) == [1813, 11_813])
    #expect(radius.servers.map(\.secretFile) == ["/etc/culvert/radius.secret", "/etc/r2"])
    #expect(radius.dynamicClients.map(\.address) == [try #require(IPAddress("10.20.0.2"))])
    // What is shown reads back the same.
    let shown = GatewayConfiguration.defaultsText(try decode(text))
    #expect(try decode(shown).radius == radius)
}

@Test func radiusSettingsThatCannotWorkAreRefused() {
    func codes(_ text: String) -> [ErrorCode] { problems(text).map(\.code) }
    #expect(codes("eap: {server: radius}\n") == [.missingKey])
    #expect(codes("radius: {servers: [{name: r1, address: 10.0.0.1}]}\n") == [.missingKey])
    #expect(codes("radius: {servers: [{nmae: r1, address: 10.0.0.1, secret_file: s}]}\n").contains(.unknownKey))
    #expect(codes("radius: {budget: 29s}\nike: {half_open_life: 20s}\n") == [.outOfRange])
    let server = "{name: r1, address: 10.0.0.1, secret_file: s}"
    #expect(codes("radius: {servers: [\(server), \(server)]}\n") == [.duplicateName])
}
