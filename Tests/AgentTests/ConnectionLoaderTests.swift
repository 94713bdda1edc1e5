import ConfigFile
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import RuntimeDoubles
import Testing

@testable import Agent
@testable import Runtime

@Suite struct ConnectionLoaderTests {
    private let loader = ConnectionLoader(settings: AgentConfiguration(), available: AlgorithmSelfTest.run())

    private func failure(_ connection: AgentConnection) -> CulvertError? {
        do throws(CulvertError) {
            _ = try loader.load(connection)
            return nil
        } catch {
            return error
        }
    }

    private func profile(
        _ authority: TestAuthority,
        in directory: TestDirectory,
        mode: Int = 0o600
    ) async throws -> String {
        let credentials = try await authority.agent("runner1")
        let profile = AgentProfile(
            name: "runner1",
            gateway: "192.0.2.1",
            rootPins: ["\(authority.pin)"],
            certificate: credentials.certificatePEM,
            key: credentials.keyPEM,
            authorities: authority.rootPEM
        )
        return try directory.write(profile.text, to: "runner1.culvert", mode: mode)
    }

    @Test func aProfileIsAllThatIsNeeded() async throws {
        let directory = try TestDirectory()
        let path = try await profile(TestAuthority(), in: directory)
        let connection = try loader.readProfile(path).connection(profilePath: path)
        let loaded = try loader.load(connection)
        #expect(loaded.remotes.map(\.description) == ["192.0.2.1:500"])
        #expect(loaded.configuration.remoteIdentity == .oneOf([.address(gatewayAddress)]))
        #expect(loaded.trust?.purpose == .gateway, "no agent's certificate may pose as a gateway")
        #expect(loaded.signer != nil && loaded.preSharedKey == nil && !loaded.wantsEverything)
        #expect(loaded.configuration.localIdentity.description.contains(".example.com"))
    }

    @Test func aProfileThatOthersMayReadIsRefused() async throws {
        let directory = try TestDirectory()
        let path = try await profile(TestAuthority(), in: directory, mode: 0o644)
        #expect(
            failure(AgentConnection(name: "x", gateway: nil, credentials: .profile(path: path)))?.code
                == .filePermissions
        )
        let missing = AgentConnection(name: "x", gateway: nil, credentials: .profile(path: "\(directory.path)/none"))
        #expect(failure(missing)?.code == .missingFile)
        let bad = try directory.write("version: 1\nname: x\n", to: "bad.culvert")
        let error = failure(AgentConnection(name: "x", gateway: nil, credentials: .profile(path: bad)))
        #expect(error?.message.contains("bad.culvert:1:1") == true)
    }

    @Test func rootsMustBeThosePinned() async throws {
        let directory = try TestDirectory()
        let path = try await profile(TestAuthority(), in: directory)
        var connection = try loader.readProfile(path).connection(profilePath: path)
        connection.rootPins = ["\(try TestAuthority().pin)"]
        #expect(failure(connection)?.code == .untrustedIssuer)
    }

    @Test func aPreSharedKeyIsCheckedAndFreedOfItsLineEnd() throws {
        let directory = try TestDirectory()
        let strong = try directory.write("3b0d5e4a9c7f1628e4d09ab57c3f6e1d\r\n", to: "strong.psk")
        var connection = AgentConnection(name: "b", gateway: "192.0.2.1", credentials: .presharedKey(path: strong))
        connection.id = "agent.example.com"
        let loaded = try loader.load(connection)
        #expect(loaded.preSharedKey?.count == 32 && loaded.trust == nil)
        connection.credentials = .presharedKey(path: try directory.write("password1", to: "weak.psk"))
        #expect(failure(connection)?.code == .weakPSK)
        connection.credentials = .presharedKey(path: strong)
        connection.id = nil
        #expect(failure(connection)?.code == .invalidValue)
    }

    @Test func everythingIsWantedOnlyWhenItIsWritten() throws {
        let directory = try TestDirectory()
        let path = try directory.write("3b0d5e4a9c7f1628e4d09ab57c3f6e1d", to: "strong.psk")
        var connection = AgentConnection(name: "b", gateway: "192.0.2.1", credentials: .presharedKey(path: path))
        connection.id = "agent.example.com"
        connection.remote = [prefix("0.0.0.0/0"), prefix("::/0")]
        #expect(try loader.load(connection).wantsEverything)
    }

    @Test func secretsShowNothing() async throws {
        let directory = try TestDirectory()
        let path = try await profile(TestAuthority(), in: directory)
        let profile = try loader.readProfile(path)
        var dumped = "\(profile) \(String(reflecting: profile))"
        dump(profile, to: &dumped)
        #expect(!dumped.contains("PRIVATE"))
    }
}
