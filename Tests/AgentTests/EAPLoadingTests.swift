import ConfigFile
import EAP
import IKECrypto
import IKEv2
import IPsecTypes
import RuntimeDoubles
import Testing

@testable import Agent
@testable import Runtime

/// `eap:` of an agent's connection: what it becomes, and how mistakes are told.
@Suite struct EAPLoadingTests {
    private func load(
        _ eap: String,
        password: String = "alice-pw\n",
        mode: Int = 0o600
    ) throws -> Result<
        LoadedConnection, CulvertError
    > {
        let directory = try TestDirectory()
        try directory.write(password, to: "alice.password", mode: mode)
        try directory.write(try TestAuthority().rootPEM, to: "ca.crt")
        let text = """
            connections:
              - name: office
                gateway: 192.0.2.1
                authorities: \(directory.path)/ca.crt
                eap:
                  \(eap.replacing("@", with: directory.path))
            """
        do throws(CulvertError) {
            let agent: AgentConfiguration
            do throws(ConfigProblems) {
                agent = try AgentConfiguration.decode(Array(text.utf8), file: "agent.yaml")
            } catch {
                throw CulvertError(error)
            }
            let loader = ConnectionLoader(settings: agent, available: AlgorithmSelfTest.run())
            return .success(try loader.load(agent.connections[0]))
        } catch {
            return .failure(error)
        }
    }

    private func failure(_ eap: String, password: String = "alice-pw\n", mode: Int = 0o600) throws -> CulvertError? {
        switch try load(eap, password: password, mode: mode) {
        case .success: return nil
        case .failure(let error): return error
        }
    }

    @Test func aUserWithAPasswordIsAuthenticatedByEAPAndTheGatewayByItsCertificate() throws {
        let loaded = try load("{identity: alice, methods: [mschapv2], password_file: @/alice.password}").get()
        #expect(loaded.configuration.localAuthentication == .eap(settings: "office"))
        #expect(loaded.trust != nil && !loaded.configuration.eapOnly)
        #expect(loaded.eap?.settings.identity == "alice")
        // The line end is not part of it.
        #expect(loaded.eap?.settings.password?.isEqual(to: SecretBytes("alice-pw".utf8)) == true)
    }

    @Test func mistakesHaveTheirPlaceAndTheNearestName() throws {
        let cases: [(String, ErrorCode, String, String)] = [
            ("{identty: alice, password_file: p}", .unknownKey, "agent.yaml:6:8", "identity"),
            ("{identity: alice, methods: [mschap2], password_file: p}", .invalidValue, "agent.yaml:6:35", "mschapv2"),
        ]
        for (eap, code, place, nearest) in cases {
            let error = try #require(try failure(eap))
            #expect(error.rendered.contains(place) && error.rendered.contains(nearest), "\(error.rendered)")
            #expect(error.rendered.contains(code.description), "\(error.rendered)")
        }
    }

    @Test func secretsAreFilesThatNobodyElseReads() throws {
        let eap = "{identity: alice, methods: [mschapv2], password_file: @/alice.password}"
        #expect(try failure(eap, mode: 0o644)?.code == .filePermissions)
        let missing = "{identity: alice, methods: [mschapv2], password_file: /nonexistent/p}"
        #expect(try failure(missing)?.code == .missingFile)
    }
}
