import ConfigFile
import IPsecTypes
import Testing

private func decode(_ text: String) throws -> AgentConfiguration {
    try AgentConfiguration.decode(Array(text.utf8), file: "/etc/culvert/agent.yaml")
}

private func codes(_ text: String) -> [ErrorCode] {
    do throws(ConfigProblems) {
        _ = try AgentConfiguration.decode(Array(text.utf8), file: "agent.yaml")
        return []
    } catch {
        return error.problems.map(\.code)
    }
}

@Test func connectionsByProfileCertificateAndSecretAreRead() throws {
    let agent = try decode(
        """
        connections:
          - {name: a, profile: runner1.culvert}
          - name: b
            gateway: vpn.example.com
            certificate: b.crt
            key: b.key
            authorities: /ca.crt
            ca_sha256: 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff
            remote: [10.20.0.0/16]
          - {name: c, gateway: 192.0.2.1, psk_file: c.psk, id: branch.example.com, ike: aes256gcm-x25519, autostart: false}
        """
    )
    #expect(agent.connections.map(\.name) == ["a", "b", "c"])
    #expect(agent.connections[0].credentials == .profile(path: "/etc/culvert/runner1.culvert"))
    #expect(
        agent.connections[1].credentials
            == .certificate(certificate: "/etc/culvert/b.crt", key: "/etc/culvert/b.key", authorities: "/ca.crt")
    )
    #expect(agent.connections[1].rootPins.first?.hasPrefix("00112233") == true)
    #expect(agent.connections[1].remote.map(\.description) == ["10.20.0.0/16"])
    #expect(agent.connections[2].credentials == .presharedKey(path: "/etc/culvert/c.psk"))
    #expect(agent.connections[2].id == "branch.example.com")
    #expect(!agent.connections[2].autostart)
    #expect(agent.connections[2].ikeProposals?.first?.description == "aes256gcm-prfsha384-prfsha256-x25519")
}

@Test func aConnectionNeedsExactlyOneWayToProveItself() {
    #expect(codes("connections: [{name: a, gateway: g.example}]\n") == [.missingKey])
    #expect(codes("connections: [{name: a, gateway: g.example, profile: p, psk_file: q}]\n") == [.missingKey])
    #expect(codes("connections: [{name: a, gateway: g.example, certificate: c}]\n") == [.missingKey])
    #expect(codes("connections: [{name: a, psk_file: q, id: x}]\n") == [.missingKey])
    #expect(codes("connections: [{name: a, gateway: g.example, psk_file: q}]\n") == [.missingKey])
    #expect(codes("connections: [{name: a, profile: p}, {name: a, profile: q}]\n") == [.duplicateName])
    #expect(codes("connections: [{name: a, profile: p, gatway: x}]\n") == [.unknownKey])
    #expect(codes("connections: {name: a}\n") == [.wrongKind])
}

@Test func aConnectionProvesItselfByEAPAloneOrAfterAnotherProof() throws {
    let agent = try decode(
        """
        connections:
          - name: user
            gateway: vpn.example.com
            authorities: ca.crt
            eap: {identity: anna, password_file: anna.password, methods: [mschapv2]}
          - name: alone
            gateway: vpn.example.com
            eap: {identity: anna, certificate: a.crt, key: a.key, authorities: ca.crt, methods: [tls], eap_only: true}
          - name: both
            gateway: vpn.example.com
            certificate: b.crt
            key: b.key
            authorities: ca.crt
            eap: {identity: anna, password_file: anna.password}
        """
    )
    #expect(agent.connections[0].credentials == .eap(authorities: "/etc/culvert/ca.crt"))
    #expect(agent.connections[0].id == "anna")
    #expect(agent.connections[0].eap?.passwordFile == "/etc/culvert/anna.password")
    #expect(agent.connections[1].credentials == .eap(authorities: nil))
    #expect(agent.connections[1].eap?.isAlone == true)
    guard case .certificate = agent.connections[2].credentials else {
        Issue.record("the certificate goes first")
        return
    }
    #expect(agent.connections[2].eap?.methods == ["tls", "ttls", "mschapv2"])
    #expect(codes("connections: [{name: a, gateway: g, eap: {identity: x, password_file: p}}]\n") == [.missingKey])
    #expect(codes("connections: [{name: a, gateway: g, authorities: c, eap: {identity: x}}]\n") == [.missingKey])
    let misspelt = "connections: [{name: a, gateway: g, authorities: c, eap: {identty: x, password_file: p}}]\n"
    #expect(Set(codes(misspelt)) == [.missingKey, .unknownKey])
}

@Test func usersAreReadAndTheirSecretsNeverShown() throws {
    func problems(_ text: String) -> [ConfigProblem] {
        do throws(ConfigProblems) {
            _ = try EAPUserList.decode(Array(text.utf8), file: "users.yaml")
            return []
        } catch {
            return error.problems
        }
    }
    let list = try EAPUserList.decode(
        Array(
            """
            version: 1
            users:
              - {name: anna, password: "correct horse", groups: [staff]}
              - {name: bob, nt_hash: 8846F7EAEE8FB117AD06BDD830B7586C}
              - {name: carol@example.com, groups: [staff, admins]}
            """.utf8
        ),
        file: "users.yaml"
    )
    #expect(list.users.count == 3)
    #expect(list.users["anna"]?.groups == ["staff"])
    if case .password(let secret)? = list.users["anna"]?.secret {
        #expect(secret.isEqual(to: SecretBytes(Array("correct horse".utf8))))
    } else {
        Issue.record("anna has a password")
    }
    #expect(list.users["carol@example.com"]?.secret == nil)
    let bad = problems(
        "version: 1\nusers: [{name: a, nt_hash: hunter2}, {name: a}, {name: b, password: x, nt_hash: y}]\n"
    )
    #expect(bad.count >= 3)
    #expect(!bad.map { "\($0)" }.joined().contains("hunter2"))
    #expect(problems("users: []\n").map(\.code) == [.missingKey])
}

private let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
private let keyPEM = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"

@Test func aProfileReadsBackAsItWasWritten() throws {
    let profile = AgentProfile(
        name: "runner1",
        gateway: "vpn.example.com",
        port: 4500,
        gatewayID: "gw",
        rootPins: [
            String(repeating: "ab", count: 32)
        ],
        certificate: pem,
        key: keyPEM,
        authorities: pem
    )
    let read = try AgentProfile.decode(Array(profile.text.utf8), file: "runner1.culvert")
    #expect(read == profile)
    #expect(read.connection(profilePath: "/p").gateway == "vpn.example.com")
    let plain = AgentProfile(
        name: "a",
        gateway: "2001:db8::1",
        certificate: pem,
        key: keyPEM,
        authorities: pem
    )
    #expect(try AgentProfile.decode(Array(plain.text.utf8), file: "p") == plain)
}

@Test func aDamagedProfileIsRefusedWithoutShowingItsKey() {
    let profile = AgentProfile(
        name: "runner1",
        gateway: "vpn.example.com",
        certificate: pem,
        key: "c2VjcmV0",
        authorities: pem
    )
    #expect(!"\(profile)".contains("c2VjcmV0"))
    #expect(!String(reflecting: profile).contains("c2VjcmV0"))
    do throws(ConfigProblems) {
        _ = try AgentProfile.decode(Array(profile.text.utf8), file: "p")
        Issue.record("accepted")
    } catch {
        #expect(error.problems.map(\.code) == [.badProfile])
        #expect(!error.description.contains("c2VjcmV0"))
    }
    #expect(throws: ConfigProblems.self) { try AgentProfile.decode(Array("version: 2\n".utf8), file: "p") }
}

@Test func transportModeIsBetweenTwoHosts() throws {
    let text = """
        connections:
          - {name: a, gateway: g.example, profile: p, mode: transport}
          - {name: b, gateway: g.example, profile: p, mode: transport, allow_tunnel: true, block_when_down: false}
        """
    let loaded = try AgentConfiguration.decode(Array(text.utf8), file: "agent.yaml").connections
    #expect(loaded[0].mode == .transport && !loaded[0].virtualAddress && loaded[0].blocksWhenDown)
    #expect(!loaded[0].allowsTunnel && loaded[1].allowsTunnel && !loaded[1].blocksWhenDown)
    for extra in ["remote: [10.0.0.0/8]", "local: [10.0.0.0/8]", "virtual_address: true"] {
        #expect(
            codes("connections: [{name: a, gateway: g.e, profile: p, mode: transport, \(extra)}]\n") == [.invalidValue]
        )
    }
    #expect(codes("connections: [{name: a, gateway: g.e, profile: p, allow_tunnel: true}]\n") == [.invalidValue])
    #expect(codes("connections: [{name: a, gateway: g.e, profile: p, block_when_down: true}]\n") == [.invalidValue])
}
